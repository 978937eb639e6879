"""Keras 3 models with masks are made again in tf_keras with the same masks, or refused."""

import keras
import numpy as np
import pytest

import tfqd

layers, ops = keras.layers, keras.ops

TOKENS = np.array([[3, 2, 0, 0, 0], [1, 2, 3, 4, 0], [5, 1, 2, 3, 4], [2, 0, 1, 0, 4]])


def words(function):
    """A model of what `function` makes of five words."""
    tokens = keras.Input((5,), dtype="int32")
    return keras.Model(tokens, function(tokens))


def embedded(tokens, mask_zero=False):
    return layers.Embedding(6, 4, mask_zero=mask_zero)(tokens)


def masked(tokens):
    return embedded(tokens, mask_zero=True)


def is_word(tokens):
    return ops.not_equal(tokens, 0)


def pair_mask(tokens):
    return ops.expand_dims(is_word(tokens), 1)


def is_not_two(tokens):
    return ops.not_equal(tokens, 2)


def attended(tokens, x, **masks):
    return layers.MultiHeadAttention(2, 4, name="reader")(x, x, **masks)


def read(x, **masks):
    return layers.LSTM(3, name="reader")(x, **masks)


def reloaded(model):
    return keras.Model.from_config(model.get_config())


def assert_same_answers(model, inputs=TOKENS):
    rng = np.random.default_rng(1)
    for variable in model.weights:
        variable.assign(rng.normal(size=variable.shape))
    converted = tfqd.to_tf_keras(model)
    np.testing.assert_allclose(converted(inputs), model(inputs), rtol=1e-4, atol=1e-5)


REFUSED = {
    "an attention mask": lambda t: attended(t, embedded(t), attention_mask=pair_mask(t)),
    "beside the words' own": lambda t: attended(t, masked(t), attention_mask=pair_mask(t)),
    "a mask of values": lambda t: attended(t, embedded(t), value_mask=is_word(t)),
    "where none is made": lambda t: read(embedded(t), mask=is_word(t)),
    "in place of the words' own": lambda t: read(masked(t), mask=is_not_two(t)),
}


@pytest.mark.parametrize("name", REFUSED)
@pytest.mark.parametrize("again", [lambda model: model, reloaded], ids=["built", "reloaded"])
def test_masks_that_operations_give_are_refused(name, again):
    with pytest.raises(ValueError, match=r"'reader' the \w*mask that operation '"):
        tfqd.to_tf_keras(again(words(REFUSED[name])))


@pytest.mark.parametrize("again", [lambda model: model, reloaded], ids=["built", "reloaded"])
def test_a_mask_that_keras_would_give_itself_is_taken(again):
    assert_same_answers(again(words(lambda t: read(masked(t), mask=is_word(t)))))


@pytest.mark.parametrize("again", [lambda model: model, reloaded], ids=["built", "reloaded"])
def test_masks_reach_the_layers_after_the_next(again):
    def through(tokens):
        return layers.Masking(0.5)(layers.Dense(4)(layers.Dropout(0.1)(masked(tokens))))

    assert_same_answers(again(words(lambda t: read(through(t)))))


def test_masked_words_of_large_scores_attend_alike():
    assert_same_answers(words(lambda t: attended(t, layers.Dense(32)(masked(t)))))


def with_mask_as_input(function, shape):
    tokens, mask = keras.Input((5,), dtype="int32"), keras.Input(shape, dtype="bool")
    return keras.Model([tokens, mask], function(tokens, mask))


def test_a_mask_may_be_an_input():
    model = with_mask_as_input(lambda t, mask: read(embedded(t), mask=mask), (5,))
    assert_same_answers(model, [TOKENS, TOKENS != 0])


def test_an_attention_mask_may_be_an_input():
    model = with_mask_as_input(
        lambda t, mask: attended(t, embedded(t), attention_mask=mask), (1, 5)
    )
    assert_same_answers(model, [TOKENS, TOKENS[:, None] != 0])


def test_masks_that_the_layers_of_tf_keras_do_not_take_are_refused():
    model = with_mask_as_input(lambda t, mask: attended(t, embedded(t), value_mask=mask), (5,))
    with pytest.raises(ValueError, match="takes no value_mask, which layer 'reader' is given"):
        tfqd.to_tf_keras(model)


@pytest.mark.parametrize("losing", [layers.Identity, lambda: layers.Rescaling(2.0)])
@pytest.mark.parametrize("reader", [lambda t, x: read(x), attended])
def test_a_mask_that_tf_keras_loses_is_refused(losing, reader):
    with pytest.raises(ValueError, match="'reader' no mask"):
        tfqd.to_tf_keras(words(lambda t: reader(t, losing()(masked(t)))))


def begun(tokens, with_mask):
    embedding = layers.Embedding(6, 4, mask_zero=True)
    x = embedding(tokens)
    mask = {"mask": embedding.compute_mask(tokens)} if with_mask else {}
    state = layers.GlobalMaxPooling1D()(x)
    return layers.GRU(4, name="reader")(x, initial_state=state, **mask)


def test_a_mask_that_keras_3_leaves_out_beside_a_state_is_refused():
    with pytest.raises(ValueError, match="'reader' the mask of its first input, which Keras 3"):
        tfqd.to_tf_keras(words(lambda t: begun(t, with_mask=False)))


def test_a_mask_that_is_given_beside_a_state_is_taken():
    assert_same_answers(words(lambda t: begun(t, with_mask=True)))
