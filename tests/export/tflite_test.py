"""`tfqd.export.tflite` writes files that both runtimes run, and only right ones."""

import gc
import gzip
import os

import keras
import numpy as np
import pytest
from keras import layers
from served_models import CASES
from tflite_by_hand import symmetric

import tfqd
from tfqd.export.litert.checking.metadata import sealed
from tfqd.export.litert.checking.runtimes import run, runtimes
from tfqd.export.litert.file.flatbuffer import File
from tfqd_command.main import main

NAMES = [
    "dense of 2 bits",
    "dense of 4 bits",
    "dense of 6 bits",
    "convolutional",
    "convolutional, paper",
    "attention",
    "several inputs, mixed",
    "learned steps",
    "codebooks",
    "subclassed",
]


def deployable(build=CASES["dense of 4 bits"].build, bits=4):
    return CASES["dense of 4 bits"]._replace(build=build, spec=tfqd.presets.deployable(bits))


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A quantized model, its file and what came of writing it."""
    path = tmp_path_factory.mktemp("tflite") / "small.tflite"
    quantized = deployable().quantized()
    return quantized, path, tfqd.export.tflite(quantized, path)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("prefer", ["speed", "size"])
def test_files_answer_as_the_quantized_model(name, prefer, tmp_path):
    case = CASES[name]
    quantized = case.quantized()
    path = tmp_path / "model.tflite"
    result = tfqd.export.tflite(quantized, path, prefer=prefer, probes=case.inputs)
    assert (result.kind, result.tolerance) == ("tflite", 0.1)
    assert result.report.weight_error <= 1e-6
    assert {row.path for row in result.report.weights} == tfqd.compress(quantized).quantized.keys()
    expected = case.answers(quantized)
    for runtime in ("tf.lite", "ai-edge-litert"):
        answers = run(runtime, path.read_bytes(), case.inputs)
        assert answers.keys() == expected.keys()
        for key, answer in answers.items():
            atol = 0.02 * np.abs(expected[key]).max()  # int8 activations
            np.testing.assert_allclose(answer, expected[key], rtol=0, atol=atol)


def test_the_batch_size_is_free_or_fixed(small, tmp_path):
    quantized, path, _ = small
    features = np.random.default_rng(0).normal(size=(5, 20)).astype(np.float32)
    expected = np.array(quantized(features))
    tfqd.export.tflite(quantized, tmp_path / "two.tflite", batch_size=2)
    for data in (path.read_bytes(), (tmp_path / "two.tflite").read_bytes()):
        (answer,) = run("tf.lite", data, {"features": features}).values()
        np.testing.assert_allclose(answer, expected, atol=0.02 * np.abs(expected).max())
    (entry,) = File((tmp_path / "two.tflite").read_bytes()).graphs[0].inputs
    file = File((tmp_path / "two.tflite").read_bytes())
    assert list(file.graphs[0].tensors[entry].shape) == [2, 20]


def test_bytes_are_those_of_the_bits(tmp_path):
    model = keras.Sequential([keras.Input((512,)), layers.Dense(512), layers.Dense(64)])
    weights, channels = 512 * 512 + 512 * 64, 512 + 64
    for bits, options in ((8, {}), (4, {}), (2, {"int2": True})):
        path = tmp_path / "model.tflite"
        quantized = tfqd.quantize_model(model, symmetric(bits))
        report = tfqd.export.tflite(quantized, path, **options).report
        # A scale and a bias for each channel; the rest is the graph and the probes.
        codes = weights * bits // 8 + 8 * channels
        assert codes < report.bytes < codes + 6500
        data = path.read_bytes()
        assert report.bytes == len(data)
        assert report.gzip_bytes == len(gzip.compress(data, 9, mtime=0))


def test_four_bits_in_int8_compress_to_four_bits(tmp_path):
    image = keras.Input((8, 8, 32))
    model = keras.Model(image, layers.Conv2D(64, 3, strides=6)(image))
    report = tfqd.export.tflite(
        tfqd.quantize_model(model, symmetric(4)), tmp_path / "m.tflite"
    ).report
    assert report.weights[0].type == "int8"
    assert report.gzip_bytes < 0.62 * report.bytes


def test_the_report_says_what_became_of_each_weight_and_why(tmp_path):
    model = CASES["convolutional"].build()
    spec = {
        "conv2d.*/kernel": symmetric(4),
        "depthwise_kernel|depthwise.*/kernel": symmetric(3),
        "classes/kernel": tfqd.Uniform(bits=4, bucket_size=4),
    }
    report = tfqd.export.tflite(tfqd.quantize_model(model, spec), tmp_path / "m.tflite").report
    rows = {row.path.split("/")[0].rstrip("_0123456789"): row for row in report.weights}
    assert rows["conv2d"][2:4] == ("CONV_2D", "int8")
    assert "no fast kernel below 8 bits" in rows["conv2d"].reason
    assert rows["depthwise_conv2d"].type == "int8"
    assert rows["classes"].type == "float32"
    assert "span output channels (layout 'flat')" in rows["classes"].reason
    assert rows["classes"].spec["bucket_size"] == 4
    assert report.operators["DEPTHWISE_CONV_2D"] == 2
    text = str(report)
    assert all(row.path in text and row.reason in text for row in report.weights)


def test_compressed_and_float_models_are_written_too(tmp_path):
    compressed = tfqd.compress(deployable().quantized())
    result = tfqd.export.tflite(compressed, tmp_path / "c.tflite")
    assert [row.type for row in result.report.weights] == ["int4", "int4"]
    result = tfqd.export.tflite(CASES["dense of 4 bits"].build(), tmp_path / "f.tflite")
    assert result.report.weights == ()
    assert result.largest_difference <= 1e-5


def test_verify_runs_the_file_again(small, capsys):
    _, path, result = small
    verification = tfqd.export.verify(path)
    assert verification.kind == "tflite"
    assert verification.largest_difference == result.largest_difference
    assert main(["verify", str(path)]) == 0
    assert f"{path} agrees with the model it was made from" in capsys.readouterr().out


def test_a_changed_weight_is_found_out(small, tmp_path):
    file = File(small[1].read_bytes())
    graph = file.graphs[0]
    weight = graph.tensors[graph.operators[0].inputs[1]]
    integers = file.constant(weight).copy()
    integers[0, 0] += 1 if integers[0, 0] < 7 else -1
    file.set_constant(weight, integers, weight.type)
    (tmp_path / "changed.tflite").write_bytes(sealed(file.to_bytes()))
    with pytest.raises(tfqd.export.VerificationError, match="float form of the tflite file and"):
        tfqd.export.verify(tmp_path / "changed.tflite")


def test_recurrent_layers_run_in_int4_with_a_fixed_batch_size(tmp_path):
    case = CASES["recurrent"]
    words = keras.Input((11,), dtype="int32", name="words")
    quantized = tfqd.quantize_model(
        keras.Model(words, case.build()(words)), tfqd.presets.deployable(4)
    )
    path = tmp_path / "model.tflite"
    report = tfqd.export.tflite(quantized, path, batch_size=1).report
    assert {row.type for row in report.weights} == {"int4"}
    assert report.operators["WHILE"] == 3
    expected = np.array(quantized(case.inputs["words"]))
    (answer,) = run("ai-edge-litert", path.read_bytes(), case.inputs).values()
    np.testing.assert_allclose(answer, expected, atol=0.03 * np.abs(expected).max())


def test_a_model_that_does_not_convert_is_an_error_that_says_why(tmp_path):
    steps = keras.Input((5, 6))
    model = keras.Model(steps, layers.LSTM(4)(steps))
    with pytest.raises(ValueError, match=r"'tf\.TensorListReserve' op .*; pass batch_size="):
        tfqd.export.tflite(tfqd.quantize_model(model, symmetric(4)), tmp_path / "m.tflite")


@pytest.mark.parametrize("data", [b"", b"TFL3", b"\x1c\0\0\0TFL3 and no more"])
def test_other_files_are_refused(data, tmp_path):
    (tmp_path / "m.tflite").write_bytes(data)
    with pytest.raises(ValueError, match=r"m\.tflite is no export of tfqd, or damaged"):
        tfqd.export.verify(tmp_path / "m.tflite")


def test_files_of_others_are_refused(small, tmp_path):
    file = File(small[1].read_bytes())
    file.model.metadata = []
    (tmp_path / "m.tflite").write_bytes(file.to_bytes())
    with pytest.raises(ValueError, match="it has no metadata 'tfqd'"):
        tfqd.export.verify(tmp_path / "m.tflite")


def test_a_file_that_answers_otherwise_leaves_the_old_one(small, tmp_path):
    path = tmp_path / "model.tflite"
    path.write_bytes(b"old")
    with pytest.raises(tfqd.export.VerificationError, match="the tflite file and the model"):
        tfqd.export.tflite(small[0], path, tolerance=1e-7)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["model.tflite"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"prefer": "small"}, "prefer must be one of 'speed', 'size'; got 'small'"),
        ({"batch_size": 0}, "batch_size must be None or a positive integer; got 0"),
        ({"batch_size": True}, "batch_size must be None or a positive integer; got True"),
        ({"tolerance": 0}, "tolerance must be None or a positive finite number; got 0"),
    ],
)
def test_bad_arguments_are_refused(options, message, small, tmp_path):
    with pytest.raises(ValueError, match=message):
        tfqd.export.tflite(small[0], tmp_path / "m.tflite", **options)


def test_another_suffix_is_refused(small, tmp_path):
    with pytest.raises(ValueError, match=r"path must end in \.tflite; got '.*model\.lite'"):
        tfqd.export.tflite(small[0], tmp_path / "model.lite")


@pytest.mark.parametrize("frozen", [True, False])
def test_the_garbage_collector_is_left_as_it_was(frozen, small, tmp_path):
    quantized, *_ = small
    (gc.freeze if frozen else gc.unfreeze)()
    tfqd.export.tflite(quantized, tmp_path / "m.tflite")
    assert (gc.get_freeze_count() > 0) == frozen


def test_without_litert_the_file_is_run_on_tensorflow_lite(small, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert list(runtimes()) == ["tf.lite"]
    assert tfqd.export.verify(small[1]).largest_difference < 0.1
