"""A cell's file -> its entries: TOML, read with tomllib and checked key by key.

Here a key is checked for its form only; whether the name it is about exists is the business of `names` and `kinds`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import NoReturn

from derive.equations.latex import latex_objection
from derive.equations.limits import MAX_DIGITS, MAX_LABEL
from derive.equations.model import Init, Kind, Loss, Number
from derive.equations.page import Page, close_names, listed
from derive.equations.scan import name_objection, number_objection
from derive.equations.syntax import RESERVED
from derive.errors import DeriveError

_BLOCK = re.compile(r"\s*equations\s*=\s*('''|\"\"\")")
_TABLES = ("parameters", "constants", "dimensions", "init", "initial", "latex")
_KEYS = ("name", "title", "source", "equations", "inputs", "outputs", "loss", *_TABLES)
_LOSSES = ("softmax_cross_entropy", "mse")
_LOSS = re.compile(r"\s*([A-Za-z]\w*)\s*\(\s*(\w+)\s*\)\s*", re.ASCII)
_UNIFORM = re.compile(r"\s*uniform\s*\(\s*([0-9.eE+-]+)\s*\)\s*")


@dataclass(frozen=True, slots=True)
class Document:
    """What a cell's text says, entry by entry.

    `lines` are the numbers and texts of the lines of equations, blank where the file holds something else, so that
    columns are those of the file. `block` is their text as it is written. `outputs` is empty where it is not given.
    """

    page: Page
    name: str
    lines: tuple[tuple[int, str], ...]
    block: str
    title: str = ""
    source: str = ""
    inputs: tuple[str, ...] = ("x",)
    outputs: tuple[str, ...] = ()
    loss: Loss | None = None
    parameters: Mapping[str, Kind] = field(default_factory=dict)
    constants: Mapping[str, Number] = field(default_factory=dict)
    dimensions: Mapping[str, str] = field(default_factory=dict)
    init: Mapping[str, Init] = field(default_factory=dict)
    initial: Mapping[str, float] = field(default_factory=dict)
    latex: Mapping[str, str] = field(default_factory=dict)

    def error(self, message: str, table: str, key: str = "") -> DeriveError:
        """The error to raise for `key` of `[table]`; a key of the top level is given as the table."""
        line, column = self.page.key(table, key) if key else self.page.key("", table)
        return self.page.error(message, line, column)


def is_toml(page: Page) -> bool:
    """Whether the page is a whole TOML document: a line of it opens the block of equations."""
    return any(_BLOCK.match(line) for line in page.lines)


def read_bare(page: Page, name: str) -> Document:
    """The document of bare equations."""
    return Document(page, _name(page, name, 1, 1), tuple(enumerate(page.lines, 1)), "\n".join(page.lines))


def read_toml(page: Page, name: str) -> Document:
    """The document of a TOML page; `name` is the cell's name where the file gives none.

    DeriveError for what is no TOML, for an unknown key and for a value of the wrong form.
    """
    table = _load(page)
    reader = _Entries(page)
    for key in table:
        if key not in _KEYS:
            reader.refuse(f"`{key}` is not a key of a cell.{close_names(key, _KEYS)} Keys are {listed(_KEYS)}.", key)
    tables = {key: reader.table(table.get(key, {}), key) for key in _TABLES}
    named = reader.text(table["name"], "name") if "name" in table else name
    lines, block = _block(page, table.get("equations"))
    return Document(
        page=page,
        name=_name(page, named, *page.key("", "name")),
        lines=lines,
        block=block,
        title=reader.text(table.get("title", ""), "title"),
        source=reader.text(table.get("source", ""), "source"),
        inputs=reader.names(table["inputs"], "inputs") if "inputs" in table else ("x",),
        outputs=reader.names(table["outputs"], "outputs") if "outputs" in table else (),
        loss=reader.loss(table["loss"]) if "loss" in table else None,
        parameters={key: reader.kind(value, key) for key, value in tables["parameters"].items()},
        constants={key: reader.number(value, "constants", key) for key, value in tables["constants"].items()},
        dimensions={key: reader.dimension(value, key) for key, value in tables["dimensions"].items()},
        init={key: reader.init(value, key) for key, value in tables["init"].items()},
        initial={key: float(reader.number(value, "initial", key).value) for key, value in tables["initial"].items()},
        latex={key: reader.latex(value, key) for key, value in tables["latex"].items()},
    )


@dataclass(frozen=True, slots=True)
class _Entries:
    """Checks the form of one value after the other."""

    page: Page

    def refuse(self, message: str, table: str, key: str = "") -> NoReturn:
        line, column = self.page.key(table, key) if key else self.page.key("", table)
        raise self.page.error(message, line, column)

    def text(self, value: object, key: str) -> str:
        if not isinstance(value, str):
            self.refuse(f"`{key}` is a text in quotes", key)
        if len(value) > MAX_LABEL or not value.isprintable():
            self.refuse(f"`{key}` is one line of at most {MAX_LABEL} printable characters", key)
        return value

    def table(self, value: object, key: str) -> dict[str, object]:
        if not isinstance(value, dict):
            line, column = self.page.key(key)
            raise self.page.error(f"`{key}` is a table: write `[{key}]` and below it `name = value`", line, column)
        for name in value:
            self.name(name, key, name)
        return value

    def name(self, value: object, table: str, key: str = "") -> str:
        if not isinstance(value, str):
            self.refuse(f"`{table}` holds names in quotes, not {value!r}", table, key)
        if value in RESERVED:
            self.refuse(f"`{value}` has a meaning of its own and cannot be a name here", table, key)
        if reason := name_objection(value):
            self.refuse(reason, table, key)
        return value

    def names(self, value: object, key: str) -> tuple[str, ...]:
        if not isinstance(value, list) or not value:
            self.refuse(f'`{key}` is a list of at least one name: `{key} = ["..."]`', key)
        names = tuple(self.name(item, key) for item in value)
        for position, name in enumerate(names):
            if name in names[:position]:
                self.refuse(f"`{name}` stands twice in `{key}`", key)
        return names

    def loss(self, value: object) -> Loss:
        match = _LOSS.fullmatch(value) if isinstance(value, str) else None
        if match is None or match.group(1) not in _LOSSES:
            forms = " or ".join(f'"{rule}(o)"' for rule in _LOSSES)
            self.refuse(f"`loss` is {forms}, where `o` is the variable that it reads", "loss")
        return Loss(match.group(1), match.group(2))

    def kind(self, value: object, key: str) -> Kind:
        if not isinstance(value, str) or value not in {kind.value for kind in Kind}:
            self.refuse(f'`{key}` in [parameters] is "scalar", "vector" or "matrix"', "parameters", key)
        return Kind(value)

    def number(self, value: object, table: str, key: str) -> Number:
        if isinstance(value, bool) or not isinstance(value, int | Decimal):
            self.refuse(f"`{key}` in [{table}] is a number", table, key)
        decimal = Decimal(value)
        if not decimal.is_finite() or len(decimal.as_tuple().digits) > MAX_DIGITS or abs(decimal.adjusted()) > 99:
            self.refuse(f"`{key}` is a finite number of at most {MAX_DIGITS} digits, up to 1e30", table, key)
        exact = Fraction(decimal)
        if reason := number_objection(exact):
            self.refuse(reason, table, key)
        return Number(exact, str(value))

    def dimension(self, value: object, key: str) -> str:
        if not isinstance(value, str) or name_objection(value) or not value.endswith("_size"):
            self.refuse(f'`{key}` in [dimensions] is a name that ends in _size, such as "cell_size"', "dimensions", key)
        return value

    def init(self, value: object, key: str) -> Init:
        """A number, or one of the rules by name."""
        if not isinstance(value, str):
            return Init("number", float(self.number(value, "init", key).value))
        if value in ("glorot", "orthogonal"):
            return Init(value)
        match = _UNIFORM.fullmatch(value)
        try:
            bound = Decimal(match.group(1)) if match else Decimal(-1)
        except ArithmeticError:
            bound = Decimal(-1)
        if bound < 0:
            forms = 'a number, "glorot", "orthogonal" or "uniform(0.1)"'
            self.refuse(f"`{key}` in [init] is {forms}", "init", key)
        return Init("uniform", float(self.number(bound, "init", key).value))

    def latex(self, value: object, key: str) -> str:
        if not isinstance(value, str):
            self.refuse(f"`{key}` in [latex] is a text in quotes", "latex", key)
        if reason := latex_objection(value):
            self.refuse(f"the notation of `{key}`: {reason}", "latex", key)
        return value


def _load(page: Page) -> dict[str, object]:
    """The tables of the page as tomllib reads them, numbers with a point as exact decimals."""
    try:
        return tomllib.loads("\n".join(page.lines), parse_float=Decimal)
    except RecursionError:
        raise page.error("the values of this file are nested too deeply") from None
    except ValueError as reason:
        found = re.search(r"\(at line (\d+), column (\d+)\)", str(reason))
        place = (int(found.group(1)), int(found.group(2))) if found else (len(page.lines), 1)
        detail = str(reason).partition(" (at ")[0]
        raise page.error(f"this is not TOML: {detail}", *place) from None


def _name(page: Page, name: str, line: int, column: int) -> str:
    """`name` if a file and a module can be called so."""
    if reason := name_objection(name):
        raise page.error(f'{reason}; the name of a cell is given by `name = "..."`', line, column)
    return name


def _block(page: Page, value: object) -> tuple[tuple[tuple[int, str], ...], str]:
    """The lines of the block of equations with their numbers, what is not of it blanked out, and its text."""
    first, column = page.key("", "equations")
    if value is None:
        raise page.error("the file has no equations: write `equations = '''`, the equations, and `'''`")
    opening = _BLOCK.match(page.lines[first - 1])
    if not isinstance(value, str) or opening is None:
        raise page.error("`equations` is a text of several lines between ''' and '''", first, column)
    fence = opening.group(1)
    rest = "\n".join((" " * opening.end() + page.lines[first - 1][opening.end() :], *page.lines[first:]))
    raw = rest.partition(fence)[0]
    if raw[opening.end() :].removeprefix("\n") != value:
        raise page.error("write the equations between ''' and ''', where no character is escaped", first, column)
    return tuple(enumerate(raw.split("\n"), first)), value
