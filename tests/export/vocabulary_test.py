"""Models that look up words and integers in tables are exported with their vocabularies."""

import dataclasses
import re
import subprocess
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from garbage import collected
from source_tree import ROOT

import tfqd
from tfqd.compressed import write_archive
from tfqd.export.litert.checking.runtimes import run, runtimes

TEXTS = ["red green", "blue red", "green, red", "pale"]
WORDS = np.array(["red", "blue", "mauve"], object)


def strings(kit):
    word = kit.Input((), dtype="string", name="word")
    index = kit.layers.StringLookup(vocabulary=["red", "green", "blue"])(word)
    return word, kit.layers.Embedding(4, 5)(index)


def integers(kit):
    number = kit.Input((), dtype="int64", name="word")
    index = kit.layers.IntegerLookup(vocabulary=[7, 70, 700])(number)
    return number, kit.layers.Embedding(4, 5)(index)


def texts(kit):
    text = kit.Input((), dtype="string", name="word")
    vectorization = kit.layers.TextVectorization(
        vocabulary=["red", "green", "blue"], output_sequence_length=3
    )
    return text, kit.layers.Flatten()(kit.layers.Embedding(5, 5)(vectorization(text)))


def learned_strings(kit):
    word = kit.Input((), dtype="string", name="word")
    lookup = kit.layers.StringLookup(num_oov_indices=2, mask_token="")
    lookup.adapt(np.array(["red", "green", "red", "blue"]))
    return word, kit.layers.Embedding(6, 5)(lookup(word))


def learned_integers(kit):
    number = kit.Input((), dtype="int64", name="word")
    lookup = kit.layers.IntegerLookup(output_mode="one_hot")
    lookup.adapt(np.array([7, 700, 7]))
    return number, lookup(number)


def learned_frequencies(kit):
    text = kit.Input((), dtype="string", name="word")
    vectorization = kit.layers.TextVectorization(output_mode="tf_idf")
    vectorization.adapt(np.array(TEXTS))
    return text, vectorization(text)


CASES = {
    "learned strings": (learned_strings, WORDS),
    "learned integers": (learned_integers, np.array([7, 700, 1])),
    "learned frequencies": (learned_frequencies, np.array(["red red", "green blue", "x"], object)),
    "StringLookup": (strings, WORDS),
    "IntegerLookup": (integers, np.array([7, 700, 1])),
    "TextVectorization": (texts, np.array(["Red, green!", "blue mauve blue", ""], object)),
}


@pytest.fixture(params=[keras, tf_keras], ids=["keras", "tf_keras"])
def kit(request):
    return request.param


# Those that tf_keras learned are refused: see the test of that name.
KERAS_ALONE = ("learned frequencies",)
PAIRS = [
    pytest.param(kit, CASES[name], id=f"{kit.__name__}-{name}")
    for kit in (keras, tf_keras)
    for name in CASES
    if kit is keras or name not in KERAS_ALONE
]


def made(kit, build):
    inputs, features = build(kit)
    return kit.Model(inputs, kit.layers.Dense(3, name="y")(features))


@pytest.mark.parametrize(("kit", "case"), PAIRS)
@pytest.mark.parametrize("quantized", [True, False], ids=["quantized", "float"])
def test_a_saved_model_looks_up_as_the_model_does(kit, case, quantized, tmp_path):
    build, inputs = case
    model = made(kit, build)
    model = tfqd.quantize_model(model, tfqd.Uniform(bits=4)) if quantized else model
    tfqd.export.saved_model(model, tmp_path, probes=inputs)
    expected = np.asarray(model(tf.constant(inputs)))
    assert len(np.unique(expected, axis=0)) == 3
    with collected():
        serve = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    answer = serve(word=tf.constant(inputs))["y"]
    np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(("kit", "case"), PAIRS)
@pytest.mark.parametrize("given", [True, False], ids=["given", "by itself"])
def test_archives_and_keras_files_are_verified_on_words(kit, case, given, tmp_path):
    build, inputs = case
    model = made(kit, build)
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    probes = inputs if given else None
    tfqd.save(quantized, tmp_path / "m.tfqd", probes=probes)
    tfqd.export.keras(tfqd.load(tmp_path / "m.tfqd", "compressed"), tmp_path / "m.keras")
    for file in ("m.tfqd", "m.keras"):
        assert tfqd.export.verify(tmp_path / file).largest_difference <= 1e-5
    again = tfqd.load(tmp_path / "m.tfqd")
    words = tf.constant(inputs)
    np.testing.assert_allclose(again(words), quantized(words), rtol=1e-5, atol=1e-6)


@pytest.fixture(scope="module")
def statuses(tmp_path_factory):
    """By kit, the status of ``tfqd verify`` in a process that knows nothing but the files."""
    folder, kits = tmp_path_factory.mktemp("verified"), (keras, tf_keras)
    paths = [str(folder / f"{kit.__name__}.tfqd") for kit in kits]
    for kit, path in zip(kits, paths, strict=True):
        tfqd.save(tfqd.quantize_model(made(kit, learned_strings), tfqd.Uniform(bits=4)), path)
    program = (
        "import sys; from tfqd_command.main import main\n"
        "for path in sys.argv[1:]: print('status', main(['verify', path]))"
    )
    run = subprocess.run(
        [sys.executable, "-c", program, *paths], cwd=ROOT, capture_output=True, text=True
    )
    found = re.findall(r"^status (\d+)$", run.stdout, re.MULTILINE)
    return dict(zip(kits, map(int, found), strict=True))


def test_a_process_that_knows_the_file_alone_verifies_words(kit, statuses):
    assert statuses[kit] == 0


def test_an_archive_of_other_words_disagrees(kit, tmp_path):
    quantized = tfqd.quantize_model(made(kit, strings), tfqd.Uniform(bits=4))
    tfqd.save(quantized, tmp_path / "m.tfqd", probes=WORDS)
    compressed = tfqd.load(tmp_path / "m.tfqd", "compressed")
    probes = dataclasses.replace(compressed.probes, inputs={"word": WORDS[::-1]})
    write_archive(dataclasses.replace(compressed, probes=probes), tmp_path / "m.tfqd")
    with pytest.raises(tfqd.export.VerificationError):
        tfqd.export.verify(tmp_path / "m.tfqd")


def test_answers_may_be_words(kit, tmp_path):
    x = kit.Input((), dtype="int64", name="x")
    names = kit.layers.StringLookup(vocabulary=["red", "blue"], invert=True, name="name")(x)
    scores = kit.layers.Dense(3, name="score")(kit.layers.Embedding(3, 2)(x))
    quantized = tfqd.quantize_model(kit.Model(x, [names, scores]), tfqd.Uniform(bits=4))
    tfqd.export.saved_model(quantized, tmp_path)
    tfqd.save(quantized, tmp_path / "m.tfqd")
    assert tfqd.export.verify(tmp_path / "m.tfqd").largest_difference <= 1e-5


def test_frequencies_learned_by_tf_keras_are_refused(tmp_path):
    model = made(tf_keras, learned_frequencies)
    with pytest.raises(ValueError, match=r"make the layer with vocabulary= and idf_weights="):
        tfqd.export.saved_model(model, tmp_path)


def test_a_tflite_file_looks_words_up(kit, tmp_path):
    model = made(kit, strings)
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    tfqd.export.tflite(quantized, tmp_path / "m.tflite", probes=WORDS)
    expected = np.asarray(quantized(tf.constant(WORDS)))
    for runtime in runtimes():
        answer = run(runtime, (tmp_path / "m.tflite").read_bytes(), {"word": WORDS})["y"]
        np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6)
