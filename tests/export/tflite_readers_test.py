"""Files for other readers than LiteRT have the trained integers in forms that these run."""

import functools

import keras
import numpy as np
import pytest
import tf_keras
from keras import layers
from other_readers import RUNS_MICRO, micro_answers, openvino_answers, quantizer_answers
from served_models import CASES
from tflite_answers import bits_of, exported
from tflite_by_hand import symmetric

import tfqd
from tfqd.export.litert.checking.runtimes import run
from tfqd.export.litert.file import flatbuffer
from tfqd.export.litert.file.flatbuffer import File, Op, Type, empty_file, type_name
from tfqd.export.litert.file.operators import INTEGER_KERNELS
from tfqd.export.litert.file.readers import check_operators
from tfqd.export.litert.file.schema import schema
from tfqd.export.litert.file.unused import blockwise

ONE_SCALE = tfqd.Uniform(bits=4, bucket_size=None, layout="flat", scaling="symmetric")
BLOCKS = tfqd.presets.deployable(4, bucket_size=32)


def dense():
    return keras.Sequential([keras.Input((96,), name="x"), layers.Dense(10)])


def convolution(window, filters=48):
    image = keras.Input((5, 5, 32), name="x")
    return keras.Model(image, layers.Conv2D(filters, window)(image))


def table(kind=tf_keras):
    words = kind.Input((3,), dtype="int32", name="x")
    return kind.Model(words, kind.layers.Embedding(40, 6)(words))


def weights(path):
    """The operator, type and scales of each weight of integers in a file: "block" for blocks."""
    file = File(path.read_bytes())
    found = []
    for operator in file.graphs[0].operators:
        kernel = INTEGER_KERNELS.get(file.code(operator))
        tensor = None if kernel is None else file.graphs[0].tensors[operator.inputs[kernel.weight]]
        if tensor is None or type_name(tensor.type) == "float32":
            continue
        scales = "block" if blockwise(tensor) else len(tensor.quantization.scale)
        found.append((file.code(operator), type_name(tensor.type), scales))
    return found


PRODUCT, IMAGE = Op.FULLY_CONNECTED, Op.CONV_2D
FORMS = {
    "litert, 2 bits": (dense, symmetric(2), {"int2": True}, [(PRODUCT, "int2", 10)]),
    "openvino, 2 bits": (dense, symmetric(2), {"int2": True}, [(PRODUCT, "int4", 10)]),
    "litert, blocks": (dense, BLOCKS, {}, [(PRODUCT, "int4", "block")]),
    "openvino, blocks": (dense, BLOCKS, {}, [(PRODUCT, "int4", 10)] * 3),
    "openvino, an image": (
        lambda: convolution(3), symmetric(4), {"prefer": "size"}, [(IMAGE, "int8", 48)],
    ),
    "openvino, a large image": (
        lambda: convolution(5, 64), symmetric(4), {"prefer": "size"}, [(PRODUCT, "int4", 64)],
    ),
    "ai-edge-quantizer, blocks": (dense, BLOCKS, {}, [(PRODUCT, "int4", 10)] * 3),
    "tflite-micro, a scale a channel": (dense, symmetric(4), (96,), [(IMAGE, "int8", 10)]),
    "tflite-micro, one scale": (dense, ONE_SCALE, (96,), [(PRODUCT, "int4", 1)]),
    "litert, pixels": (lambda: convolution(1), symmetric(4), (5, 5, 32), [(PRODUCT, "int4", 48)]),
    "tflite-micro, pixels": (
        lambda: convolution(1), symmetric(4), (5, 5, 32), [(IMAGE, "int8", 48)],
    ),
    "tflite-micro, pixels of one scale": (
        lambda: convolution(1), ONE_SCALE, (5, 5, 32), [(PRODUCT, "int4", 1)],
    ),
    "tflite-micro, a table": (table, ONE_SCALE, {}, [(Op.EMBEDDING_LOOKUP, "int8", 1)]),
}  # fmt: skip


@pytest.fixture(scope="module")
def written(tmp_path_factory):
    """By a name of `FORMS` a quantized model, its file and the report on it, written once."""
    return functools.cache(lambda name: export_form(name, tmp_path_factory.mktemp("form")))


def export_form(name, folder):
    make, spec, options, _ = FORMS[name]
    if isinstance(options, tuple):
        options = {"representative_dataset": bits_of((50, *options))}
    path = folder / "m.tflite"
    reader = name.split(",")[0]
    readers = ("litert", reader) if reader != "litert" else ("litert",)
    quantized, report = exported(make(), path, spec, readers=readers, **options)
    return quantized, path, report


def assert_near(answers, expected, share):
    (answer,) = answers.values()
    assert np.abs(answer - expected).max() <= share * np.abs(expected).max()


@pytest.mark.parametrize("name", FORMS)
def test_weights_have_forms_that_the_readers_run(name, written):
    _, path, report = written(name)
    assert weights(path) == FORMS[name][-1]
    assert report.weight_error <= 1e-6


@pytest.mark.parametrize("make", [dense, lambda: convolution(1), lambda: convolution(3)])
def test_where_size_counts_tflite_micro_gets_convolutions_of_4_bits(make, tmp_path):
    path, model = tmp_path / "m.tflite", make()
    options = {"representative_dataset": bits_of((50, *model.input_shape[1:]))}
    exported(model, path, prefer="size", readers="tflite-micro", **options)
    assert weights(path) == [(IMAGE, "int4", model.output_shape[-1])]


def test_products_as_convolutions_come_without_a_reshape_between_them(tmp_path):
    x = keras.Input((3, 12), name="x")
    scores = layers.Dense(4, use_bias=False)(layers.Flatten()(layers.Dense(8)(x)))
    model = keras.Model(x, layers.Dense(5)(scores))
    options = {"representative_dataset": bits_of((50, 3, 12)), "readers": "tflite-micro"}
    path = tmp_path / "m.tflite"
    with pytest.raises(ValueError, match=r"no REDUCE_PROD, .*; batch_size=1 may do without"):
        exported(model, path, **options)
    quantized, report = exported(model, path, batch_size=1, **options)
    # To [n, 3, 1, 12], to [n, 1, 1, 24] and to [n, 5].
    kept = {name: count for name, count in report.operators.items() if "QUANTIZE" not in name}
    assert kept == {"CONV_2D": 3, "RESHAPE": 3}
    x = bits_of((2, 3, 12))
    # Three layers, each of which rounds to 8 bits.
    assert_near(run("tf.lite", path.read_bytes(), {"x": x}), np.array(quantized(x)), 0.06)


def test_what_a_reader_does_not_run_is_float_and_said(tmp_path):
    quantized = tfqd.quantize_model(dense(), symmetric(4))
    path = tmp_path / "m.tflite"
    message = (
        r"tflite-micro has no FULLY_CONNECTED of int8 and float activations; "
        r"pass representative_dataset="
    )
    with pytest.warns(UserWarning, match=message):
        tfqd.export.tflite(quantized, path, readers=("tflite-micro",))
    assert weights(path) == []
    with pytest.raises(ValueError, match=message):
        tfqd.export.tflite(quantized, tmp_path / "n.tflite", readers="tflite-micro", strict=True)


def test_a_table_of_a_scale_a_row_is_float_where_the_reader_takes_the_first_for_all(tmp_path):
    path = tmp_path / "m.tflite"
    message = r"EMBEDDING_LOOKUP of int8 with a scale a channel; one scale a tensor would do"
    with pytest.warns(UserWarning, match=message):
        exported(table(), path, readers="tflite-micro")
    assert weights(path) == []


@pytest.mark.parametrize("reader", ["openvino", "tflite-micro"])
def test_operators_that_a_reader_has_not_are_refused_by_name(reader, tmp_path):
    path = tmp_path / "m.tflite"
    with pytest.raises(ValueError, match=f"readers: {reader} has no .*HASHTABLE"):
        tfqd.export.tflite(CASES["words"].quantized(), path, readers=reader)
    assert not path.exists()


def test_what_an_operator_is_to_answer_may_be_missing():
    file = empty_file()
    graph = file.graphs[0]
    graph.tensors = [schema.TensorT()]
    graph.tensors[0].type = Type.INT16
    code = file.add_operator_code(Op.SELECT_V2)
    graph.operators = [flatbuffer.operator(code, [0, 0, 0], [0])]
    check_operators(file, ("tflite-micro",), fixed=True)
    graph.tensors[0].type = Type.INT64
    with pytest.raises(ValueError, match="readers: tflite-micro has no SELECT_V2 of int64"):
        check_operators(file, ("tflite-micro",), fixed=True)


@pytest.mark.skipif(not RUNS_MICRO, reason="tflite-micro has no wheels for this machine")
@pytest.mark.parametrize("batch_size", [None, 1])  # SELECT_V2 and SELECT
def test_negative_indices_are_counted_back_in_tflite_micro(batch_size, tmp_path):
    path = tmp_path / "m.tflite"
    options = {"readers": "tflite-micro", "batch_size": batch_size}
    quantized, _ = exported(table(keras), path, ONE_SCALE, **options)
    x = np.array([[3, -1, 39], [-40, 0, -39]], np.int32)
    expected = np.array(quantized(x))
    assert_near(micro_answers(path, {"x": x}), expected, 1e-6)
    assert_near(run("tf.lite", path.read_bytes(), {"x": x}), expected, 1e-6)


@pytest.mark.parametrize(
    ("readers", "message"),
    [
        ("onnx", "readers must be one of 'litert', 'openvino', .*'tflite-micro'; got 'onnx'"),
        ((), "readers must name at least one"),
    ],
)
def test_other_readers_are_refused(readers, message, tmp_path):
    with pytest.raises(ValueError, match=message):
        tfqd.export.tflite(dense(), tmp_path / "m.tflite", readers=readers)


@pytest.mark.parametrize("name", [name for name in FORMS if name.startswith("openvino")])
def test_openvino_answers_as_the_model(name, written):
    quantized, path, _ = written(name)
    shape = (4, *quantized.input_shape[1:])
    x = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    assert_near(openvino_answers(path, {"x": x}), np.array(quantized(x)), 0.02)


@pytest.mark.parametrize("spec", [symmetric(4), symmetric(8), BLOCKS])
def test_ai_edge_quantizer_leaves_the_trained_integers(spec, tmp_path):
    path = tmp_path / "m.tflite"
    quantized, _ = exported(dense(), path, spec, readers="ai-edge-quantizer")
    x = bits_of((4, 96))
    assert_near(quantizer_answers(path, {"x": x}), np.array(quantized(x)), 1e-6)


@pytest.mark.skipif(not RUNS_MICRO, reason="tflite-micro has no wheels for this machine")
@pytest.mark.parametrize("name", [name for name in FORMS if name.startswith("tflite-micro")])
def test_tflite_micro_answers_as_the_model(name, written):
    quantized, path, _ = written(name)
    words = FORMS[name][0] is table
    x = np.array([[3, 0, 39]], np.int32) if words else bits_of((2, *quantized.input_shape[1:]))
    answers = micro_answers(path, {"x": x})
    assert_near(answers, np.array(quantized(x)), 1e-6 if words else 0.02)
