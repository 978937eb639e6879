"""Files of integer activations that would be wrong are refused, and so are bad examples."""

import keras
import numpy as np
import pytest
from integer_files import calibrated, exported, recurrent
from keras import layers
from served_models import CASES

import tfqd
from tfqd.export.litert.checking.checks import check
from tfqd.export.litert.checking.metadata import read_probes, sealed
from tfqd.export.litert.checking.runtimes import run
from tfqd.export.litert.file.flatbuffer import File, Op, Type, per_channel
from tfqd.export.litert.lowering.conversion import converted
from tfqd.export.litert.lowering.float_constants import FloatConstants
from tfqd.export.litert.lowering.rewriting import Preferences, lower
from tfqd.export.origin import origin_of


@pytest.fixture(scope="module", name="calibrated")
def calibrated_model():
    return calibrated()


def test_loops_are_refused_that_would_end_the_process(tmp_path):
    words = np.zeros((4, 5), np.int32)
    with pytest.raises(ValueError, match=r"cannot calibrate loops, .* give these unroll=True"):
        exported(recurrent(unroll=False), tmp_path, words, batch_size=1)


def test_products_of_activations_are_of_floats_for_tensorflow_lite_is_wrong_about_them():
    case = CASES["attention"]
    quantized = case.quantized()
    origin = origin_of(quantized, case.inputs)
    converters = converted(origin, examples=[case.inputs]).integers
    expected = case.answers(quantized)
    for name, answer in run("tf.lite", converters, case.inputs).items():
        assert np.abs(answer - expected[name]).max() > 1.0
    with pytest.raises(tfqd.export.VerificationError, match="BATCH_MATMUL of integers"):
        check(converters, origin.probes, exact=1e9, tolerance=1e9)


def test_weights_that_the_converter_has_changed_are_no_silent_loss(calibrated):
    quantized, x = calibrated
    origin = origin_of(quantized, x)
    made = converted(origin, examples=[{"features": x}])
    floats = File(made.floats)
    for tensor in floats.graphs[0].tensors:
        constant = floats.constant(tensor)
        if constant is not None and constant.ndim == 2:
            floats.set_constant(tensor, 1.1 * constant, tensor.type)
    with pytest.raises(ValueError, match=r"has changed .*/kernel before it rounded it"):
        lower(
            File(made.integers),
            origin.compressed.quantized,
            Preferences(size=False, int2=False),
            FloatConstants(floats),
        )


def test_a_bias_in_another_unit_is_refused(calibrated, tmp_path):
    made, probes, operator = fully_connected(calibrated, tmp_path)
    made.graphs[0].tensors[operator.inputs[2]].quantization.scale *= 2
    assert_refused(made, probes, "unit of its bias is not the product")


def test_a_bias_of_floats_is_refused(calibrated, tmp_path):
    made, probes, operator = fully_connected(calibrated, tmp_path)
    bias = made.graphs[0].tensors[operator.inputs[2]]
    made.set_constant(bias, made.constant(bias).astype(np.float32), Type.FLOAT32)
    assert_refused(made, probes, "its bias must be int32; got float32")


def test_blocks_of_integer_activations_are_refused(tmp_path):
    blocks = tfqd.presets.deployable(4, bucket_size=32)
    model = keras.Sequential([keras.Input((96,), name="x"), layers.Dense(10)])
    tfqd.export.tflite(tfqd.quantize_model(model, blocks), tmp_path / "m.tflite")
    made = File((tmp_path / "m.tflite").read_bytes())
    probes, _ = read_probes(made)
    data = made.graphs[0].tensors[made.graphs[0].operators[0].inputs[0]]
    data.type, data.quantization = Type.INT8, per_channel(np.ones(1), 0)
    assert_refused(made, probes, "blocks of weights need float activations")


def fully_connected(calibrated, folder):
    """A file of integer activations to spoil, its probes, its first operator of weights."""
    quantized, x = calibrated
    file = File(exported(quantized, folder, x)[1])
    operators = file.graphs[0].operators
    operator = next(each for each in operators if file.code(each) == Op.FULLY_CONNECTED)
    return file, read_probes(file)[0], operator


def assert_refused(file, probes, fault):
    with pytest.raises(tfqd.export.VerificationError, match=fault):
        check(file.to_bytes(), probes, exact=1e9, tolerance=1e9)


def test_a_changed_integer_is_found_out(calibrated, tmp_path):
    file, _, operator = fully_connected(calibrated, tmp_path)
    weight = file.graphs[0].tensors[operator.inputs[1]]
    integers = file.constant(weight).copy()
    integers[0, :3] = -integers[0, :3] - (integers[0, :3] == 0)
    file.set_constant(weight, integers, weight.type)
    (tmp_path / "changed.tflite").write_bytes(sealed(file.to_bytes()))
    with pytest.raises(tfqd.export.VerificationError, match="float form of the tflite file and"):
        tfqd.export.verify(tmp_path / "changed.tflite")


ROW = np.ones(20)
UNFIT = r"representative_dataset: input 'features' must be float32 of shape \(None, 20\);"


def yielding(*batches):
    """A function that yields them, as TensorFlow's converter takes it."""
    return lambda: iter(batches)


def broken():
    """A user's function that fails after the first batch."""
    yield [ROW[None]]
    raise KeyError("no more")


@pytest.mark.parametrize(
    ("data", "options", "error", "message"),
    [
        (np.zeros((4, 7)), {}, ValueError, r"representative_dataset: input 'features' must be"),
        ([], {}, ValueError, "representative_dataset has no examples"),
        (3, {}, TypeError, "data must be arrays, a tf.data.Dataset"),
        (lambda: iter([]), {}, ValueError, "representative_dataset has no examples"),
        (lambda: None, {}, TypeError, r"must yield batches .*; calling it gave NoneType"),
        (yielding([ROW]), {}, ValueError, rf"^{UNFIT} got float64 of shape \(20,\)$"),
        (yielding([ROW[None]], [ROW]), {}, ValueError, rf"^{UNFIT} got float64 of shape \(20,\)$"),
        (yielding((ROW[None], 0)), {}, ValueError, "must be 1 arrays, for features; got 2"),
        (broken, {}, ValueError, "^representative_dataset failed with KeyError: 'no more'$"),
        (None, {"io_dtype": "int8"}, ValueError, "pass representative_dataset="),
        (None, {"io_dtype": "uint8"}, ValueError, "io_dtype must be one of 'float32', 'int8'"),
    ],
)
def test_bad_examples_are_refused(data, options, error, message, calibrated, tmp_path):
    with pytest.raises(error, match=message):
        exported(calibrated[0], tmp_path, data, **options)
    assert list(tmp_path.iterdir()) == []
