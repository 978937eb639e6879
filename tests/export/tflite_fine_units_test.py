"""Weights of few bits in INT8 kernels of integers are written so that sums are rounded finely."""

import keras
import numpy as np
import pytest
from integer_models import IMAGES
from keras import layers

import tfqd
from tfqd.export.litert.file.flatbuffer import File, Op
from tfqd.export.litert.lowering.editing import _doublings


@pytest.mark.parametrize(
    ("integers", "times"),
    [([-7, 7], 4), ([-8, 7], 4), ([-127, 1], 0), ([-1, 1], 6), ([-2, 1], 6), ([0, 0], 0)],
)
def test_integers_are_doubled_as_often_as_eight_bits_hold_them(integers, times):
    assert _doublings(np.array(integers)) == times


def test_the_weights_are_those_that_were_trained(tmp_path):
    image = keras.Input((8, 8, 3), name="image")
    model = keras.Model(image, layers.Conv2D(6, 3, name="conv")(image))
    model = tfqd.quantize_model(model, tfqd.presets.deployable(4), activations=tfqd.Activations())
    tfqd.calibrate(model, IMAGES)
    result = tfqd.export.tflite(model, tmp_path / "m.tflite", probes=IMAGES)
    assert result.report.weight_error == 0
    file = File((tmp_path / "m.tflite").read_bytes())
    (graph,) = file.graphs
    (operator,) = [each for each in graph.operators if file.code(each) == Op.CONV_2D]
    tensor = graph.tensors[operator.inputs[1]]
    integers = file.constant(tensor)
    assert set(np.unique(integers % 16)) == {0}
    assert integers.max() == 112
    weights = integers * np.asarray(tensor.quantization.scale)[:, None, None, None]
    trained = tfqd.compress(model).dequantize()["conv/kernel"]
    np.testing.assert_allclose(weights, trained.transpose(3, 0, 1, 2), rtol=1e-6)


def test_sums_of_few_bits_are_rounded_as_in_training(tmp_path):
    keras.utils.set_random_seed(0)
    image = keras.Input((8, 8, 3), name="image")
    x = layers.DepthwiseConv2D(3, activation="relu")(layers.ReLU()(layers.Conv2D(8, 3)(image)))
    model = tfqd.quantize_model(
        keras.Model(image, x), tfqd.presets.deployable(4), activations=tfqd.Activations(bits=4)
    )
    tfqd.calibrate(model, IMAGES)
    path = tmp_path / "m.tflite"
    tfqd.export.tflite(model, path, io_dtype="int8", probes=IMAGES[:4])
    (simulated,) = tfqd.export.simulate_integer(path, IMAGES).values()
    low, high = model.quantized_activations[-1].ends
    expected = np.rint(np.asarray(model(IMAGES)) / ((high - low) / 15)) + 112
    # With the 4-bit integers themselves it is 0.973.
    assert (simulated == expected).mean() > 0.995
