"""Models that look up words and integers in tables are exported with their vocabularies."""

import gc

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd

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


CASES = {
    "StringLookup": (strings, WORDS),
    "IntegerLookup": (integers, np.array([7, 700, 1])),
    "TextVectorization": (texts, np.array(["Red, green!", "blue mauve blue", ""], object)),
}


@pytest.fixture(params=CASES)
def case(request):
    return CASES[request.param]


@pytest.fixture(params=[keras, tf_keras], ids=["keras", "tf_keras"])
def kit(request):
    return request.param


def made(kit, build):
    inputs, features = build(kit)
    return kit.Model(inputs, kit.layers.Dense(3, name="y")(features))


@pytest.mark.parametrize("quantized", [True, False], ids=["quantized", "float"])
def test_a_saved_model_looks_up_as_the_model_does(kit, case, quantized, tmp_path):
    build, inputs = case
    model = made(kit, build)
    model = tfqd.quantize_model(model, tfqd.Uniform(bits=4)) if quantized else model
    tfqd.export.saved_model(model, tmp_path, probes=inputs)
    expected = np.asarray(model(tf.constant(inputs)))
    assert len(np.unique(expected, axis=0)) == 3
    serve = tf.saved_model.load(str(tmp_path / "1")).signatures["serving_default"]
    gc.collect()
    answer = serve(word=tf.constant(inputs))["y"]
    np.testing.assert_allclose(answer, expected, rtol=1e-5, atol=1e-6)
