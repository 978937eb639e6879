"""Probes fit the models that they are made for."""

import keras
import numpy as np
import pytest
from keras import layers
from served_models import CASES

import tfqd
from tfqd.compressed import CompressedModel, Probes
from tfqd.export import probes as probing
from tfqd.export.signature import Signature


def default_inputs(model, seed=0):
    compressed = CompressedModel({v.path: v.numpy() for v in model.weights})
    return probing.default_inputs(Signature(model), compressed, seed)


def test_probes_are_the_same_for_the_same_seed():
    model = CASES["convolutional"].build()
    first, again, other = [default_inputs(model, seed)["image"] for seed in (5, 5, 6)]
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_probes_are_two_different_examples_of_normal_numbers():
    image = default_inputs(CASES["convolutional"].build())["image"]
    assert (image.shape, image.dtype) == ((2, 9, 9, 3), np.float32)
    assert not np.array_equal(image[0], image[1])
    assert 0.5 < image.std() < 2


def test_integers_are_below_the_smallest_embedding():
    ids, places = keras.Input((40,), dtype="int32"), keras.Input((40,), dtype="uint8")
    x = layers.Embedding(500, 2)(ids) + layers.Embedding(17, 2)(places)
    for array in default_inputs(keras.Model([ids, places], x)).values():
        assert 8 < array.max() < 17


def test_integers_without_an_embedding_are_bits():
    ids = keras.Input((40,), dtype="int32")
    (array,) = default_inputs(keras.Model(ids, layers.CategoryEncoding(4)(ids))).values()
    assert set(array.reshape(-1)) == {0, 1}


def test_free_dimensions_get_a_size():
    assert default_inputs(CASES["recurrent"].build())["words"].shape == (2, 32)


def test_strings_are_words_of_the_vocabularies():
    words = keras.Input((40,), dtype="string", name="words")
    model = keras.Model(words, layers.StringLookup(vocabulary=["red", "grün"])(words))
    compressed = CompressedModel({}, keras.saving.serialize_keras_object(model))
    (array,) = probing.default_inputs(Signature(model), compressed).values()
    assert (array.shape, set(array.reshape(-1))) == ((2, 40), {b"red", "grün".encode()})


def test_strings_without_a_vocabulary_have_no_probes():
    words = keras.Input((), dtype="string", name="words")
    model = keras.Model(words, layers.Hashing(5)(words))
    with pytest.raises(ValueError, match="no random probes for input 'words' of dtype string"):
        default_inputs(model)


def test_strings_come_back_from_bytes():
    words = np.array([[b"red", b""], [b"dark\0", "grün".encode()]], object)
    again, _ = probing.from_bytes(probing.to_bytes(Probes({"x": words}, {"y": words[0]}), 0.1))
    np.testing.assert_array_equal(again.inputs["x"], words)
    np.testing.assert_array_equal(again.outputs["y"], words[0])


def test_probes_that_a_model_fails_on_are_refused(tmp_path):
    ids = keras.Input((3,), dtype="int32", name="ids")
    model = keras.Model(ids, layers.Embedding(5, 2)(ids))
    with pytest.raises(ValueError, match="fails on the probes; pass probes="):
        tfqd.export.keras(model, tmp_path / "model.keras", probes=np.array([[9, 9, 9]]))
