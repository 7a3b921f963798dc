"""What the CUDA modules say of arrays that they cannot take."""

import re
from dataclasses import replace

import numpy as np
import pytest

from generated.support.cuda.devices import using
from generated.support.cuda.dtypes import taken
from generated.support.expected import either
from tests.cuda.devices import SimulatedDevice
from tests.cuda.test_cuda_kernels import case
from tests.support import test_support_arrays, test_support_targets


@pytest.fixture(autouse=True)
def _device():
    with using(SimulatedDevice()):
        yield


GRU = case("gru", "cuda")


def refused(error, pattern, given, **changes):
    with pytest.raises(error, match=pattern):
        GRU.forward(replace(given, **changes))


def lies_on_the_device(value):
    return all(type(leaf) is np.ndarray for leaf in (value if isinstance(value, tuple) else (value,)))


@pytest.mark.parametrize(
    ("check", "value", "error", "fragment"),
    [
        refusal
        for refusal in (*test_support_arrays.REFUSALS, *test_support_targets.REFUSALS)
        if refusal[0] is not test_support_arrays.of_batch and lies_on_the_device(refusal[1])
    ],
)
def test_a_device_refuses_in_the_words_of_the_host(check, value, error, fragment):
    fragment = fragment.replace("float32 or float64", either(taken()))
    with pytest.raises(error, match=re.escape(fragment)):
        check(value, SimulatedDevice())


def test_shapes_and_dtypes():
    given = GRU.draw()
    (x,), params = given.inputs, given.params
    refused(TypeError, r"gru.forward: x: expected float64 array of shape \(T, B, input_size=2\)", given,
            inputs=(x.astype(np.float32),))  # fmt: skip
    refused(ValueError, r"gru.forward: x: .*received float64 array of shape \(5, 3, 1\)", given, inputs=(x[:, :, :1],))
    refused(ValueError, r"gru.forward: state.h: .*same batch", given, state=(given.state[0][:1],))
    refused(TypeError, "on the device, received a list", given, inputs=(x.tolist(),))
    refused(
        TypeError, "params.U_r: expected float64", given, params=(params[0], params[1].astype(np.float32), *params[2:])
    )
    refused(ValueError, "params.U_r", given, params=(params[0], params[1][:, :1], *params[2:]))


def test_lengths_come_from_the_host_or_the_device_and_lie_between_0_and_t():
    given = GRU.draw()
    refused(ValueError, r"lengths from 0 to T=5, received 6 at \[1\]", given, lengths=np.array([5, 6, 0]))
    refused(TypeError, "lengths: expected integer array", given, lengths=np.array([5.0, 5.0, 0.0]))
    refused(ValueError, "lengths: expected integer array", given, lengths=np.array([5, 5]))


def test_no_error_to_propagate():
    given = GRU.draw()
    *_, tape = GRU.forward(given)
    params = GRU.module.Params(*given.params)
    with pytest.raises(ValueError, match="no error to propagate"):
        GRU.module.backward(params, tape)
    with pytest.raises(TypeError, match=r"expected the Tape of this module's forward, received None: .*keep_tape"):
        GRU.module.backward(params, None, given.dy[0])
    with pytest.raises(ValueError, match="expected the parameters of forward"):
        GRU.module.backward(GRU.module.init(3, 7), tape, given.dy[0])


def test_targets_and_weights():
    module = (
        case("lstm_readout", "cuda").module
        if case("lstm_readout", "cuda").cell.loss
        else case("rnn_readout", "cuda").module
    )
    assert module.SIGNATURE.loss == "softmax_cross_entropy"
    params = module.init(2, 3, 4, dtype=np.float64)
    x, ids = np.ones((3, 2, 2)), np.zeros((3, 2), np.int32)
    with pytest.raises(ValueError, match=r"target: expected ids from 0 to 3, received 4 at \[0, 1\]"):
        module.forward(params, x, ids + [[0, 4]] * 3)
    with pytest.raises(ValueError, match="finite weights"):
        module.forward(params, x, ids, np.full((3, 2), -1.0))
    loss, *_ = module.forward(params, x, ids, np.zeros((3, 2)))
    assert loss == 0
