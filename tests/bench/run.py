"""`make bench`: one pass forward and back of the CPU kernels, beside PyTorch and the reference, on one thread.

Contenders take turns, so that a change of the machine's pace meets all of them. The table shows medians; the file
build/bench.json holds every round.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import os
import platform
import statistics
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

# Set before Python starts, because NumPy and Numba read them when they are imported.
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
OUT = Path(__file__).resolve().parents[2] / "build" / "bench.json"
# The cells whose equations are those of a layer of PyTorch.
LAYERS = {"lstm": "LSTM", "gru_reset_after": "GRU"}


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of one run."""

    steps: int
    batch: int
    input_size: int
    hidden_size: int

    def __str__(self) -> str:
        return f"T={self.steps} B={self.batch} I={self.input_size} H={self.hidden_size}"


SHAPES = (Shape(64, 1, 64, 128), Shape(64, 16, 128, 128), Shape(64, 64, 256, 256))


@dataclass(frozen=True, slots=True)
class Result:
    """The seconds of every round of one contender."""

    cell: str
    shape: Shape
    contender: str
    rounds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The median in seconds."""
        return statistics.median(self.rounds)


def main() -> None:
    """Measure, show and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=11, metavar="N", help="rounds of each contender; default 11")
    rounds = parser.parse_args().rounds
    if any(os.environ.get(name) != "1" for name in THREADS):
        parser.error(f"this measures one thread: set {', '.join(THREADS)} to 1, as `make bench` does")
    jobs = [(cell, shape) for cell in LAYERS for shape in SHAPES]
    console = Console()
    bar = track(jobs, "measuring", console=console, transient=True, disable=not console.is_terminal)
    results = [result for cell, shape in bar for result in measure(cell, shape, rounds)]
    console.print(table(results))
    OUT.parent.mkdir(exist_ok=True)
    OUT.write_text(json.dumps(report(results), indent=2) + "\n", encoding="utf-8")
    console.print(f"build/{OUT.name} holds every round", highlight=False)


def measure(cell: str, shape: Shape, rounds: int) -> list[Result]:
    """Every contender once to warm up, which compiles, then `rounds` times in turn."""
    runs = contenders(cell, shape)
    for run in runs.values():
        run()
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            started = time.perf_counter()
            run()
            seconds[name].append(time.perf_counter() - started)
    return [Result(cell, shape, name, tuple(values)) for name, values in seconds.items()]


def contenders(cell: str, shape: Shape) -> dict[str, Callable[[], None]]:
    """What is measured: one forward and one backward pass in float32, all gradients included."""
    runs = {"cpu": kernel(f"generated.cpu.{cell}", shape)}
    if importlib.util.find_spec("torch"):
        runs["torch"] = layer(LAYERS[cell], shape)
    runs["reference"] = kernel(f"generated.reference.{cell}", shape)
    return runs


def arrays(shape: Shape) -> tuple[np.ndarray, np.ndarray]:
    """x and dy, the same for every contender."""
    draw = np.random.default_rng(0).standard_normal
    leading = (shape.steps, shape.batch)
    return (
        draw((*leading, shape.input_size), dtype=np.float32),
        draw((*leading, shape.hidden_size), dtype=np.float32),
    )


def kernel(name: str, shape: Shape) -> Callable[[], None]:
    """A generated module."""
    module = importlib.import_module(name)
    params = module.init(shape.input_size, shape.hidden_size, dtype=np.float32, seed=0)
    x, dy = arrays(shape)

    def run() -> None:
        _, _, tape = module.forward(params, x)
        module.backward(params, tape, dy=dy)

    return run


def layer(name: str, shape: Shape) -> Callable[[], None]:
    """A layer of PyTorch."""
    torch = importlib.import_module("torch")
    torch.set_num_threads(1)
    module = getattr(torch.nn, name)(shape.input_size, shape.hidden_size)
    x, dy = map(torch.from_numpy, arrays(shape))
    x.requires_grad_()

    def run() -> None:
        module.zero_grad(set_to_none=True)
        x.grad = None
        y, _ = module(x)
        y.backward(dy)

    return run


def table(results: list[Result]) -> Table:
    """Medians, and how many times as long as the CPU kernel each takes."""
    shown = Table(title="one pass forward and back, float32, one thread; medians", box=None, header_style="bold")
    for column in ("cell", "shape", "contender"):
        shown.add_column(column, no_wrap=True)
    for column in ("ms", "times cpu"):
        shown.add_column(column, justify="right", no_wrap=True)
    base = {(result.cell, result.shape): result.median for result in results if result.contender == "cpu"}
    for result in results:
        ratio = result.median / base[result.cell, result.shape]
        shown.add_row(result.cell, str(result.shape), result.contender, f"{1e3 * result.median:.2f}", f"{ratio:.2f}")
    return shown


def report(results: list[Result]) -> dict[str, object]:
    """What the file holds."""
    packages = ["numpy", "numba", *(["torch"] if importlib.util.find_spec("torch") else [])]
    return {
        "machine": platform.processor() or platform.machine(),
        "python": platform.python_version(),
        "packages": {name: version(name) for name in packages},
        "threads": 1,
        "dtype": "float32",
        "results": [{**asdict(result), "median": result.median} for result in results],
    }


if __name__ == "__main__":
    main()
