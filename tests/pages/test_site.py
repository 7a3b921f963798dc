"""The site: every page is there, every link leads somewhere, nothing comes from elsewhere, the same bytes each time."""

from __future__ import annotations

import re
import shutil
import webbrowser
from pathlib import Path

import pytest
from typer.testing import CliRunner

from derive.cell import Cell
from derive.cli import app
from derive.equations import load, names
from derive.families import families
from derive.pages.cell_page import LARGEST
from derive.pages.site import write_site
from derive.printers.svg import standalone
from tests.pages.reading import read

HAS_TEX = shutil.which("latexmk") is not None and shutil.which("pdflatex") is not None

CELLS = ("dense", "gru", "rnn")
_CARRIED = re.compile(r"url\((?!#|data:)|(?<![-\w])(?:src|action|formaction|poster|srcset)=\"(?!data:)|@import")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The site of three cells."""
    out = tmp_path_factory.mktemp("site")
    written = dict(write_site(out, CELLS))
    assert all(written.values())
    assert sorted(written) == sorted(path.name for path in out.glob("[!.]*"))
    return out


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[str, str]:
    """Every page by its file."""
    return {path.name: path.read_text(encoding="utf-8") for path in sorted(site.glob("*.html"))}


def test_every_page_is_there(pages: dict[str, str]) -> None:
    others = ("index", "comparisons", "travel", "guide", "language", "kernels", "checks")
    wanted = {f"{name}.html" for name in (*CELLS, *others)}
    assert wanted <= pages.keys()
    assert "compare-gru-rnn.html" in pages
    assert any(name.startswith("measurements-") for name in pages)


def test_no_page_is_too_large_to_be_sent(pages: dict[str, str]) -> None:
    """Records of measurements, which carry their plots, among them."""
    assert {name: len(text) for name, text in pages.items() if len(text.encode()) > LARGEST} == {}


def test_cells_with_states_lead_to_the_page_on_errors_as_every_page_does(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        root = read(text)
        (navigation,) = root.all("nav", aria_label="Site")
        assert "travel.html" in [link.attributes["href"] for link in navigation.all("a")], name
        sections = root.all("section", id="travel")
        assert bool(sections) == (name in ("gru.html", "rnn.html"))
        for section in sections:
            assert "travel.html" in [link.attributes["href"] for link in section.all("a")], name
    (main,) = read(pages["travel.html"]).all("main")
    assert "rnn.html" in [link.attributes["href"] for link in main.all("a")]


def test_the_circuit_of_a_cell_is_a_file_beside_its_page(site: Path, pages: dict[str, str]) -> None:
    assert sorted(path.name for path in site.glob("*.svg")) == [f"{name}.svg" for name in CELLS]
    for name in CELLS:
        cell = Cell(load(name))
        assert (site / f"{name}.svg").read_text(encoding="utf-8") == standalone(cell.circuit, cell.equations)
        links = [item.attributes for item in read(pages[f"{name}.html"]).all("a") if "download" in item.attributes]
        assert [link["href"] for link in links if f"{name}.svg" in (link["download"], link["href"])] == [f"{name}.svg"]


def test_every_link_leads_to_a_page_and_to_a_place_in_it(site: Path, pages: dict[str, str]) -> None:
    places = {
        name: {element.attributes.get("id") for element in read(text).all() if "id" in element.attributes}
        for name, text in pages.items()
    }
    for name, text in pages.items():
        for link in read(text).all("a"):
            href = link.attributes["href"] or ""
            if href.startswith("data:") or re.match(r"#v=", href):
                continue
            file, _, place = href.partition("#")
            assert not file or (site / file).is_file(), f"{name} links to {href}"
            assert not place or place in places[file or name], f"{name} links to {href}"


def test_nothing_comes_from_elsewhere(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        assert not _CARRIED.search(text), name
        for element in read(text).all():
            for attribute in ("href", "src"):
                assert not re.match(r"(?:[a-z]+:)?//", element.attributes.get(attribute) or ""), name
        policies = [
            item.attributes["content"] or "" for item in read(text).all("meta") if "http-equiv" in item.attributes
        ]
        assert policies[0].startswith("default-src 'none';"), name


def test_every_page_leads_to_the_index_and_has_one_main_heading(pages: dict[str, str]) -> None:
    for name, text in pages.items():
        root = read(text)
        assert len(root.all("h1")) == 1, name
        assert "index.html" in {link.attributes["href"] for link in root.all("a")}, name


def test_the_index_shows_every_cell_with_its_circuit(pages: dict[str, str]) -> None:
    tiles = read(pages["index.html"]).all("a", class_="tile")
    assert sorted(tile.attributes["href"] or "" for tile in tiles) == [f"{name}.html" for name in CELLS]
    assert all(tile.all("svg") for tile in tiles)


def test_the_page_of_routes_holds_its_pictures(pages: dict[str, str]) -> None:
    assert pages["routes.html"].count('src="data:image/svg+xml;base64,') == 3


def test_what_may_scroll_is_reached_by_keys(pages: dict[str, str]) -> None:
    for name in ("guide.html", "routes.html", "travel.html", "gru.html"):
        root = read(pages[name])
        blocks = [item.attributes for item in (*root.all("pre"), *root.all("div", class_="scroll"))]
        assert blocks
        assert all(item.get("tabindex") == "0" and item.get("aria-label") for item in blocks), name


def test_the_index_tells_what_the_cells_of_a_family_have_in_common(pages: dict[str, str]) -> None:
    told = [section for section in read(pages["index.html"]).all("section") if section.has("class", "family")]
    assert len(told) == len(families(CELLS))
    for section, family in zip(told, families(CELLS), strict=True):
        assert [item.text for item in section.all("h2")] == [family.title]
        assert [item.text for item in section.all("p")] == [family.about]
        assert [item.text for item in section.all("code")] == list(family.cells)


def test_tables_without_words_in_their_head_have_no_head_there(pages: dict[str, str]) -> None:
    name = next(name for name in pages if name.startswith("measurements-"))
    root = read(pages[name])
    assert all(head.text.strip() or head.children for head in root.all("th"))
    assert root.all("tr", class_="group")


def test_a_second_run_leaves_pages_alone_and_a_changed_one_is_made_anew(site: Path) -> None:
    before = {path: path.read_bytes() for path in site.glob("*.html")}
    (site / "gru.html").write_text("spoilt", encoding="utf-8")
    written = dict(write_site(site, CELLS))
    assert [name for name, made in written.items() if made] == ["gru.html"]
    assert {path: path.read_bytes() for path in site.glob("*.html")} == before


def test_the_same_bytes_by_several_processes_and_in_another_folder(site: Path, tmp_path: Path) -> None:
    list(write_site(tmp_path, CELLS, jobs=2))
    for path in site.glob("[!.]*"):
        assert (tmp_path / path.name).read_bytes() == path.read_bytes(), path.name


def test_pages_of_cells_that_are_no_more_are_removed(tmp_path: Path) -> None:
    list(write_site(tmp_path, ("dense", "rnn")))
    (tmp_path / "notes.html").write_text("mine", encoding="utf-8")
    list(write_site(tmp_path, ("rnn",)))
    assert not (tmp_path / "dense.html").exists()
    assert not (tmp_path / "dense.svg").exists()
    assert not (tmp_path / "compare-dense-rnn.html").exists()
    assert (tmp_path / "notes.html").exists()


def test_a_cell_of_ones_own_is_documented_in_the_current_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    run = CliRunner().invoke
    assert run(app, ["new", "mine.toml"]).exit_code == 0
    result = run(app, ["docs", "mine.toml"])
    assert (result.exit_code, result.output) == (0, "mine.html\n")
    compared = run(app, ["docs", "--compare", "mine.toml", "rnn", "--out", "pages"])
    assert (compared.exit_code, compared.output) == (0, "pages/compare-mine-rnn.html\n")
    assert sorted(path.name for path in tmp_path.rglob("*.html")) == ["compare-mine-rnn.html", "mine.html"]
    for path in tmp_path.rglob("*.html"):
        hrefs = [link.attributes["href"] or "" for link in read(path.read_text(encoding="utf-8")).all("a")]
        assert all(href.startswith(("#", "data:")) for href in hrefs), "a page that stands alone links to no other"


@pytest.mark.skipif(not HAS_TEX, reason="latexmk or pdflatex is not installed")
def test_a_pdf_stands_beside_the_page_and_the_page_is_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    monkeypatch.setattr(webbrowser, "open", lambda url: not opened.append(url))
    out = tmp_path / "my pages"
    result = CliRunner().invoke(app, ["docs", "dense", "--pdf", "--open", "--out", str(out)])
    assert (result.exit_code, result.output) == (0, f"{out}/dense.html\n{out}/dense.pdf\n")
    assert sorted(path.name for path in out.iterdir()) == ["dense.html", "dense.pdf"]
    assert (out / "dense.pdf").read_bytes().startswith(b"%PDF-")
    assert opened == [(out / "dense.html").as_uri()]


def test_a_pdf_without_tex_is_refused_in_one_line_before_anything_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    result = CliRunner().invoke(app, ["docs", "dense", "--pdf", "--out", str(tmp_path)])
    assert result.exit_code == 1
    assert result.stderr.startswith("error: a PDF needs latexmk and pdflatex")
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_machine_without_a_browser_is_told_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webbrowser, "open", lambda url: False)
    result = CliRunner().invoke(app, ["docs", "dense", "--open", "--out", str(tmp_path)])
    assert (result.exit_code, (tmp_path / "dense.html").is_file()) == (1, True)
    assert result.stderr == f"error: this machine has no browser to open {tmp_path / 'dense.html'} with\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["no_such_cell"], "no_such_cell"),
        (["dense", "no_such_cell"], "no_such_cell"),
        (["dense", "rnn", "dense"], "`dense` and `dense` are both called `dense`"),
        (["--compare", "rnn", "rnn"], "both cells are called"),
        (["--compare", "rnn", "no_such_cell"], "no_such_cell"),
        (["--pdf"], "--pdf needs a CELL"),
        (["rnn", "--compare", "rnn", "gru"], "--compare takes"),
    ],
)
def test_mistakes_are_told_without_a_traceback(arguments: list[str], message: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["docs", *arguments, "--out", str(tmp_path)])
    assert result.exit_code != 0
    assert message in re.sub(r"[│\s]+", " ", result.output + result.stderr)
    assert "Traceback" not in result.output
    assert not list(tmp_path.iterdir())


def test_names_of_cells_are_those_of_no_other_page() -> None:
    documents = Path(__file__).parents[2] / "docs"
    taken = {"index", "comparisons", "travel", *(path.stem for path in documents.glob("*.md"))}
    assert not taken & set(names())
