"""Kernels without a fault run in the simulator under all schedules, and give what NumPy gives."""

import numpy as np
import pytest

from tests.cuda import hand_written
from tests.cuda.cases import SCHEDULES, BlockLstm, PersistentRnn
from tests.cuda.simulator import FORWARD, cuda, launch, shuffled


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize(
    "case",
    [
        BlockLstm(8, 4, steps=5, real=np.float32),
        BlockLstm(10, 4),
        BlockLstm(3, 8),
        BlockLstm(1, 1, batch=1, steps=1),
        BlockLstm(17, 2, batch=1),
        BlockLstm(2, 32, steps=0),
    ],
    ids=str,
)
def test_the_block_kernel_gives_what_numpy_gives(case, schedule):
    case.run(hand_written, schedule)


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
@pytest.mark.parametrize("case", [PersistentRnn(5, 2), PersistentRnn(33, 4), PersistentRnn(1, 1)], ids=str)
def test_the_persistent_kernel_gives_what_numpy_gives(case, schedule):
    case.run(hand_written, schedule)


def test_all_schedules_give_the_same_bits():
    results = []
    for schedule in SCHEDULES:
        h = np.linspace(-1, 1, 40, dtype=np.float32).reshape(4, 10)
        launch(hand_written.persistent_rnn(cuda, np.float32, 10), 5, 64, (h[:3] / 2, np.outer(h[0], h[1]), h), schedule)
        results.append(h.tobytes())
    assert len(set(results)) == 1


def test_threads_run_in_the_order_of_the_schedule():
    seen = []

    def kernel():
        seen.append((cuda.blockIdx.x, cuda.threadIdx.x))
        cuda.syncthreads()
        seen.append((cuda.blockIdx.x, cuda.threadIdx.x))

    def order(schedule):
        seen.clear()
        launch(kernel, 2, 2, (), schedule)
        return list(seen)

    first, second = [(0, 0), (0, 1)], [(1, 0), (1, 1)]
    assert order(FORWARD) == 2 * first + 2 * second
    assert order(SCHEDULES[1]) == 2 * second[::-1] + 2 * first[::-1]
    drawn = {tuple(order(shuffled(seed))) for seed in range(20)}
    assert len(drawn) > 10
    assert order(shuffled(7)) == order(shuffled(7))


@pytest.mark.parametrize("schedule", SCHEDULES, ids=str)
def test_blocks_wait_for_room_on_the_device(schedule):
    running, most, out = set(), [], np.zeros(6)

    def kernel(out):
        running.add(cuda.blockIdx.x)
        most.append(len(running))
        cuda.syncthreads()
        running.discard(cuda.blockIdx.x)
        out[cuda.grid(1)] = cuda.blockIdx.x

    launch(kernel, 3, 2, (out,), schedule, resident=1)
    assert max(most) == 1
    assert out.tolist() == [0, 0, 1, 1, 2, 2]
