"""One kernel with its support as one file, which needs neither `derive` nor `generated`.

The modules of `generated.support` that the kernel imports are written into the file before it. Each of their names
gets the name of its module in front, so that none meets another; everything else, comments too, stays as it is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from importlib import resources
from typing import TYPE_CHECKING, TypeGuard

from derive.errors import DeriveError
from derive.render import render

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable

    from derive.cell import Cell

TARGETS = ("cpu", "cuda", "reference")
_SUPPORT = "generated.support"
_KEPT = ("cuda.kinds",)
"""Modules whose names stay: a device reads them in the annotations of kernels."""


@dataclass(frozen=True)
class _Source:
    """One module's text and tree; `name` is that of the support module behind the package, "" for the kernel."""

    name: str
    text: str
    tree: ast.Module

    @property
    def imports(self) -> tuple[ast.ImportFrom, ...]:
        """The imports of support at the top level."""
        return tuple(node for node in self.tree.body if _is_support(node))

    @property
    def late(self) -> tuple[ast.ImportFrom, ...]:
        """The imports of support inside functions, which one of two modules that need each other has."""
        return tuple(node for node in ast.walk(self.tree) if _is_support(node) and node.col_offset)

    @property
    def renamed(self) -> dict[str, str]:
        """What the names of a support module's top level are called in the file."""
        if not self.name:
            return {}
        front = "" if self.name in _KEPT else f"_{self.name.replace('.', '_')}_"
        names = _bound(self.tree.body) - _imported(self.tree)
        return {name: front + name.lstrip("_") if front else name for name in names}


def standalone(cell: Cell, target: str = "cpu") -> str:
    """The kernel module of `cell` with its support in one text; it imports NumPy, and Numba for "cpu".

    That for "cuda" imports CuPy and numba-cuda too, when it is called.

    Raises DeriveError for a target that is no module.
    """
    if target not in TARGETS:
        raise DeriveError(f"there is no target `{target}` to export; targets are {', '.join(TARGETS)}")
    text = render(cell, target)
    kernel = _Source("", text, ast.parse(text))
    sources: dict[str, _Source] = {}
    _collect(kernel.imports, sources)
    renamed = {name: source.renamed for name, source in sources.items()}
    imports = sorted({line for source in (*sources.values(), kernel) for line in _foreign_imports(source)})
    imports.sort(key=lambda line: line.startswith("from"))
    docstring = ast.get_docstring(kernel.tree, clean=False) or ""
    note = f"One file: the parts of {_SUPPORT} that it needs stand before the kernel.\n"
    head = f'"""{docstring.rstrip()}\n\n{note}"""\n\nfrom __future__ import annotations\n\n' + "\n".join(imports)
    blocks = [f"# {_SUPPORT}.{name}\n\n{_body(source, renamed)}" for name, source in sources.items()]
    return "\n\n\n".join((head, *blocks, _body(kernel, renamed))) + "\n"


def _collect(imports: Sequence[ast.ImportFrom], found: dict[str, _Source]) -> None:
    """The support modules that these imports need, each behind those that it needs itself, but for its late ones."""
    for name in (each.module for node in imports for each in _bindings(node)):
        if name not in found:
            text = _support(f"{name.replace('.', '/')}.py").read_text(encoding="utf-8")
            module = _Source(name, text, ast.parse(text))
            _collect(module.imports, found)
            found[name] = module
            _collect(module.late, found)


@dataclass(frozen=True)
class _Binding:
    """What an import of support binds: a module, or the name in it that is not "", and what it is called."""

    module: str
    name: str
    called: str


def _bindings(node: ast.ImportFrom) -> Iterator[_Binding]:
    """What one import of support binds."""
    path = (node.module or "").removeprefix(_SUPPORT).removeprefix(".")
    for alias in node.names:
        called = alias.asname or alias.name
        if _support(path.replace(".", "/")).is_dir():
            yield _Binding(f"{path}.{alias.name}".removeprefix("."), "", called)
        else:
            yield _Binding(path, alias.name, called)


def _support(path: str) -> Traversable:
    """A file or folder of the support."""
    return resources.files(_SUPPORT).joinpath(path)


def _is_support(node: ast.AST) -> TypeGuard[ast.ImportFrom]:
    return isinstance(node, ast.ImportFrom) and (node.module or "").startswith(_SUPPORT)


def _foreign_imports(source: _Source) -> Iterator[str]:
    """The imports of other packages, one name each, so that those of several modules can be united."""
    for node in source.tree.body:
        if isinstance(node, ast.Import):
            yield from (ast.unparse(ast.Import([alias])) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node not in source.imports and node.module != "__future__":
            yield from (ast.unparse(ast.ImportFrom(node.module, [alias], 0)) for alias in node.names)


def _body(source: _Source, renamed: Mapping[str, Mapping[str, str]]) -> str:
    """The text of a module without its docstring and imports, its references to support renamed."""
    names = dict(source.renamed)
    modules = {}
    for each in (each for node in (*source.imports, *source.late) for each in _bindings(node)):
        if each.name:
            names[each.called] = renamed[each.module][each.name]
        else:
            modules[each.called] = renamed[each.module]
    edits = _Renaming(names, modules, source.text)
    edits.visit(source.tree)
    for index, node in enumerate(source.tree.body):
        if isinstance(node, ast.Import | ast.ImportFrom) or (index == 0 and isinstance(node, ast.Expr)):
            edits.replace(node, "")
    text = edits.applied()
    return re.sub(r"\n{4,}", "\n\n\n", text).strip("\n")


@dataclass
class _Renaming(ast.NodeTransformer):
    """Finds the references to top-level names and notes the edits of the text that rename them."""

    names: Mapping[str, str]
    modules: Mapping[str, Mapping[str, str]]
    text: str
    scopes: list[frozenset[str]] = field(default_factory=list)
    edits: list[tuple[int, int, str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.lines = [line.encode() for line in self.text.splitlines(keepends=True)]

    def replace(self, node: ast.stmt | ast.expr, text: str) -> None:
        """Note that `node` becomes `text`."""
        assert node.end_lineno is not None
        assert node.end_col_offset is not None
        self.edits.append(
            (self._at(node.lineno, node.col_offset), self._at(node.end_lineno, node.end_col_offset), text)
        )

    def applied(self) -> str:
        """The text with all edits."""
        result = b"".join(self.lines)
        for start, end, text in sorted(self.edits, reverse=True):
            result = result[:start] + text.encode() + result[end:]
        return result.decode()

    def visit_Name(self, node: ast.Name) -> ast.expr:
        return self._renamed(node, self.names.get(node.id), node.id)

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        if isinstance(node.value, ast.Name) and node.value.id in self.modules:
            return self._renamed(node, self.modules[node.value.id].get(node.attr), node.value.id)
        return self.generic_visit(node)

    def visit_JoinedStr(self, node: ast.JoinedStr) -> ast.AST:
        """Places inside an f-string are not exact before Python 3.12: it is written anew as a whole."""
        before, noted = ast.unparse(node), len(self.edits)
        self.generic_visit(node)
        del self.edits[noted:]
        if ast.unparse(node) != before:
            self.replace(node, ast.unparse(node))
        return node

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        """A definition: its decorators, defaults and annotations belong to the scope around it."""
        self._rename_definition(node, "def")
        for late in filter(_is_support, node.body):
            self.edits.append((self._at(late.lineno, 0), self._at(late.lineno + 1, 0), ""))
        node.body = [statement for statement in node.body if not _is_support(statement)]
        for part in (*node.decorator_list, node.args, *([node.returns] if node.returns else [])):
            self.visit(part)
        return self._inside(node, _arguments(node.args) | _bound(node.body), node.body)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        """A class: methods do not see its fields, so the names of its body hide nothing from them."""
        self._rename_definition(node, "class")
        return self.generic_visit(node)

    def visit_AnnAssign(self, node: ast.AnnAssign) -> ast.AST:
        """A field of a class keeps its name; its annotation and value are references."""
        is_field = isinstance(node.target, ast.Name) and node.target.id not in self.names
        for part in (node.annotation, node.value, None if is_field else node.target):
            if part is not None:
                self.visit(part)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> ast.AST:
        """A lambda's arguments hide names in its body."""
        self.visit(node.args)
        return self._inside(node, _arguments(node.args), [node.body])

    def generic_visit(self, node: ast.AST) -> ast.AST:
        """A comprehension hides the names that it binds; everything else is visited part by part."""
        if isinstance(node, ast.ListComp | ast.SetComp | ast.DictComp | ast.GeneratorExp):
            self.scopes.append(_bound([comprehension.target for comprehension in node.generators]))
            super().generic_visit(node)
            self.scopes.pop()
            return node
        return super().generic_visit(node)

    def _inside(self, node: ast.AST, bound: frozenset[str], body: Sequence[ast.AST]) -> ast.AST:
        self.scopes.append(bound)
        for part in body:
            self.visit(part)
        self.scopes.pop()
        return node

    def _renamed(self, node: ast.expr, new: str | None, first: str) -> ast.expr:
        if new is None or any(first in scope for scope in self.scopes):
            return node
        self.replace(node, new)
        return ast.copy_location(ast.Name(new, ast.Load()), node)

    def _rename_definition(self, node: ast.FunctionDef | ast.ClassDef, keyword: str) -> None:
        if node.name in self.names and not self.scopes and node.col_offset == 0:
            start = self._at(node.lineno, node.col_offset + len(keyword) + 1)
            self.edits.append((start, start + len(node.name), self.names[node.name]))

    def _at(self, line: int, column: int) -> int:
        """The byte at a line, from 1, and a column in bytes."""
        return sum(map(len, self.lines[: line - 1])) + column


def _bound(nodes: Sequence[ast.AST]) -> frozenset[str]:
    """The names that these nodes bind in their own scope."""
    found: set[str] = set()
    waiting: list[ast.AST] = list(nodes)
    while waiting:
        node = waiting.pop()
        match node:
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                found.add(name)
                continue
            case ast.Lambda() | ast.ListComp() | ast.SetComp() | ast.DictComp() | ast.GeneratorExp():
                continue
            case ast.Name(id=name, ctx=ast.Store()) | ast.alias(asname=str(name)) | ast.alias(name=name, asname=None):
                found.add(name)
        waiting.extend(ast.iter_child_nodes(node))
    return frozenset(found)


def _imported(tree: ast.Module) -> frozenset[str]:
    return _bound([node for node in tree.body if isinstance(node, ast.Import | ast.ImportFrom)])


def _arguments(arguments: ast.arguments) -> frozenset[str]:
    every = (*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg)
    return frozenset(argument.arg for argument in every if argument is not None)
