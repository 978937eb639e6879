"""Layouts that a runtime computes wrong, or not at all, without a word: all are refused.

Each is built by hand from a right file. By the layout alone it is refused on every
machine; where a runtime of this machine is wrong about it, running it shows that too.
"""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers
from tflite_by_hand import convolution, dense, depthwise, on_bfloat16

import tfqd
from tfqd.compressed import Probes
from tfqd.export.litert.checking.checks import check
from tfqd.export.litert.checking.kernels import TOLERANCE, largest_error
from tfqd.export.litert.checking.runtimes import RuntimeRefusal, runtimes
from tfqd.export.litert.file.flatbuffer import Op, Type

GENERIC = np.random.default_rng(0).uniform(0.5, 1, (10, 3)).astype(np.float16)
SHORT = on_bfloat16(GENERIC)


def one_scale_and_the_lowest_code(folder):
    made = dense(folder)
    codes = made.integers()
    codes[:, 0] = -8
    made.put(codes, Type.INT4)
    made.scale_by_tensor()
    return made


def unsigned_nibbles(folder):
    made = dense(folder)
    made.shift(8)
    return made


def a_zero_point(folder, bits=4):
    made = dense(folder, bits)
    made.shift(2)
    return made


def a_zero_point_of_the_tensor(folder):
    made = dense(folder, 8)
    made.scale_by_tensor(zero_point=2)
    return made


def a_dead_channel(folder, scale=0.0):
    made = dense(folder)
    made.weight.quantization.scale[3] = scale
    return made


def blocks(folder, scales=SHORT, size=32, zero_points=None, type=Type.INT4):
    made = dense(folder)
    made.put(np.clip(made.integers(), -2, 1), type)
    made.scale_by_block(size, scales, zero_points)
    return made


def blocks_of_computed_scales(folder):
    made = blocks(folder)
    scales = made.weight.quantization.details.scales
    made.file.model.buffers[made.graph.tensors[scales].buffer].data = None
    return made


def a_convolution(folder, type, make=convolution):
    made = make(folder, 2)
    made.put(made.integers(), type)
    return made


def a_convolution_of_one_scale(folder):
    made = convolution(folder, 8)
    made.scale_by_tensor()
    return made


def sparse_weights(folder):
    made = dense(folder, 8)
    made.make_sparse()
    return made


def a_fused_lstm(folder):
    made = dense(folder)
    made.file.model.operatorCodes[0].builtinCode = Op.UNIDIRECTIONAL_SEQUENCE_LSTM
    return made


WRONG = {
    "INT4 of one scale and -8": (one_scale_and_the_lowest_code, {}, "one scale a channel"),
    "INT4 of zero point 8": (unsigned_nibbles, {}, "zero points other than 0"),
    "INT8 of one zero point": (a_zero_point_of_the_tensor, {}, "zero points other than 0"),
    "blocks of generic float16": (blocks, {"scales": GENERIC}, "rounded to it"),
    "blocks with zero points": (
        blocks,
        {"zero_points": np.ones((10, 3), np.int8)},
        "zero points of blocks are passed over",
    ),
    "a convolution of INT2": (a_convolution, {"type": Type.INT2}, "kernels take int8 or int4"),
}
REFUSED_BY_RUNTIMES = {
    "INT4 of a zero point": (a_zero_point, {}, "zero points other than 0"),
    "INT8 of zero points": (a_zero_point, {"bits": 8}, "zero points other than 0"),
    "a scale of 0": (a_dead_channel, {}, "scales must be positive"),
    "a negative scale": (a_dead_channel, {"scale": -1.0}, "scales must be positive"),
    "blocks of float32 scales": (blocks, {"scales": SHORT.astype(np.float32)}, "must be float16"),
    "blocks of INT8": (blocks, {"type": Type.INT8}, "blocks of int4 only"),
    "blocks of INT2": (blocks, {"type": Type.INT2}, "blocks of int4 only"),
    "a depthwise convolution of INT4": (
        a_convolution,
        {"type": Type.INT4, "make": depthwise},
        "kernels take int8",
    ),
}
# Wrong in other versions, on other processors, or slow: never run, for one of them may
# end the process.
REFUSED_BY_LAYOUT = {
    "a convolution of one scale": (a_convolution_of_one_scale, {}, "one scale a channel"),
    "an LSTM that keeps its state": (a_fused_lstm, {}, "the state in which the last call left it"),
    "sparse weights": (sparse_weights, {}, "read as if they were dense"),
    "blocks of computed scales": (blocks_of_computed_scales, {}, "scales of blocks must be const"),
    "blocks of 16": (blocks, {"size": 16, "scales": np.repeat(SHORT, 2, 1)}, "multiple of 32"),
}


def made(case, folder):
    build, options, fault = case
    hand_made = build(folder, **options)
    return hand_made.file.to_bytes(), hand_made.probes, fault


@pytest.mark.parametrize("name", [*WRONG, *REFUSED_BY_RUNTIMES, *REFUSED_BY_LAYOUT])
def test_the_layout_is_refused(name, tmp_path):
    case = (WRONG | REFUSED_BY_RUNTIMES | REFUSED_BY_LAYOUT)[name]
    data, probes, fault = made(case, tmp_path)
    with pytest.raises(tfqd.export.VerificationError, match=fault):
        check(data, probes, exact=1e9, tolerance=1e9)


@pytest.mark.parametrize("name", WRONG)
def test_reading_the_weights_back_finds_what_a_runtime_computes_wrong(name, tmp_path):
    data, _, _ = made(WRONG[name], tmp_path)
    errors = []
    for runtime in runtimes():
        try:
            errors.append(largest_error(data, runtime)[0])
        except RuntimeRefusal:
            continue
    assert max(errors) > 100 * TOLERANCE


@pytest.mark.parametrize("name", REFUSED_BY_RUNTIMES)
def test_a_runtimes_refusal_is_an_error_of_ours(name, tmp_path):
    data, _, _ = made(REFUSED_BY_RUNTIMES[name], tmp_path)
    for runtime in runtimes():
        with pytest.raises(RuntimeRefusal, match=f"{runtime} does not run the file"):
            largest_error(data, runtime)


def test_a_file_that_lacks_its_weights_disagrees():
    model = keras.Sequential([keras.Input((16,), name="x"), layers.Dense(5)])
    serve = tf.function(lambda x: {"y": model(x)})
    concrete = serve.get_concrete_function(tf.TensorSpec([2, 16], name="x"))
    # Writes a file of variables that nothing sets, without an error.
    data = tf.lite.TFLiteConverter.from_concrete_functions([concrete], model).convert()
    x = np.ones((2, 16), np.float32)
    probes = Probes({"x": x}, {"y": np.array(model(x))})
    with pytest.raises(tfqd.export.VerificationError):
        check(data, probes, exact=1e-4, tolerance=0.1)


def test_right_blocks_pass(tmp_path):
    made = blocks(tmp_path)
    for runtime in runtimes():
        assert largest_error(made.file.to_bytes(), runtime)[0] <= TOLERANCE
