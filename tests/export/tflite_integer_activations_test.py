"""Files of integer activations hold the trained integers, and both runtimes compute with them."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from integer_files import calibrated, exported, recurrent
from keras import layers
from served_models import CASES
from tflite_by_hand import symmetric

import tfqd
from tfqd.export.litert.checking.kernels import largest_error
from tfqd.export.litert.checking.metadata import read_probes
from tfqd.export.litert.checking.runtimes import run, runtimes
from tfqd.export.litert.file.flatbuffer import File, Op, Type, empty_file, op_name, operator
from tfqd.export.litert.file.schema import schema
from tfqd.export.litert.lowering.round_trips import drop_round_trips

RUNTIMES = ["tf.lite", "ai-edge-litert"]
FLOAT = np.random.default_rng(5).normal


def weight_of(data, code):
    """The integers, scale and type of the only operator of a kind."""
    file = File(data)
    graph = file.graphs[0]
    (operator,) = [each for each in graph.operators if file.code(each) == code]
    tensor = graph.tensors[operator.inputs[1]]
    return file.constant(tensor), np.asarray(tensor.quantization.scale), tensor.type


def assert_within_a_step(data, inputs, expected):
    """Every answer is the expected one on the grid of the outputs.

    That grid has 0 among its points, for which its ends move by half a step.
    """
    step = np.ptp(expected) / 255
    for runtime in RUNTIMES:
        (answer,) = run(runtime, data, {"x": inputs}).values()
        assert np.abs(answer - expected).max() <= 1.01 * step, runtime


ONE_SCALE = {
    "8 bits": (symmetric(8), {}, Type.INT8),
    "4 bits": (symmetric(4), {}, Type.INT4),
    "3 bits": (symmetric(3), {}, Type.INT4),
    "2 bits as such": (symmetric(2), {"int2": True}, Type.INT2),
    "learned steps": (tfqd.LearnedStep(bits=4, layout="channel"), {}, Type.INT4),
    "codebook on int4": (
        tfqd.Codebook(bits=3, bucket_size=None, layout="channel", scaling="symmetric", grid="int4"),
        {},
        Type.INT4,
    ),
}


@pytest.mark.parametrize("name", ONE_SCALE)
def test_fully_connected_weights_are_the_trained_integers(name, tmp_path):
    spec, options, type = ONE_SCALE[name]
    model = keras.Sequential([keras.Input((96,), name="x"), layers.Dense(10, use_bias=False)])
    quantized = tfqd.quantize_model(model, spec)
    (kernel,) = tfqd.compress(quantized).dequantize().values()
    one_hot = np.eye(96, dtype=np.float32)
    result, data = exported(quantized, tmp_path, one_hot, **options)
    assert result.report.integer_activations
    assert result.report.operators == {"QUANTIZE": 1, "FULLY_CONNECTED": 1, "DEQUANTIZE": 1}
    integers, scale, found = weight_of(data, Op.FULLY_CONNECTED)
    assert found == type
    np.testing.assert_allclose(integers * scale[:, None], kernel.T, rtol=1e-6, atol=0)
    assert_within_a_step(data, one_hot, kernel)
    assert [largest_error(data, runtime)[0] for runtime in runtimes()] == [0, 0]


CONVOLUTIONS = {
    "convolution": (layers.Conv2D(10, 3, use_bias=False), Op.CONV_2D),
    "pointwise": (layers.Conv2D(10, 1, use_bias=False), Op.FULLY_CONNECTED),
    "strided, same": (layers.Conv2D(6, 3, strides=2, padding="same"), Op.CONV_2D),
    "depthwise": (layers.DepthwiseConv2D(3, depth_multiplier=2), Op.DEPTHWISE_CONV_2D),
    "transposed": (layers.Conv2DTranspose(4, 3, strides=2), Op.TRANSPOSE_CONV),
}


@pytest.mark.parametrize("prefer", ["speed", "size"])
@pytest.mark.parametrize("name", CONVOLUTIONS)
def test_weights_of_convolutions(name, prefer, tmp_path):
    layer, code = CONVOLUTIONS[name]
    layer = layer.__class__.from_config(layer.get_config())
    image = keras.Input((5, 5, 4), name="x")
    model = keras.Model(image, layer(image))
    if layer.use_bias:
        layer.bias.assign(FLOAT(size=layer.bias.shape) * 0.3)
    quantized = tfqd.quantize_model(model, symmetric(4))
    one_hot = np.eye(100, dtype=np.float32).reshape(100, 5, 5, 4)
    result, data = exported(quantized, tmp_path, one_hot, prefer=prefer)
    assert result.report.integer_activations
    assert result.report.weights[0].type in ("int4", "int8")
    assert Type.FLOAT32 not in weight_of(data, code)[2:]
    assert_within_a_step(data, one_hot, np.array(quantized(one_hot)))
    assert [largest_error(data, runtime)[0] for runtime in runtimes()] == [0, 0]


def test_large_convolutions_become_patches_of_integers_where_size_counts(tmp_path):
    image = keras.Input((4, 4, 72), name="x")
    model = keras.Model(image, layers.Conv2D(72, 3, padding="same")(image))
    quantized = tfqd.quantize_model(model, symmetric(4))
    x = FLOAT(size=(8, 4, 4, 72)).astype(np.float32)
    result, data = exported(quantized, tmp_path, x, prefer="size")
    assert "as patches" in result.report.weights[0].reason
    file = File(data)
    kinds = {t.type for t in file.graphs[0].tensors if t.shape is not None and len(t.shape) == 4}
    assert kinds == {Type.FLOAT32, Type.INT8}
    expected = np.array(quantized(x))
    for runtime in RUNTIMES:
        (answer,) = run(runtime, data, {"x": x}).values()
        np.testing.assert_allclose(answer, expected, atol=0.02 * np.abs(expected).max())


BETWEEN_FLOATS = {
    "buckets": tfqd.Uniform(bits=4, bucket_size=32, layout="channel", scaling="symmetric"),
    "affine": tfqd.Uniform(bits=4, bucket_size=None, layout="channel"),
    "paper": tfqd.presets.paper(4),
    "float points": tfqd.Codebook(bits=4),
}


@pytest.mark.parametrize("name", BETWEEN_FLOATS)
def test_what_integer_activations_cannot_take_computes_in_floats_exactly(name, tmp_path):
    model = keras.Sequential([keras.Input((96,), name="x"), layers.Dense(10, use_bias=False)])
    quantized = tfqd.quantize_model(model, BETWEEN_FLOATS[name])
    (kernel,) = tfqd.compress(quantized).dequantize().values()
    one_hot = np.eye(96, dtype=np.float32)
    result, data = exported(quantized, tmp_path, one_hot)
    (row,) = result.report.weights
    assert row.type == ("float32" if name in ("paper", "float points") else "int4")
    assert "between floats, since" in row.reason
    assert result.report.weight_error <= 1e-6
    assert_within_a_step(data, one_hot, kernel)


@pytest.mark.parametrize(
    "name", ["convolutional", "convolutional, paper", "attention", "several inputs, mixed"]
)
@pytest.mark.parametrize("prefer", ["speed", "size"])
def test_whole_models_answer_as_the_quantized_one(name, prefer, tmp_path):
    case = CASES[name]
    quantized = case.quantized()
    result, data = exported(quantized, tmp_path, dict(case.inputs), prefer=prefer)
    assert {row.path for row in result.report.weights} == tfqd.compress(quantized).quantized.keys()
    expected = case.answers(quantized)
    for runtime in RUNTIMES:
        answers = run(runtime, data, case.inputs)
        for key, answer in answers.items():
            atol = 0.05 * np.abs(expected[key]).max()
            np.testing.assert_allclose(answer, expected[key], rtol=0, atol=atol)
    assert tfqd.export.verify(tmp_path / "m.tflite").largest_difference < 0.1


def test_unrolled_recurrent_layers_keep_the_trained_weights(tmp_path):
    quantized = recurrent(unroll=True)
    words = np.random.default_rng(3).integers(0, 30, (40, 5)).astype(np.int32)
    result, data = exported(quantized, tmp_path, words)
    assert {row.type for row in result.report.weights} == {"int4"}
    assert result.report.weight_error <= 1e-6
    expected = np.array(quantized(words))
    for runtime in RUNTIMES:
        (answer,) = run(runtime, data, {"words": words}).values()
        np.testing.assert_allclose(answer, expected, atol=0.1 * np.abs(expected).max())


@pytest.fixture(scope="module", name="calibrated")
def calibrated_model():
    return calibrated()


def test_inputs_and_outputs_are_integers_on_request(calibrated, tmp_path):
    quantized, x = calibrated
    result, data = exported(quantized, tmp_path, x, io_dtype="int8")
    assert set(result.report.operators) == {"FULLY_CONNECTED"}
    file = File(data)
    graph = file.graphs[0]
    assert {t.type for t in graph.tensors} <= {Type.INT8, Type.INT4, Type.INT32}
    expected = np.array(quantized(x))
    for runtime in RUNTIMES:
        (answer,) = run(runtime, data, {"features": x}).values()
        np.testing.assert_allclose(answer, expected, atol=0.03 * np.abs(expected).max())
    assert tfqd.export.verify(tmp_path / "m.tflite").largest_difference < 0.03


@pytest.mark.parametrize("batch_size", [None, 4])
@pytest.mark.parametrize(
    "kind",
    ["arrays", "dataset", "generator", "with targets", "lists", "tuples", "dicts", "function"],
)
def test_examples_come_as_fit_takes_them(kind, batch_size, calibrated, tmp_path):
    quantized, x = calibrated
    data = {
        "arrays": lambda: x,
        "dataset": lambda: tf.data.Dataset.from_tensor_slices(x).batch(7),
        "generator": lambda: (x[start : start + 10] for start in range(0, 50, 10)),
        "with targets": lambda: (x, np.zeros(50)),
        # As TensorFlow's converter takes them: a function, called for batches.
        "lists": lambda: lambda: ([x[i : i + 1]] for i in range(50)),
        "tuples": lambda: lambda: ((tf.constant(x[i : i + 1]),) for i in range(50)),
        "dicts": lambda: lambda: [{"features": x[:30]}, {"features": x[30:]}],
        "function": lambda: lambda: tf.data.Dataset.from_tensor_slices(x).batch(7),
    }[kind]()
    result, content = exported(quantized, tmp_path, data, batch_size=batch_size)
    assert result.largest_difference < 0.03
    (scale,) = File(content).graphs[0].tensors[1].quantization.scale
    assert scale == pytest.approx(np.ptp(x) / 255, rel=1e-3)


def test_a_function_yields_an_array_for_each_input_in_their_order(tmp_path):
    x, y = keras.Input((3,), name="x"), keras.Input((20,), name="y")
    model = keras.Model([y, x], layers.Dense(4)(layers.Concatenate()([x, y])))
    arrays = [FLOAT(size=(8, 20)).astype(np.float32), FLOAT(size=(8, 3)).astype(np.float32)]
    quantized = tfqd.quantize_model(model, symmetric(4))
    result, _ = exported(quantized, tmp_path, lambda: (tuple(arrays) for _ in range(3)))
    assert result.report.integer_activations
    assert result.largest_difference < 0.05


def test_the_probe_is_the_first_example_and_takes_little_room(tmp_path):
    image = keras.Input((64, 64, 3), name="x")
    model = keras.Model(image, layers.GlobalAveragePooling2D()(layers.Conv2D(4, 3)(image)))
    x = FLOAT(size=(4, 64, 64, 3)).astype(np.float32)
    result, data = exported(tfqd.quantize_model(model, symmetric(4)), tmp_path, x)
    probes, _ = read_probes(File(data))
    assert probes.inputs["x"].shape == (1, 64, 64, 3)
    np.testing.assert_allclose(probes.inputs["x"], x[:1], atol=np.ptp(x[0]) / 255)
    assert result.report.bytes < 1.5 * x[0].size + 6000


def round_trip(type):
    """A file of x, as integers, as floats again, negated."""
    file = empty_file()
    graph = file.graphs[0]
    codes = [Op.QUANTIZE, Op.DEQUANTIZE, Op.NEG]
    for kind in (type, Type.FLOAT32, Type.INT8, Type.FLOAT32):
        tensor = schema.TensorT()
        tensor.shape, tensor.type = np.array([2], np.int32), kind
        graph.tensors.append(tensor)
    for code, x, y in zip(codes, (0, 2, 3), (2, 3, 1), strict=True):
        graph.operators.append(operator(file.add_operator_code(code), [x], [y]))
    return file


@pytest.mark.parametrize(
    ("type", "left"), [(Type.FLOAT32, []), (Type.INT8, ["QUANTIZE", "DEQUANTIZE"])]
)
def test_only_floats_are_spared_the_way_through_integers(type, left):
    file = round_trip(type)
    graph = file.graphs[0]
    # As in a file that holds equal lists once.
    shape = graph.tensors[0].shape = graph.operators[-1].inputs
    drop_round_trips(file)
    assert [op_name(file.code(each)) for each in graph.operators] == [*left, "NEG"]
    assert list(graph.operators[-1].inputs) == [3 if left else 0]
    assert list(shape) == [3]
