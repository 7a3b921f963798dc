"""The guide and the references: Markdown of the repository as pages of the site."""

from __future__ import annotations

import base64
import itertools
import mimetypes
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markupsafe import Markup

from derive.errors import DeriveError
from derive.pages.code import coloured
from derive.pages.html import page
from derive.pages.links import Site
from derive.pages.results import bars

_COMMENT = re.compile(r"(\s*<!--.*?-->\s*)+", re.DOTALL)
_ALIGNMENT = {"text-align:right": "right", "text-align:center": "centre", "text-align:left": ""}
_LANGUAGES = {"python": "Python", "toml": "TOML", "console": "Terminal", "ebnf": "Grammar", "text": "Output"}


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading of a page, for its contents."""

    level: int
    text: str
    anchor: str


@dataclass(frozen=True, slots=True)
class Document:
    """What the template of a document lays out."""

    title: str
    contents: tuple[Heading, ...]
    body: Markup


def document_page(path: str, text: str, files: Mapping[str, str], read: Callable[[str], bytes], site: Site) -> str:
    """The page of the Markdown file at `path`, whose text is `text`.

    `files` gives for the path of every document of the site its page; `read` the content of a picture at a path.
    Raises DeriveError for a link that leads out of the site, and for markup that is not Markdown.
    """
    return page("document.html.j2", site=site, document=document(path, text, files, read))


def source_page(name: str, text: str, site: Site) -> str:
    """The page of an example: its code."""
    code = Markup('<pre class="python" tabindex="0" role="group" aria-label="Python"><code>{}</code></pre>')
    return page("document.html.j2", site=site, document=Document(name, (), code.format(coloured(text, "python"))))


def document(path: str, text: str, files: Mapping[str, str], read: Callable[[str], bytes]) -> Document:
    """What the page shows."""
    markdown = MarkdownIt("commonmark", {"html": True}).enable("table")
    tokens = markdown.parse(text)
    headings = tuple(_headings(tokens))
    site_rules = _SiteRules(path, text, files, read)
    for token in tokens:
        site_rules.link(token)
        for child in token.children or ():
            site_rules.link(child)
    _shape_tables(tokens)
    _name_headings(tokens, headings)
    renderer = RendererHTML()
    rules: dict[str, Any] = renderer.rules
    for rule in ("fence", "image", "html_block", "html_inline"):
        rules[rule] = getattr(site_rules, rule)
    rules |= {
        "code_block": _code_block,
        "table_open": _constant('<div class="scroll" role="region" aria-label="Table" tabindex="0">\n<table>\n'),
        "table_close": _constant("</table>\n</div>\n"),
        "heading_open": _heading_open,
        "heading_close": _heading_close,
    }
    title = next((heading.text for heading in headings if heading.level == 1), path)
    # The template sets the title, before the contents.
    first = 3 if tokens and tokens[0].tag == "h1" else 0
    body = renderer.render(tokens[first:], markdown.options, {})
    return Document(title, tuple(item for item in headings if item.level in (2, 3)), Markup(body))


def anchor(title: str) -> str:
    """How a heading is linked to: lower case, without punctuation, blanks as hyphens."""
    return re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-")


def with_links(text: str, title: str, links: Sequence[tuple[str, str]]) -> str:
    """Markdown with a section more, of links to files: their labels and their paths."""
    if not links:
        return text
    lines = "\n".join(f"- [{label}]({path})" for label, path in links)
    return f"{text.rstrip()}\n\n## {title}\n\n{lines}\n"


class _SiteRules:
    """How a page of the site renders what leads elsewhere, links and pictures, and code and HTML."""

    def __init__(self, path: str, text: str, files: Mapping[str, str], read: Callable[[str], bytes]) -> None:
        self._path, self._files, self._read = path, files, read
        self._bars = bars(text)

    def link(self, token: Token) -> None:
        """Give a link its page of the site."""
        if token.type == "link_open":
            target, _, fragment = str(token.attrGet("href")).partition("#")
            file = self._files.get(self._resolved(target)) if target else ""
            if file is None:
                raise DeriveError(f"{self._path} links to {target}, which is no page of the site")
            token.attrSet("href", f"{file}#{fragment}" if fragment else file)

    def image(self, tokens: Sequence[Token], index: int, *_: Any) -> str:
        """A picture, inside the page."""
        target = self._resolved(str(tokens[index].attrGet("src")))
        kind = mimetypes.guess_type(target)[0] or "application/octet-stream"
        content = base64.b64encode(self._read(target)).decode()
        return f'<img alt="{escape(tokens[index].content)}" src="data:{kind};base64,{content}">'

    def fence(self, tokens: Sequence[Token], index: int, *_: Any) -> str:
        """A block of code in colours."""
        language = tokens[index].info.strip() or "text"
        label = _LANGUAGES.get(language, language)
        code = coloured(tokens[index].content, language)
        return f'<pre class="{language}" tabindex="0" role="group" aria-label="{label}"><code>{code}</code></pre>\n'

    def html_block(self, tokens: Sequence[Token], index: int, *_: Any) -> str:
        """Comments, which mark places of the source, are left out; behind the table of mutants stands its picture."""
        if not _COMMENT.fullmatch(tokens[index].content):
            raise DeriveError(f"{self._path} holds HTML: {tokens[index].content.strip()}")
        return self._bars if "<!-- end mutants -->" in tokens[index].content else ""

    html_inline = html_block

    def _resolved(self, target: str) -> str:
        return posixpath.normpath(posixpath.join(posixpath.dirname(self._path), target))


def _headings(tokens: Sequence[Token]) -> Iterator[Heading]:
    taken: set[str] = set()
    for opening, inline in itertools.pairwise(tokens):
        if opening.type == "heading_open":
            text = "".join(child.content for child in inline.children or ())
            name = wanted = anchor(text)
            count = 0
            while name in taken:
                count += 1
                name = f"{wanted}-{count}"
            taken.add(name)
            yield Heading(int(opening.tag[1]), text, name)


def _name_headings(tokens: Sequence[Token], headings: Sequence[Heading]) -> None:
    openings = (token for token in tokens if token.type == "heading_open")
    for token, heading in zip(openings, headings, strict=True):
        token.attrSet("id", heading.anchor)


def _heading_open(tokens: Sequence[Token], index: int, *_: Any) -> str:
    name = tokens[index].attrGet("id")
    return f'<{tokens[index].tag} id="{name}"><a class="anchor" href="#{name}">'


def _heading_close(tokens: Sequence[Token], index: int, *_: Any) -> str:
    return f"</a></{tokens[index].tag}>\n"


def _code_block(tokens: Sequence[Token], index: int, *_: Any) -> str:
    return f'<pre tabindex="0" role="group" aria-label="Text"><code>{escape(tokens[index].content)}</code></pre>\n'


def _constant(markup: str) -> Callable[..., str]:
    return lambda *_: markup


def _shape_tables(tokens: Sequence[Token]) -> None:
    """Alignment of words by class; a head without words is no head; a row with a first cell alone begins a group."""
    row: Token | None = None
    filled: list[bool] = []
    for at, token in enumerate(tokens):
        if token.type == "tr_open":
            row, filled = token, []
        elif token.type in ("th_open", "td_open"):
            words = bool(tokens[at + 1].content)
            filled.append(words)
            kind = _ALIGNMENT[str(token.attrs.pop("style", "text-align:left"))]
            if kind and words:
                token.attrSet("class", kind)
            if token.type == "th_open" and words:
                token.attrSet("scope", "col")
            elif token.type == "th_open":
                token.tag = tokens[at + 2].tag = "td"
        elif token.type == "tr_close" and row is not None and len(filled) > 1 and filled[0] and not any(filled[1:]):
            row.attrSet("class", "group")
