"""Reads a page as a browser would, and strictly: what is opened is closed, and in order."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any

VOID = frozenset({"meta", "link", "input", "br", "img", "hr"})


@dataclass
class Element:
    """An element with its attributes, its children, and the text directly in it."""

    tag: str
    attributes: dict[str, str | None]
    children: list[Element] = field(default_factory=list)
    text: str = ""

    def all(self, tag: str | None = None, **attributes: str) -> list[Element]:
        """Every element below with this tag and these attributes, in order; `class_` asks for one of the classes."""
        wanted = {name.removesuffix("_").replace("_", "-"): value for name, value in attributes.items()}
        found = []
        for child in self.children:
            if tag in (None, child.tag) and all(child.has(name, value) for name, value in wanted.items()):
                found.append(child)
            found.extend(child.all(tag, **attributes))
        return found

    def has(self, name: str, value: str) -> bool:
        """Whether an attribute has a value, or a class is among the classes."""
        own = self.attributes.get(name)
        return value in (own or "").split() if name == "class" else own == value

    def markup(self) -> str:
        """The element as it would be written, apart from the order of attributes."""
        attributes = "".join(f' {name}="{value}"' for name, value in sorted(self.attributes.items()))
        return f"<{self.tag}{attributes}>{self.text}{''.join(child.markup() for child in self.children)}</{self.tag}>"


class _Reader(HTMLParser):
    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.root = Element("document", {})
        self.open = [self.root]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, _ in attrs]
        assert len(names) == len(set(names)), f"an attribute stands twice in {tag}"
        element = Element(tag, dict(attrs))
        self.open[-1].children.append(element)
        if tag not in VOID:
            self.open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.open[-1].children.append(Element(tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1].tag == tag, f"{self.open[-1].tag} is closed as {tag}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.open[-1].text += data


def read(page: str) -> Element:
    """The page as a tree. AssertionError where its elements are not nested."""
    reader = _Reader()
    reader.feed(page)
    reader.close()
    assert reader.open == [reader.root], "an element is not closed"
    return reader.root


def walked(root: Element) -> dict[str, Any]:
    """The data that the explorer of a page walks."""
    (block,) = root.all("script", type="application/json")
    data: dict[str, Any] = json.loads(block.text)
    return data
