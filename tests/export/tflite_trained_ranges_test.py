"""Files of integers compute what was trained: Keras 3 models whose activations are rounded."""

import keras
import numpy as np
import pytest
from integer_models import IMAGES, quantized, residual, trained
from keras import layers

import tfqd
from tfqd.export.litert.checking.io_spans import input_spans
from tfqd.export.litert.checking.metadata import read_probes
from tfqd.export.litert.checking.runtimes import computed_tensors, run, runtimes
from tfqd.export.litert.file.flatbuffer import File, Op, Type

BITS = {"W8A8": (8, 8), "W4A8": (4, 8), "W4A4": (4, 4), "W8A6": (8, 6)}
WIDE_BITS = {"W8A16": 8, "W4A16": 4}
X = np.random.default_rng(1).normal(size=(64, 6)).astype(np.float32)


@pytest.fixture(scope="module", name="model")
def trained_model():
    return trained(bits=4)


@pytest.fixture(autouse=True)
def _seeded():
    """The same weights in every run."""
    keras.utils.set_random_seed(3)


@pytest.fixture(scope="module")
def unasked(model, tmp_path_factory):
    """What came of exporting the model without probes, and the file."""
    return exported(model, tmp_path_factory.mktemp("unasked"))


def exported(model, folder, **options):
    result = tfqd.export.tflite(model, folder / "m.tflite", **options)
    return result, (folder / "m.tflite").read_bytes()


def assert_same_integers(model, data, inputs):
    """The answers are those of the model, but for a step of the file's grid here and there.

    A step at one layer may be two or three at the next one's finer grid: one answer in a hundred.
    """
    expected = np.asarray(model(inputs))
    (name,) = input_spans(File(data))
    for runtime in runtimes():
        (answer,) = run(runtime, data, {name: inputs}).values()
        steps = np.rint((answer - expected) * 256)
        assert np.mean(np.abs(steps) > 1) <= 0.01, runtime
        assert np.abs(steps).max() <= 3, runtime


@pytest.mark.parametrize("name", BITS)
def test_the_file_computes_what_the_model_computes(name, tmp_path):
    weight_bits, bits = BITS[name]
    keras.utils.set_random_seed(0)
    model = tfqd.quantize_model(
        residual(),
        tfqd.LearnedStep(bits=weight_bits, layout="channel"),
        activations=tfqd.Activations(bits=bits),
    )
    tfqd.calibrate(model, IMAGES)
    result, data = exported(model, tmp_path, io_dtype="int8", probes=IMAGES)
    assert result.report.weight_error == 0
    assert not {"QUANTIZE", "DEQUANTIZE"} & result.report.operators.keys()
    (graph,) = File(data).graphs
    assert {tensor.type for tensor in graph.tensors} <= {Type.INT8, Type.INT4, Type.INT32}
    assert_same_integers(model, data, IMAGES)


@pytest.mark.parametrize("name", WIDE_BITS)
def test_so_it_does_with_activations_of_16_bits(name, tmp_path):
    keras.utils.set_random_seed(0)
    spec = tfqd.LearnedStep(bits=WIDE_BITS[name], layout="channel")
    model = tfqd.quantize_model(residual(), spec, activations=tfqd.Activations(bits=16))
    tfqd.calibrate(model, IMAGES)
    # A wish for INT4 that no kernel of 16-bit activations fulfils.
    result, data = exported(model, tmp_path, io_dtype="int16", probes=IMAGES, prefer="size")
    assert result.report.weight_error == 0
    assert {row.type for row in result.report.weights} == {"int8"}
    assert result.report.activation_bits == 16
    assert "; activations in 16 bits\n" in str(result.report)
    (graph,) = File(data).graphs
    found = {tensor.type for tensor in graph.tensors}
    assert found == {Type.INT8, Type.INT16, Type.INT32, Type.INT64}
    expected = np.asarray(model(IMAGES))
    for runtime in runtimes():
        (answer,) = run(runtime, data, {"image": IMAGES}).values()
        # A factor of the kernels has 15 bits, so that each layer may be a step off.
        assert np.abs(answer - expected).max() <= 8 * 2**-15, runtime
    assert tfqd.export.verify(tmp_path / "m.tflite").largest_difference < 1e-3


def test_the_roundings_of_two_bits_are_let_pass(tmp_path):
    plain = residual()
    for layer in plain.layers:
        if isinstance(layer, layers.BatchNormalization):  # biases, which are rounded coarsely
            layer.beta.assign(np.linspace(-0.5, 0.5, layer.beta.shape[0]))
    spec = tfqd.LearnedStep(bits=2, layout="channel")
    model = tfqd.quantize_model(plain, spec, activations=tfqd.Activations(bits=2))
    tfqd.calibrate(model, IMAGES)
    result, _ = exported(model, tmp_path, probes=IMAGES)
    assert result.report.weight_error == 0
    assert tfqd.export.verify(tmp_path / "m.tflite").tolerance == 0.1


def test_io_dtypes_of_other_bits_than_the_activations_are_refused(model, tmp_path):
    with pytest.raises(ValueError, match=r"'int16' needs activations of 16 bits: .* have 8"):
        exported(model, tmp_path, io_dtype="int16")
    spec = tfqd.presets.deployable(8)
    of_16 = tfqd.quantize_model(linear(), spec, activations=tfqd.Activations(bits=16))
    tfqd.calibrate(of_16, X)
    with pytest.raises(ValueError, match=r"'int8' needs activations of 8 bits: .* have 16"):
        exported(of_16, tmp_path, io_dtype="int8")
    with pytest.raises(ValueError, match=r"'int16' needs .*: quantize by tfqd.Activations.bits"):
        exported(tfqd.quantize_model(linear(), 8), tmp_path, io_dtype="int16")
    with pytest.raises(ValueError, match="io_dtype must be one of 'float32', 'int8', 'int16'"):
        exported(model, tmp_path, io_dtype="int4")


def test_training_goes_into_the_file(model, tmp_path):
    _, data = exported(model, tmp_path, probes=IMAGES)
    assert_same_integers(model, data, IMAGES)
    file = File(data)
    (graph,) = file.graphs
    steps = {
        float(tensor.quantization.scale[0])
        for operator in graph.operators
        for tensor in (graph.tensors[operator.outputs[0]],)
        if tensor.type == Type.INT8
    }
    for layer in model.quantized_activations:
        low, high = layer.ends
        step = (high - low) / layer.quantizer.steps
        assert any(step == pytest.approx(each, rel=1e-5) for each in steps), layer.name
    assert tfqd.export.verify(tmp_path / "m.tflite").largest_difference < 0.01


def test_four_bits_lie_at_the_upper_end_of_eight(unasked):
    _, data = unasked
    found = {
        each.name: each.values / (each.span / 255)
        for each in computed_tensors(data, {"image": IMAGES[:8]})
    }
    file = File(data)
    (graph,) = file.graphs
    relus = [
        graph.tensors[operator.outputs[0]].name.decode()
        for operator in graph.operators
        if file.code(operator) in (Op.CONV_2D, Op.ADD)
        and operator.builtinOptions.fusedActivationFunction
    ]
    assert len(relus) >= 4
    for name in relus:
        codes = np.unique(np.rint(found[name]))
        assert codes.min() >= 0
        assert codes.max() <= 15


def test_without_probes_the_file_is_asked_numbers_of_the_inputs_range(model, unasked):
    result, data = unasked
    assert result.largest_difference < 0.01
    probes, _ = read_probes(File(data))
    assert probes.inputs["image"].shape == (1, 8, 8, 3)
    low, high = model.quantized_activations[0].ends
    assert low < probes.inputs["image"].min() < 0.8 * low
    assert 0.8 * high < probes.inputs["image"].max() < high


def test_a_file_that_disagrees_says_where_and_what_to_do(model, tmp_path):
    message = "'stem_relu' is the first that disagrees; pass probes= .* or a larger tolerance="
    with pytest.raises(tfqd.export.VerificationError, match=message):
        exported(model, tmp_path, probes=IMAGES, tolerance=1e-9)


def linear():
    return keras.Sequential([keras.Input((6,), name="x"), layers.Dense(1, name="y")])


@pytest.mark.parametrize("batch", [1, 64])
def test_no_single_example_decides_whether_a_regression_is_right(batch, tmp_path):
    quantized = tfqd.quantize_model(linear(), tfqd.presets.deployable(8))
    kernel = np.asarray(tfqd.strip_quantization(quantized).weights[0])[:, 0]
    # What is at right angles to the weights is answered by nearly 0.
    first = X[0] - kernel * (X[0] @ kernel) / (kernel @ kernel)
    examples = np.concatenate([[first], X[1:]])
    batches = (examples[i : i + batch] for i in range(0, 64, batch))
    result, data = exported(quantized, tmp_path, representative_dataset=batches)
    assert result.largest_difference < 0.01
    assert read_probes(File(data))[0].inputs["x"].shape == (1, 6)
    too_narrow = (example[np.newaxis] / 100 for example in examples)
    with pytest.raises(tfqd.export.VerificationError, match="'y' is the first that disagrees"):
        exported(quantized, tmp_path, representative_dataset=too_narrow, probes=X)


def test_activations_of_both_signs_and_of_one_scale_are_taken(tmp_path):
    for fields in ({"scaling": "symmetric"}, {"ranges": "fixed", "start": "minmax"}):
        model = quantized(**fields)
        _, data = exported(model, tmp_path, probes=IMAGES)
        assert_same_integers(model, data, IMAGES)


LAYERS = {
    "transposed": [layers.Conv2DTranspose(4, 3, strides=2), layers.ReLU()],
    "one dimension": [layers.Reshape((8, 24)), layers.Conv1D(6, 3), layers.ReLU()],
    "sigmoid": [layers.Conv2D(4, 3, activation="sigmoid"), layers.Conv2D(4, 1)],
    "tanh": [layers.Conv2D(4, 3), layers.Activation("tanh"), layers.Permute((2, 1, 3))],
    "cropped": [layers.Cropping2D(1), layers.DepthwiseConv2D(3, depth_multiplier=2)],
    "normalized Dense": [layers.Flatten(), layers.Dense(6), layers.BatchNormalization()],
    "lone ReLU": [layers.MaxPooling2D(2), layers.ReLU(), layers.Dense(5)],
}


@pytest.mark.parametrize("name", LAYERS)
def test_every_layer_that_is_let_through_has_a_kernel(name, tmp_path):
    parts = [each.__class__.from_config(each.get_config()) for each in LAYERS[name]]
    model = quantized(keras.Sequential([keras.Input((8, 8, 3), name="image"), *parts]))
    result, data = exported(model, tmp_path, io_dtype="int8", probes=IMAGES[:32])
    assert result.largest_difference <= 1.01 / 255
    (graph,) = File(data).graphs
    assert {tensor.type for tensor in graph.tensors} <= {Type.INT8, Type.INT4, Type.INT32}


@pytest.mark.parametrize("operation", [layers.Add, layers.Subtract, layers.Multiply])
def test_operators_of_two_tensors(operation, tmp_path):
    image = keras.Input((8, 8, 3), name="image")
    pair = [layers.Conv2D(4, 3)(image), layers.Conv2D(4, 3, activation="relu")(image)]
    model = quantized(keras.Model(image, layers.ReLU()(operation()(pair))))
    result, data = exported(model, tmp_path, io_dtype="int8", probes=IMAGES[:32])
    assert result.largest_difference <= 2.01 / 255
    (graph,) = File(data).graphs
    assert {tensor.type for tensor in graph.tensors} <= {Type.INT8, Type.INT4, Type.INT32}
