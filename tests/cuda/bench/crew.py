"""Processes that run cases, several at a time, each replaced where a case has taken its device away."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import threading
import time
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import Any

from tests.cuda.bench.cases import SECONDS, Case
from tests.cuda.bench.records import ROOT

PATIENCE = 120.0
"""Seconds in which a process must be ready."""
PARTING = 5.0
"""Seconds that a process has to end by itself, so that it is known how it did."""


class MissingError(RuntimeError):
    """No process can run anything; the message is one line that says why."""


class Worker:
    """A process, and what it says. It leads a group of its own, so that what it starts ends with it."""

    def __init__(self, command: Sequence[str]) -> None:
        threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "2")
        self.process = subprocess.Popen(
            command,
            cwd=ROOT,
            env={**os.environ, **threads},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            process_group=0,
        )
        self.conditions: dict[str, Any] = {}
        self.doing = ""
        self.late = False

    def start(self) -> None:
        """Wait until it is ready. Raises MissingError where there is no device for it."""
        reply = self._reply(PATIENCE)
        if reply is None or "unavailable" in reply:
            self.stop()
            raise MissingError(reply["unavailable"] if reply else f"a process ended: {self.process.returncode}")
        self.conditions = reply["conditions"]

    def run(self, case: Case, without: dict[str, str], seconds: float) -> dict[str, Any] | None:
        """What it answers, None where it does not within so many seconds, after which it is no more."""
        self.doing = ""
        with suppress(BrokenPipeError):
            self.process.stdin.write(json.dumps({"case": case.data(), "without": without}) + "\n")
            self.process.stdin.flush()
        return self._reply(seconds)

    def _reply(self, seconds: float) -> dict[str, Any] | None:
        """The next line that is an answer."""
        timer = threading.Timer(max(seconds, 0.0), self._expire)
        timer.start()
        try:
            for line in self.process.stdout:
                reply = json.loads(line)
                if "doing" not in reply:
                    return reply
                self.doing = reply["doing"]
        finally:
            timer.cancel()
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(PARTING)
        self.stop()
        return None

    def _expire(self) -> None:
        self.late = True
        self.kill()

    def kill(self) -> None:
        """End it and what it has started."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def stop(self) -> None:
        """The same, and wait for it."""
        self.kill()
        self.process.wait()
        for stream in (self.process.stdin, self.process.stdout):
            with suppress(BrokenPipeError):
                stream.close()


class Crew:
    """Runs cases by so many processes at a time, until they are all run or `deadline`, by `time.monotonic`, is near."""

    def __init__(self, command: Sequence[str], deadline: float) -> None:
        self._command, self._deadline = command, deadline
        self._idle: deque[Worker] = deque()
        self._busy: set[Worker] = set()
        self._over = False

    def conditions(self) -> dict[str, Any]:
        """What the first process says of the device. Raises MissingError where there is none."""
        worker = self._started()
        self._idle.append(worker)
        return worker.conditions

    def run(self, cases: Sequence[Case], jobs: int) -> Iterator[tuple[Case, dict[str, Any]]]:
        """Cases with their results, as they are finished. One that the deadline cuts off has none."""
        todo, done = deque(cases), SimpleQueue()
        running = min(jobs, len(cases))
        for _ in range(running):
            threading.Thread(target=self._serve, args=(todo, done), daemon=True).start()
        while running:
            found = done.get()
            if isinstance(found, Exception):
                raise found
            if found is None:
                running -= 1
            else:
                yield found

    def close(self) -> None:
        """End all processes."""
        self._over = True
        for worker in (*self._idle, *self._busy):
            worker.kill()
        while self._idle:
            self._idle.pop().stop()

    def _serve(self, todo: deque[Case], done: SimpleQueue[Any]) -> None:
        """One thread's share of the cases."""
        try:
            while not self._over and self._left() > 0 and (case := _popped(todo)) is not None:
                result = self._result(case)
                if result is not None:
                    done.put((case, result))
        except Exception as error:
            done.put(error)
        done.put(None)

    def _left(self) -> float:
        return self._deadline - time.monotonic()

    def _result(self, case: Case) -> dict[str, Any] | None:
        """The result of a case, whose contenders are left out one by one where they take the device away."""
        without: dict[str, str] = {}
        while True:
            try:
                worker = _popped(self._idle) or self._started()
            except MissingError as error:
                return None if self._over or self._left() <= 0 else _failed(str(error))
            self._busy.add(worker)
            seconds = min(SECONDS[case.part], self._left())
            reply = worker.run(case, without, seconds)
            self._busy.discard(worker)
            if reply is not None and not reply.get("broken"):
                self._idle.append(worker)
                return reply.get("result") or reply["error"]
            if self._over or self._left() <= 0:
                return None
            failed = reply["error"] if reply else _failed(_end(worker, seconds))
            worker.stop()
            if not worker.doing or worker.doing in without:
                return failed
            without[worker.doing] = failed["why"]

    def _started(self) -> Worker:
        worker = Worker(self._command)
        self._busy.add(worker)
        try:
            worker.start()
        finally:
            self._busy.discard(worker)
        return worker


def _popped(items: deque[Any]) -> Any:
    """The first of the items, taken away; None where another thread has taken the last one."""
    try:
        return items.popleft()
    except IndexError:
        return None


def _failed(why: str) -> dict[str, Any]:
    return {"outcome": "error", "why": why}


def _end(worker: Worker, seconds: float) -> str:
    """How a process ended that has not answered."""
    return f"longer than {seconds:.0f} s" if worker.late else f"the process ended: {worker.process.returncode}"
