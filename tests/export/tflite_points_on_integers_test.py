"""Trained points of chosen codes lie in TFLite files as the integers that they were trained on."""

import keras
import numpy as np
import pytest
from keras import layers
from tflite_answers import assert_answers, bits_of

import tfqd
from tfqd.export.litert.checking.runtimes import run, runtimes
from tfqd.export.litert.file.flatbuffer import File, type_name
from tfqd.export.litert.file.operators import INTEGER_KERNELS

LAYERS = {
    "dense": (lambda: layers.Dense(10), (32,)),
    "convolution": (lambda: layers.Conv2D(6, 3), (5, 5, 4)),
}


def moved(name, layout):
    """A quantized model of one layer whose points have left the integers that they start at."""
    keras.utils.set_random_seed(0)
    make, shape = LAYERS[name]
    x = keras.Input(shape, name="x")
    spec = tfqd.EntropyCodebook(average_bits=3, layout=layout, grid="int8")
    quantized = tfqd.quantize_model(keras.Model(x, make()(x)), spec)
    (entry,) = quantized.quantized_variables
    noise = np.random.default_rng(0).uniform(0.8, 1.2, 16)
    entry.state["points"].assign(np.array(entry.state["points"]) * noise)
    return quantized, shape


def weight(data):
    """The type, integers and scales of the weight of the only operator of integers."""
    file = File(data)
    graph = file.graphs[0]
    (operator,) = [each for each in graph.operators if file.code(each) in INTEGER_KERNELS]
    tensor = graph.tensors[operator.inputs[INTEGER_KERNELS[file.code(operator)].weight]]
    return type_name(tensor.type), file.constant(tensor), np.array(tensor.quantization.scale)


@pytest.mark.parametrize("layout", ["flat", "channel"])
@pytest.mark.parametrize("name", LAYERS)
def test_kernels_of_integers_compute_what_was_trained(name, layout, tmp_path):
    quantized, shape = moved(name, layout)
    path = tmp_path / "m.tflite"
    (row,) = tfqd.export.tflite(quantized, path, strict=True).report.weights
    assert row.type == "int8"
    kind, integers, scale = weight(path.read_bytes())
    (tensor,) = tfqd.compress(quantized).quantized.values()
    assert kind == "int8"
    assert set(np.unique(integers)) == set(np.unique(tensor.points_of_codes()))
    np.testing.assert_array_equal(np.unique(scale), np.unique(tensor.scale))
    assert_answers(path, quantized, bits_of((8, *shape)))


def test_integer_activations_take_them_too(tmp_path):
    quantized, shape = moved("dense", "flat")
    path, inputs = tmp_path / "m.tflite", bits_of((50, *shape))
    result = tfqd.export.tflite(quantized, path, representative_dataset=inputs, strict=True)
    assert result.report.integer_activations
    kind, integers, scale = weight(path.read_bytes())
    (tensor,) = tfqd.compress(quantized).quantized.values()
    assert kind == "int8"
    # Of a finer unit, in which biases lie, the integers may be multiples.
    np.testing.assert_array_equal(integers * np.float32(scale[:, None]), tensor.dequantize().T)
    expected = np.array(quantized(inputs))
    for runtime in runtimes():
        (answer,) = run(runtime, path.read_bytes(), {"x": inputs}).values()
        assert np.abs(answer - expected).max() <= 1.01 * np.ptp(expected) / 255
