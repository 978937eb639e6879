"""Operations between layers, and masks, let a model be shrunk around them."""

import keras
import numpy as np
import pytest
from shrinkable_models import after, emptied, layers, randomized

import tfqd


def between(operation):
    """Two layers before an operation and two behind it."""
    entry = keras.Input((6, 4))
    x = layers.Dense(8, "sigmoid", name="first")(entry)
    x = layers.Dense(6, "relu", name="second")(x)
    x = layers.Dense(8, "sigmoid", name="third")(operation(x))
    return keras.Model(entry, layers.Dense(2, name="out")(x))


def masked():
    """Words that may be missing, averaged."""
    entry = keras.Input((6,))
    x = layers.Embedding(10, 4, mask_zero=True, name="words")(entry)
    x = layers.Dense(8, "sigmoid", name="first")(x)
    x = layers.Dense(6, "relu", name="second")(layers.GlobalAveragePooling1D()(x))
    x = layers.Dense(8, "sigmoid", name="third")(x)
    return keras.Model(entry, layers.Dense(2, name="out")(x))


def asked(model):
    rng = np.random.default_rng(1)
    words = np.array([[1, 2, 3, 0, 0, 0], [4, 5, 6, 7, 8, 9]], "float32")
    return words if model.inputs[0].shape == (None, 6) else rng.normal(size=(5, 6, 4))


MODELS = {
    "added": lambda: between(lambda x: x + x * 2),
    "cut": lambda: between(lambda x: x[:, 0]),
    "relu": lambda: between(keras.ops.relu),
    "split": lambda: between(lambda x: keras.ops.split(x, 2, axis=-1)[1]),
    "masked": masked,
}


@pytest.mark.parametrize("quantized", [False, True], ids=["float", "quantized"])
@pytest.mark.parametrize("make", MODELS.values(), ids=MODELS)
def test_channels_go_before_and_behind_what_stays(make, quantized):
    model = randomized(make())
    for name in ("first", "second", "third"):
        emptied(model.get_layer(name), [0, 1, 4])
    if quantized:
        model = tfqd.quantize_model(model, tfqd.LearnedStep(bits=8))
    x = asked(model)
    expected = np.asarray(model(x))
    found = tfqd.shrink(model)
    left = after(found)
    second = 3 if make is masked else 6  # an operation takes all of them
    assert (left["first"], left["second"], left["third"]) == (5, second, 5)
    np.testing.assert_allclose(found.model(x), expected, rtol=1e-4, atol=1e-4)
    assert set(left) <= {"words", "first", "second", "third", "out"}


def test_a_layer_that_is_given_a_mask_by_position_stays():
    entry = keras.Input((6, 4))
    x = layers.Dense(8, "sigmoid", name="first")(entry)
    x = layers.GlobalAveragePooling1D()(x, entry[..., 0] > 0)
    model = randomized(keras.Model(entry, layers.Dense(2, name="out")(x)))
    emptied(model.get_layer("first"), [0])
    found = tfqd.shrink(model, probes=np.ones((5, 6, 4), "float32"))
    assert after(found) == {"first": 8, "out": 2}
    assert "GlobalAveragePooling1D" in found.layers[0].reason


def test_the_table_says_which_operation_takes_channels():
    model = randomized(MODELS["relu"]())
    emptied(model.get_layer("second"), [0])
    reasons = {each.name: each.reason for each in tfqd.shrink(model).layers}
    assert "takes them as they are" in reasons["second"]
    assert "relu" in reasons["second"].lower()
