"""What makes TFLite files small, and that it changes no answer and no way to use them."""

import keras
import numpy as np
import pytest
from keras import layers
from tflite_answers import assert_answers, bits_of, exported

import tfqd
from tfqd.export.litert.checking.runtimes import run, runtimes
from tfqd.export.litert.file.flatbuffer import Op, Type, empty_file, operator
from tfqd.export.litert.file.schema import schema

FILTERS, CHANNELS = 90, 100
# Of `residual_network`, as the converter writes it.
FLOAT_BYTES = 321_192


@pytest.mark.parametrize("prefer", ["speed", "size"])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("sizes", [(8, 8), (7, 9), (None, None)])
def test_a_1x1_convolution_with_strides_is_a_product_of_some_pixels(
    prefer, padding, sizes, tmp_path
):
    image = keras.Input((*sizes, CHANNELS), name="x")
    layer = layers.Conv2D(FILTERS, 1, strides=2, padding=padding, activation="relu")
    path = tmp_path / "m.tflite"
    quantized, report = exported(keras.Model(image, layer(image)), path, prefer=prefer)
    assert report.operators == {"AVERAGE_POOL_2D": 1, "FULLY_CONNECTED": 1}
    assert report.weights[0].type == "int4"
    for batch, default in ((3, 8), (2, 11)):
        shape = (batch, *[size or default for size in sizes], CHANNELS)
        assert_answers(path, quantized, bits_of(shape))


def test_affine_1x1_convolutions_with_strides_need_no_patches(tmp_path):
    image = keras.Input((5, 7, 8), name="x")
    spec = tfqd.Uniform(bits=4, bucket_size=None, layout="channel")
    model = keras.Model(image, layers.Conv2D(6, 1, strides=(2, 1))(image))
    quantized, report = exported(model, tmp_path / "m.tflite", spec)
    assert "GATHER" not in report.operators
    assert_answers(tmp_path / "m.tflite", quantized, bits_of((3, 5, 7, 8)))


@pytest.mark.parametrize(("prefer", "type"), [("speed", "int8"), ("size", "int4")])
def test_a_small_1x1_convolution_with_strides_stays_a_convolution(prefer, type, tmp_path):
    image = keras.Input((8, 8, 32), name="x")
    model = keras.Model(image, layers.Conv2D(64, 1, strides=2)(image))
    _, report = exported(model, tmp_path / "m.tflite", prefer=prefer)
    assert report.operators == {"CONV_2D": 1}
    assert report.weights[0].type == type


def test_pixels_are_taken_apart_in_integers_too(tmp_path):
    image = keras.Input((8, 8, CHANNELS), name="x")
    model = keras.Model(image, layers.Conv2D(FILTERS, 1, strides=2)(image))
    path = tmp_path / "m.tflite"
    examples = bits_of((20, 8, 8, CHANNELS))
    quantized, report = exported(model, path, representative_dataset=examples)
    assert report.integer_activations
    assert {"AVERAGE_POOL_2D", "FULLY_CONNECTED"} < report.operators.keys()
    assert_answers(path, quantized, examples[:3], atol=0.02)


def test_equal_tensors_and_options_take_the_room_of_one():
    def size(copies):
        file = empty_file()
        graph = file.graphs[0]
        graph.tensors += [_float([1, 40]) for _ in range(copies + 1)]
        index = file.add_operator_code(Op.SOFTMAX)
        for place in range(copies):
            options = schema.SoftmaxOptionsT()
            options.beta = 1.0
            graph.operators.append(operator(index, [place], [place + 1], options))
        graph.outputs = np.array([copies], np.int32)
        file.model.signatureDefs[0].outputs[0].tensorIndex = copies
        data = file.to_bytes()
        x = np.random.default_rng(0).normal(size=(1, 40)).astype(np.float32)
        for runtime in runtimes():
            (y,) = run(runtime, data, {"x": x}).values()
            assert y.sum() == pytest.approx(1)
        return len(data)

    # A list of one index, an operator and two places in lists of offsets.
    assert (size(20) - size(10)) / 10 <= 8 + 24 + 8


def _float(shape):
    tensor = schema.TensorT()
    tensor.shape, tensor.type = np.array(shape, np.int32), Type.FLOAT32
    return tensor


def test_tensors_are_called_what_the_signature_calls_them(tmp_path):
    image, more = keras.Input((8,), name="image"), keras.Input((8,), name="more")
    sums = layers.Add(name="sums")([layers.Dense(8)(image), more])
    model = keras.Model(
        {"image": image, "more": more}, {"sums": sums, "scores": layers.Dense(3)(sums)}
    )
    exported(model, tmp_path / "m.tflite")
    for interpreter in runtimes().values():
        made = interpreter(model_path=str(tmp_path / "m.tflite"))
        runner = made.get_signature_runner("serving_default")
        assert {details["name"] for details in made.get_input_details()} == {"image", "more"}
        for details in (runner.get_input_details(), runner.get_output_details()):
            assert all(entry["name"] == name for name, entry in details.items())


def residual_network():
    """The layers of ResNet-8 for images of 32x32."""
    image = x = keras.Input((32, 32, 3), name="image")
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = layers.Conv2D(filters, 3, strides, "same", activation="relu")(x)
        y = layers.Conv2D(filters, 3, padding="same")(y)
        if strides == 2:
            x = layers.Conv2D(filters, 1, strides)(x)
        x = layers.Activation("relu")(layers.Add()([x, y]))
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    return keras.Model(image, layers.Dense(10, "softmax", name="scores")(x))


@pytest.mark.parametrize(("prefer", "ratio"), [("speed", 3.8), ("size", 7)])
def test_a_small_residual_network_of_4_bits_is_so_many_times_smaller(prefer, ratio, tmp_path):
    model = residual_network()
    quantized, report = exported(model, tmp_path / "q.tflite", prefer=prefer)
    assert FLOAT_BYTES / report.bytes > ratio
    # Batches of any size.
    for batch in (1, 5):
        images = bits_of((batch, 32, 32, 3))
        for runtime in runtimes():
            answer = run(runtime, (tmp_path / "q.tflite").read_bytes(), {"image": images})["scores"]
            np.testing.assert_allclose(answer, quantized(images), atol=0.05)
