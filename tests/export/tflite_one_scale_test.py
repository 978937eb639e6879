"""A weight that was trained with one scale has one in the file, where kernels take that."""

import keras
import numpy as np
import pytest
from keras import layers
from tflite_answers import bits_of

import tfqd
from tfqd.export.litert.checking.kernels import TOLERANCE, largest_error
from tfqd.export.litert.checking.runtimes import run, runtimes
from tfqd.export.litert.file.flatbuffer import File, type_name
from tfqd.export.litert.file.operators import INTEGER_KERNELS


def one_scale(bits):
    return tfqd.Uniform(bits=bits, bucket_size=None, layout="flat", scaling="symmetric")


LAYERS = {
    "dense": (lambda: layers.Dense(10), (32,)),
    "convolution": (lambda: layers.Conv2D(6, 3), (5, 5, 4)),
    "depthwise": (lambda: layers.DepthwiseConv2D(3), (5, 5, 4)),
    "transposed": (lambda: layers.Conv2DTranspose(6, 3, strides=2), (5, 5, 4)),
}


def exported(name, bits, path, integers):
    """The quantized model of one layer, whose biases are alive, and the row of its kernel."""
    keras.utils.set_random_seed(0)
    make, shape = LAYERS[name]
    x = keras.Input(shape, name="x")
    model = keras.Model(x, make()(x))
    for variable in model.weights:
        variable.assign(np.random.default_rng(0).normal(size=variable.shape) * 0.3)
    quantized = tfqd.quantize_model(model, one_scale(bits))
    data = bits_of((50, *shape)) if integers else None
    (row,) = tfqd.export.tflite(quantized, path, representative_dataset=data).report.weights
    return quantized, row


def weight_and_bias(data):
    """The constants of the only operator of integers: each one's type, integers, scales."""
    file = File(data)
    graph = file.graphs[0]
    (operator,) = [each for each in graph.operators if file.code(each) in INTEGER_KERNELS]
    kernel = INTEGER_KERNELS[file.code(operator)]
    found = []
    for place in (kernel.weight, kernel.bias):
        if place is None or len(operator.inputs) <= place:
            continue
        tensor = graph.tensors[operator.inputs[place]]
        scale = None if tensor.quantization is None else tensor.quantization.scale
        found.append((type_name(tensor.type), file.constant(tensor), scale))
    return found


@pytest.mark.parametrize(
    ("name", "bits", "integers", "type", "scales"),
    [
        ("dense", 8, False, "int8", 1),
        ("dense", 4, False, "int4", 10),  # of one scale, TensorFlow Lite's kernel is wrong
        ("convolution", 8, False, "int8", 6),
        ("depthwise", 8, False, "int8", 4),  # of one scale, both kernels are wrong
        ("dense", 8, True, "int8", 1),
        ("dense", 4, True, "int4", 1),
        ("convolution", 8, True, "int8", 1),
        ("depthwise", 8, True, "int8", 1),
        ("transposed", 8, True, "int8", 1),
    ],
)
def test_the_scales_of_a_weight_of_one(name, bits, integers, type, scales, tmp_path):
    quantized, row = exported(name, bits, tmp_path / "m.tflite", integers)
    assert row.type == type
    assert row.reason.startswith("one scale a channel") == (scales > 1)
    data = (tmp_path / "m.tflite").read_bytes()
    (found, codes, scale), *bias = weight_and_bias(data)
    assert (found, len(scale)) == (type, scales)
    assert np.ptp(scale) == 0
    trained = tfqd.compress(quantized).quantized[row.path].dequantize()
    values = np.sort((codes * scale[0]).ravel())
    np.testing.assert_array_equal(values, np.sort(trained.ravel()))
    for _, _, units in bias if integers else []:
        assert len(units) == 1
    inputs = bits_of((4, *LAYERS[name][1]))
    expected = np.array(quantized(inputs))
    for runtime in runtimes():
        assert largest_error(data, runtime)[0] <= TOLERANCE
        (answer,) = run(runtime, data, {"x": inputs}).values()
        step = np.ptp(expected) / 255 if integers else 1e-6 * np.abs(expected).max()
        assert np.abs(answer - expected).max() <= 1.5 * step


@pytest.mark.parametrize(("bits", "type"), [(8, "int8"), (4, "int4")])
def test_a_table_of_embeddings(bits, type, tmp_path):
    words = keras.Input((3,), dtype="int32", name="x")
    quantized = tfqd.quantize_model(
        keras.Model(words, layers.Embedding(40, 6)(words)), one_scale(bits)
    )
    path = tmp_path / "m.tflite"
    (row,) = tfqd.export.tflite(quantized, path).report.weights
    ((found, _, scale),) = weight_and_bias(path.read_bytes())
    assert (row.type, row.reason, found, len(scale)) == (type, "one scale", type, 1)


def test_a_normalization_that_was_folded_gives_channels_scales_of_their_own(tmp_path):
    x = keras.Input((16,), name="x")
    normalized = layers.BatchNormalization()
    model = keras.Model(x, normalized(layers.Dense(4, use_bias=False)(x)))
    normalized.gamma.assign([0.5, 2.0, 1.0, 3.0])
    path = tmp_path / "m.tflite"
    tfqd.export.tflite(tfqd.quantize_model(model, one_scale(8)), path)
    (_, _, scale), *_ = weight_and_bias(path.read_bytes())
    assert len(set(scale)) == 4
