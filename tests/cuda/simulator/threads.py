"""Threads, and the teams in which they wait for each other: warps, blocks, the grid."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from greenlet import greenlet

from tests.cuda.simulator.faults import DivergenceError, KernelError, ResidencyError
from tests.cuda.simulator.source import place, ranges

if TYPE_CHECKING:
    from tests.cuda.simulator.arrays import TrackedArray
    from tests.cuda.simulator.launches import Launch

WARP = 32
PATIENCE = 100
"""How often each thread may look for a value that does not come before this is a fault."""


class Dim3(NamedTuple):
    """Coordinates of a thread in its block or of a block in the grid, or their numbers."""

    x: int
    y: int = 1
    z: int = 1

    @property
    def size(self) -> int:
        """How many there are."""
        return self.x * self.y * self.z

    def at(self, number: int) -> Dim3:
        """The coordinates of one of them; x runs first."""
        return Dim3(number % self.x, number // self.x % self.y, number // (self.x * self.y))

    def __str__(self) -> str:
        return str(self.x) if self.y == self.z == 0 else f"({self.x}, {self.y}, {self.z})"


class Team:
    """Threads that wait for each other. `since` is the time of the last barrier that ordered their memory accesses."""

    __slots__ = ("arrived", "parts", "since", "threads", "title", "values")

    def __init__(self, title: str, threads: Sequence[Thread], parts: Sequence[Team] = ()) -> None:
        self.title = title
        self.threads = threads
        self.parts = parts
        self.arrived = 0
        self.since = 0
        self.values: list[Any] = []

    def order(self, time: int) -> None:
        """What these threads did to memory before `time` comes before what they do from then on."""
        self.since = time
        for part in self.parts:
            part.order(time)

    def tell(self) -> None:
        """What one of these threads knows of other blocks, all of them know from now on."""
        kinds = {id(thread.known): thread.known for thread in self.threads}
        if len(kinds) > 1:
            known: dict[Block, int] = {}
            for each in kinds.values():
                known = later(known, each)
            for thread in self.threads:
                thread.known = known


class Block(Team):
    """A block: its warps are its parts. `shared` holds its shared arrays by the instruction that declares them.

    `taken` are the bytes of those of constant size.
    """

    __slots__ = ("position", "running", "shared", "taken")

    def __init__(self, launch: Launch, position: Dim3, shape: Dim3) -> None:
        threads = [Thread(launch, self, number, shape.at(number)) for number in range(shape.size)]
        warps = [Team("warp", threads[first : first + WARP]) for first in range(0, len(threads), WARP)]
        super().__init__(f"block {position}", threads, warps)
        for warp in warps:
            for lane, thread in enumerate(warp.threads):
                thread.warp, thread.lane = warp, lane
        self.position = position
        self.shared: dict[int, TrackedArray] = {}
        self.taken = 0
        self.running = len(threads)


class Thread(greenlet):
    """One thread of a launch; what created it, its parent, runs the threads in turn.

    While it waits, `operation` and `instruction` say for what and where. `known` are blocks, each with the time before
    which what it did to memory comes before what this thread does: from values that it loaded with acquire. `looked` is
    the element that it loaded so last, since it waited for others.
    """

    warp: Team
    lane: int

    def __init__(self, launch: Launch, block: Block, number: int, position: Dim3) -> None:
        super().__init__()
        self.launch = launch
        self.block = block
        self.number = number
        self.position = position
        self.operation = ""
        self.instruction = 0
        self.value: Any = None
        self.known: dict[Block, int] = {}
        self.looked: tuple[TrackedArray, int] | None = None

    def run(self) -> None:
        """Run the kernel, and let the next block in where the device has room for one."""
        self.launch.kernel(*self.launch.arguments)
        self.operation = ""
        self.launch.idle = 0
        self.block.running -= 1
        if not self.block.running:
            self.launch.admit()

    def meet(
        self,
        team: Team,
        operation: str,
        instruction: int,
        value: Any = None,
        orders: bool = True,
        made: Callable[[list[Any]], list[Any]] | None = None,
    ) -> list[Any]:
        """Wait until the whole team has come; gives the values that its threads brought, in their order.

        With `made`, what this makes of them, once.
        """
        self.operation, self.instruction, self.value = operation, instruction, value
        self.looked = None
        team.arrived += 1
        if team.arrived == len(team.threads):
            self._release(team, orders)
            team.values = made(team.values) if made else team.values
        self.parent.switch()
        return team.values

    def wait(self, instruction: int) -> None:
        """Let all others run on before this thread looks again at what one of them may have stored."""
        launch = self.launch
        self.operation, self.instruction = "load_acquire", instruction
        launch.idle += 1
        if launch.idle > PATIENCE * len(launch.grid.threads):
            raise unanswered(self)
        launch.queue.postpone(self)
        self.parent.switch()

    def published(self) -> dict[Block, int]:
        """What a value that this thread stores with release tells of: what its block did before its last barrier."""
        return later(self.known, {self.block: self.block.since})

    def _release(self, team: Team, orders: bool) -> None:
        """Let the team go. Its values stay until it meets again, which takes all of its threads."""
        launch, instruction = self.launch, self.instruction
        for other in team.threads:
            if other.instruction != instruction:
                raise divergence(launch, team)
        team.values = [other.value for other in team.threads]
        team.arrived = 0
        launch.idle = 0
        if orders:
            launch.time += 1
            team.order(launch.time)
            team.tell()
        launch.queue.add(team.threads)

    def __str__(self) -> str:
        return f"block {self.block.position}, thread {self.position}"


def later(one: dict[Block, int], other: dict[Block, int]) -> dict[Block, int]:
    """The later time of each block."""
    return {block: max(one.get(block, 0), other.get(block, 0)) for block in {**one, **other}}


def unanswered(thread: Thread) -> KernelError:
    """The report that nothing runs any more but threads that look for a value."""
    launch = thread.launch
    where = f"{thread} at {place(launch.code, thread.instruction)}"
    if launch.resident < len(launch.blocks):
        return ResidencyError(
            f"{launch.name}: blocks wait for each other, of which {launch.resident} of {len(launch.blocks)} are on the "
            f"device at a time\n  {where}"
        )
    return DivergenceError(f"{launch.name}: threads wait for a value that no thread stores\n  {where}")


def divergence(launch: Launch, team: Team) -> DivergenceError:
    """The report that threads of a team wait in different places."""
    places: dict[str, list[Thread]] = {}
    for thread in team.threads:
        waits = f"wait at {place(launch.code, thread.instruction)}" if thread.operation else "have returned"
        places.setdefault(waits, []).append(thread)
    lines = [f"{launch.name}: threads of {team.title} wait for each other in different places"]
    lines += [f"  {_names(threads)} {waits}" for waits, threads in places.items()]
    return DivergenceError("\n".join(lines))


def _names(threads: list[Thread]) -> str:
    blocks: dict[Block, list[int]] = {}
    for thread in threads:
        blocks.setdefault(thread.block, []).append(thread.number)
    return "; ".join(f"{block.title}, threads {ranges(numbers)}" for block, numbers in blocks.items())


def stuck(launch: Launch) -> DivergenceError:
    """The report on a launch of which no thread can run on: a block whose threads are apart, or else the grid."""
    for block in launch.blocks:
        if block.running and len({(thread.operation, thread.instruction) for thread in block.threads}) > 1:
            return divergence(launch, block)
    return divergence(launch, launch.grid)
