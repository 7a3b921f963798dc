"""Links of the pages resolve, and the commands, targets and extras that they name exist."""

import re
import shlex
import tomllib

import pytest
import typer

from derive.cli import app
from tests.docs.pages import PAGES, ROOT, commands, page

COMMANDS = typer.main.get_command(app).commands
TARGETS = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))


def anchor(title):
    """How a heading is linked to: lower case, without punctuation, blanks as hyphens."""
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")


def without_code(text):
    return re.sub(r"^```.*?^```$", "", text, flags=re.MULTILINE | re.DOTALL)


@pytest.mark.parametrize("name", PAGES)
def test_relative_links_resolve(name):
    for target in re.findall(r"\]\(([^)\s]+)\)", without_code(page(name))):
        if re.match(r"[a-z]+:", target):
            continue
        path, _, fragment = target.partition("#")
        linked = (ROOT / name).parent / path if path else ROOT / name
        assert linked.exists(), f"{name} links to {target}"
        if fragment:
            titles = re.findall(r"^#+ (.*)$", without_code(linked.read_text(encoding="utf-8")), re.MULTILINE)
            assert fragment in map(anchor, titles), f"{name} links to {target}"


def test_every_page_is_linked_from_the_readme():
    for name in PAGES[1:]:
        assert f"]({name})" in page("README.md"), name


def spoken(name):
    """The calls of `derive` and `make` in console blocks and in the text."""
    yield from (command for command, _ in commands(name))
    yield from re.findall(r"`((?:derive|make) [^`]+)`", without_code(page(name)))


@pytest.mark.parametrize("name", PAGES)
def test_commands_and_their_options_exist(name):
    for call in spoken(name):
        program, *words = [word for word in shlex.split(call.partition(">")[0]) if "=" not in word]
        if program == "make":
            assert set(words) <= TARGETS, call
        elif program == "derive":
            command = COMMANDS[words[0]]
            options = {option for parameter in command.params for option in parameter.opts}
            assert {word for word in words[1:] if word.startswith("--")} <= options, call
        else:
            assert (program, (ROOT / words[0]).is_file()) == ("python", True), call


def test_every_command_and_target_is_documented():
    text = "\n".join(call for name in PAGES for call in spoken(name))
    assert {name for name in COMMANDS if not re.search(rf"derive {name}\b", text)} == set()
    assert {name for name in TARGETS - {"all", "distclean"} if not re.search(rf"make {name}\b", text)} == set()


def test_every_extra_is_documented():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    listed = re.findall(r"^\| `(\w+)` \|", page("README.md"), re.MULTILINE)
    assert sorted(listed) == sorted(project["optional-dependencies"])


def test_files_named_in_the_text_exist():
    pattern = re.compile(r"`((?:derive|docs|generated|templates|tests)/[\w./]+\.\w+)`")
    for name in PAGES:
        for path in pattern.findall(page(name)):
            if "my_cell" not in path and "CELL" not in path:
                assert (ROOT / path).exists(), f"{name}: {path}"
