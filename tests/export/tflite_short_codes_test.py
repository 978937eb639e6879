"""Levels whose codes are chosen with their length in view lie in TFLite's integers."""

import keras
import numpy as np
import pytest
from keras import layers

import tfqd
from tfqd.export.litert.checking.runtimes import run, runtimes
from tfqd.export.litert.file.flatbuffer import File, Op, Type

X = np.random.default_rng(0).normal(size=(64, 6, 6, 4)).astype(np.float32)


def trained(spec):
    """A convolution and a fully connected layer, after some steps."""
    keras.utils.set_random_seed(0)
    image = keras.Input((6, 6, 4), name="x")
    x = layers.Flatten()(layers.Conv2D(10, 3, activation="relu", name="convolution")(image))
    model = keras.Model(image, layers.Dense(6, name="scores")(x))
    quantized = tfqd.quantize_model(model, spec)
    quantized.compile(keras.optimizers.Adam(0.01), "mse")
    quantized.fit(X, X[:, 0, 0, :1] ** 2 + np.zeros(6), batch_size=16, verbose=0)
    return quantized


def weight_of(file, code):
    """The type and the values, output channels first, of the weight of the only such operator."""
    graph = file.graphs[0]
    (operator,) = [each for each in graph.operators if file.code(each) == code]
    tensor = graph.tensors[operator.inputs[1]]
    values = file.constant(tensor).astype(np.float32)
    scale = np.asarray(tensor.quantization.scale, np.float32)
    return tensor.type, values.reshape(len(values), -1) * scale[:, None]


@pytest.mark.parametrize(
    ("bits", "average_bits", "layout", "prefer", "product", "convolution"),
    [
        (2, 1, "flat", "speed", Type.INT4, Type.INT8),
        (4, 2, "channel", "speed", Type.INT4, Type.INT8),
        (4, 2, "flat", "size", Type.INT4, Type.INT4),
        (6, 5, "channel", "speed", Type.INT8, Type.INT8),
        (6, 5, "flat", "size", Type.INT8, Type.INT8),
        (6, 2, "channel", "size", Type.INT4, Type.INT4),  # the codes in use are that few
    ],
)
def test_the_integers_in_use_choose_the_type(
    bits, average_bits, layout, prefer, product, convolution, tmp_path
):
    spec = tfqd.EntropyConstrained(bits=bits, average_bits=average_bits, layout=layout)
    model, path = trained(spec), tmp_path / "m.tflite"
    tfqd.export.tflite(model, path, prefer=prefer, strict=True)
    file = File(path.read_bytes())
    found, kernel = weight_of(file, Op.FULLY_CONNECTED)
    of_image, window = weight_of(file, Op.CONV_2D)
    assert (found, of_image) == (product, convolution)
    tensors = tfqd.compress(model).quantized.values()
    trained_window, trained_kernel = (tensor.dequantize() for tensor in tensors)
    np.testing.assert_allclose(kernel, trained_kernel.T, rtol=1e-6)
    np.testing.assert_allclose(window, trained_window.reshape(-1, 10).T, rtol=1e-6)
    expected = model(X).numpy()
    for runtime in runtimes():
        (answer,) = run(runtime, path.read_bytes(), {"x": X}).values()
        np.testing.assert_allclose(answer, expected, atol=0.02 * np.abs(expected).max())
