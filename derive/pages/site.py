"""The site: a page for every cell, with its circuit as a file, and for every document, comparisons, an index."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from derive.cell import Cell
from derive.equations import load
from derive.errors import DeriveError
from derive.files import write_whole
from derive.pages.cell_page import cell_page
from derive.pages.comparison import comparison_page
from derive.pages.documents import document_page, source_page, with_links
from derive.pages.index import comparisons_page, index_page
from derive.pages.inputs import digest
from derive.pages.links import COMPARISONS, INDEX, TRAVEL, Link, Site, cell_file, circuit_file, comparison_file
from derive.pages.relatives import distances, pair, relatives
from derive.pages.travel_page import GATED, SIMPLE, WORKED, travel_page
from derive.printers.svg import standalone

DOCUMENTS = (
    ("Guide", "guide.md"),
    ("Routes", "routes.md"),
    ("Language", "language.md"),
    ("Notation", "notation.md"),
    ("Kernels", "kernels.md"),
    ("Vectors", "vectors.md"),
    ("CUDA", "cuda.md"),
    ("Checks", "checks.md"),
    ("Speed", "measurements/README.md"),
    ("Examples", "examples/README.md"),
)
"""The documents of the navigation, by their paths in the folder docs."""

_MADE = ".made.json"


@dataclass(frozen=True, slots=True)
class Task:
    """A page, or a file beside one, to be made: what it is, of which cells or document, and the site as it sees it."""

    file: str
    kind: str
    names: tuple[str, ...]
    site: Site


@dataclass(frozen=True, slots=True)
class Plan:
    """All pages of the site, those of the longest work first; `relatives_of` gives those of each cell."""

    tasks: tuple[Task, ...]
    cells: tuple[str, ...]
    relatives_of: Mapping[str, tuple[tuple[str, int], ...]]
    docs: Path | None


def write_site(out: Path, cells: Sequence[str], jobs: int = 1) -> Iterator[tuple[str, bool]]:
    """Write the site of `cells` into `out`; yields every file with whether it was made anew, in the order of the pages.

    A page that follows from the same inputs as before is left alone. Pages of an earlier site that this one lacks are
    removed. Raises DeriveError where a page cannot be made or written.
    """
    plan = _plan(cells)
    known = _known(out / _MADE)
    inputs = {
        task.file: digest(task.kind, repr(task.names), repr(task.site), *_sources(plan, task)) for task in plan.tasks
    }
    due = [task for task in plan.tasks if known.get(task.file) != _stamp(inputs[task.file], out / task.file)]
    made: dict[str, str] = {}
    for task, text in _made(plan, due, jobs):
        write_whole(out / task.file, text)
        made[task.file] = _stamp(inputs[task.file], out / task.file)
        yield task.file, True
    for task in plan.tasks:
        if task.file not in made:
            made[task.file] = known[task.file]
            yield task.file, False
    for file in sorted(known.keys() - made.keys()):
        (out / file).unlink(missing_ok=True)
    write_whole(out / _MADE, json.dumps(made, indent=0, sort_keys=True))


def _plan(names: Sequence[str]) -> Plan:
    docs = _documents_folder()
    graphs = {name: Cell(load(name)).graph for name in names}
    titles = {name: graph.equations.title or name for name, graph in graphs.items()}
    distance = distances(graphs)
    relatives_of = relatives(names, distance)
    present = [(label, path) for label, path in DOCUMENTS if docs and (docs / path).is_file()]
    navigation = (
        Link("Cells", INDEX),
        *([Link("Compared", COMPARISONS)] if len(names) > 1 else []),
        Link("Errors", TRAVEL),
        *(Link(label, _file(path)) for label, path in present),
    )
    site = Site(navigation)
    tasks = [
        Task(
            cell_file(name),
            "cell",
            (name,),
            site.at(
                INDEX,
                tuple(Link(titles[other], comparison_file(*pair(name, other))) for other in relatives_of[name]),
                (Link(circuit_file(name), circuit_file(name)),),
            ),
        )
        for name in names
    ]
    tasks.extend(Task(circuit_file(name), "circuit", (name,), site) for name in names)
    pairs = sorted({pair(name, other) for name in names for other in relatives_of[name]})
    travelled = (SIMPLE, GATED, WORKED)
    shown = tuple(Link(titles[name], cell_file(name)) for name in travelled if name in titles)
    tasks.append(Task(TRAVEL, "travel", travelled, site.at(TRAVEL, shown)))
    tasks.append(Task(INDEX, "index", tuple(names), site.at(INDEX)))
    tasks.extend(Task(comparison_file(*each), "comparison", each, site.at(COMPARISONS)) for each in pairs)
    if len(names) > 1:
        tasks.append(Task(COMPARISONS, "comparisons", tuple(names), site.at(COMPARISONS)))
    for path in _document_files(docs) if docs else ():
        above = next((shown for _, shown in present if Path(shown).parent == Path(path).parent != Path()), path)
        tasks.append(Task(_file(path), "document", (path,), site.at(_file(above))))
    ranked = {name: tuple((other, distance[pair(name, other)]) for other in relatives_of[name]) for name in names}
    return Plan(tuple(tasks), tuple(names), ranked, docs)


def _made(plan: Plan, tasks: Sequence[Task], jobs: int) -> Iterator[tuple[Task, str]]:
    """The pages of `tasks`, by `jobs` processes where there is more than one of both."""
    if jobs < 2 or len(tasks) < 2:
        for task in tasks:
            yield task, _text(plan, task)
        return
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(jobs, len(tasks)), mp_context=context) as pool:
        running = [(task, pool.submit(_text, plan, task)) for task in tasks]
        try:
            for task, future in running:
                yield task, future.result()
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _text(plan: Plan, task: Task) -> str:
    """The page of a task."""
    match task.kind:
        case "cell":
            return cell_page(Cell(load(task.names[0])), task.site)
        case "circuit":
            cell = Cell(load(task.names[0]))
            return standalone(cell.circuit, cell.equations)
        case "comparison":
            first, second = (Cell(load(name)) for name in task.names)
            return comparison_page(first, second, task.site)
        case "index":
            return index_page([Cell(load(name)) for name in task.names], task.site)
        case "comparisons":
            return comparisons_page(plan.relatives_of, task.site)
        case "travel":
            return travel_page(task.site)
    assert plan.docs is not None
    (path,) = task.names
    text = (plan.docs / path).read_text(encoding="utf-8")
    if not path.endswith(".md"):
        return source_page(path, text, task.site)
    paths = _document_files(plan.docs)
    if path.endswith("README.md"):
        inside = [item for item in paths if Path(item).parent == Path(path).parent and item != path]
        text = with_links(text, "Files", [(Path(item).name, Path(item).name) for item in inside])
    files = {item: _file(item) for item in paths}
    return document_page(path, text, files, _reader(plan.docs), task.site)


def _sources(plan: Plan, task: Task) -> Iterator[bytes]:
    """What a page is made from, apart from the tool."""
    if task.kind != "document":
        for name in plan.cells if task.kind in ("index", "comparisons") else task.names:
            yield repr(load(name)).encode()
        return
    assert plan.docs is not None
    folder = (plan.docs / task.names[0]).parent
    for path in sorted((*folder.glob("*"), *folder.glob("images/*"))):
        if path.suffix in (".md", ".svg", ".py"):
            yield path.name.encode()
            yield path.read_bytes()


def _documents_folder() -> Path | None:
    """The folder docs of a clone; None where the package is installed without it."""
    folder = Path(__file__).parents[2] / "docs"
    return folder if (folder / "guide.md").is_file() else None


def _document_files(docs: Path) -> tuple[str, ...]:
    """The paths of all documents and examples that have a page, those of the navigation first."""
    listed = [path for _, path in DOCUMENTS if (docs / path).is_file()]
    others = [*docs.glob("*.md"), *docs.glob("measurements/*.md"), *docs.glob("examples/*.py")]
    rest = sorted(path.relative_to(docs).as_posix() for path in others)
    return tuple(dict.fromkeys((*listed, *rest)))


def _file(path: str) -> str:
    """The page of a document: guide.html, measurements.html, examples-hello.html."""
    parts = Path(path).with_suffix("").parts
    return "-".join(part for part in parts if part != "README") + ".html"


def _reader(docs: Path) -> Callable[[str], bytes]:
    def read(path: str) -> bytes:
        try:
            return (docs / path).read_bytes()
        except OSError as reason:
            raise DeriveError(f"docs/{path} cannot be read: {reason.strerror}") from None

    return read


def _known(path: Path) -> dict[str, str]:
    """The stamps of the pages that an earlier run wrote."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError):
        return {}


def _stamp(inputs: str, page: Path) -> str:
    """The hash of what a page was made from and of what it holds."""
    content = page.read_bytes() if page.is_file() else b"missing"
    return hashlib.sha256(inputs.encode() + content).hexdigest()
