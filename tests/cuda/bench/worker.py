"""A process that runs cases on the device: jobs come as lines of JSON, answers go out as such.

A kernel that goes wrong takes the device away from its process, and one that waits for ever can only be killed with it:
so the process that has the records runs nothing itself. What libraries print is sent to standard error.
"""

from __future__ import annotations

import importlib
import json
import os
import platform
import shutil
import subprocess
import sys
import traceback
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from generated.support.cuda.compiler import compiler, ptxas_release
from generated.support.cuda.devices import Device, UnavailableError, current, using
from tests.cuda.bench import correctness, ours, peers, sanitizer
from tests.cuda.bench.cases import Case
from tests.cuda.bench.rounds import BrokenError, Clock, EventClock

PACKAGES = (
    *("numpy", "ml_dtypes", "numba", "numba-cuda", "nvidia-nvvm", "cupy-cuda13x", "cupy-cuda12x", "cupy"),
    *("nvidia-cublas", "nvidia-cublas-cu12", "torch", "triton", "flashrnn"),
)


def main() -> int:
    """Say which device there is, and run cases until there are no more."""
    lines = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)

    def say(entry: Mapping[str, Any]) -> None:
        print(json.dumps(entry), file=lines, flush=True)

    with ExitStack() as stack:
        try:
            device, clock = _simulator(stack) if "--simulated" in sys.argv[1:] else _hardware()
        except UnavailableError as error:
            say({"unavailable": str(error)})
            return 1
        say({"conditions": conditions(device)})
        for line in sys.stdin:
            job = json.loads(line)
            say(answer(Case.of(job["case"]), device, clock, lambda name: say({"doing": name}), job["without"]))
    return 0


def answer(
    case: Case,
    device: Device,
    clock: Clock | None,
    tell: Callable[[str], None],
    without: Mapping[str, str],
) -> dict[str, Any]:
    """The result of a case, or the error that it ended with; `broken` where the device is lost with it."""
    try:
        if case.part == "correctness":
            return {"result": correctness.run(case, device, correctness.REPEATED if clock else 2)}
        if case.part == "sanitizer":
            return {"result": sanitizer.run(case)}
        part = ours.timing if case.part == "timing" else peers.run
        return {"result": part(case, device, clock, tell, without)}
    except BrokenError as error:
        return {"error": _described(error), "broken": True}
    except Exception as error:
        return {"error": _described(error), "broken": _broken(clock)}
    finally:
        _freed(device)


def _described(error: BaseException) -> dict[str, str]:
    last = "".join(traceback.format_exception(error))[-1500:]
    return {"outcome": "error", "why": f"{type(error).__name__}: {str(error)[:500]}", "trace": last}


def _broken(clock: Clock | None) -> bool:
    """Whether nothing more can be run on the device in this process."""
    if clock is None:
        return False
    try:
        clock.wait()
    except Exception:
        return True
    return False


def _freed(device: Device) -> None:
    """Give back the memory that the pools of libraries keep, for other processes."""
    with suppress(Exception):
        device.xp.get_default_memory_pool().free_all_blocks()
        sys.modules["torch"].cuda.empty_cache()


def _hardware() -> tuple[Device, Clock | None]:
    """The device; what kernels are compiled by is found now, and not by every case that lacks it."""
    device = current()
    compiler()
    return device, EventClock(device.xp)


def _simulator(stack: ExitStack) -> tuple[Device, Clock | None]:
    """The device of the tests, which needs what these need, and has no clock."""
    return stack.enter_context(using(importlib.import_module("tests.cuda.devices").SimulatedDevice())), None


def conditions(device: Device) -> dict[str, Any]:
    """What results depend on, beside the sources; ptxas stands with the packages, wherever it is from."""
    packages = {name: found for name in PACKAGES if (found := _version(name))}
    if release := ptxas_release():
        packages["ptxas"] = release
    return {"device": _described_device(device), "python": platform.python_version(), "packages": packages}


def _described_device(device: Device) -> dict[str, Any]:
    """The name of the device and of its driver; a simulator has none."""
    runtime = getattr(getattr(device.xp, "cuda", None), "runtime", None)
    if runtime is None:
        return {"name": "simulator"}
    properties = runtime.getDeviceProperties(runtime.getDevice())
    name = properties["name"]
    return {
        "name": name.decode() if isinstance(name, bytes) else str(name),
        "architecture": f"sm_{properties['major']}{properties['minor']}",
        "multiprocessors": int(properties["multiProcessorCount"]),
        "runtime": int(runtime.runtimeGetVersion()),
        "driver": _driver() or str(runtime.driverGetVersion()),
    }


def _driver() -> str:
    """The version of the driver's package, "" where nothing tells it."""
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return ""
    command = [tool, "--query-gpu=driver_version", "--format=csv,noheader"]
    try:
        told = subprocess.run(command, capture_output=True, text=True, timeout=20, check=False).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return told.splitlines()[0].strip() if told.strip() else ""


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


if __name__ == "__main__":
    sys.exit(main())
