"""Merges of masked inputs are the same in tf_keras where one mask is passed to all, or refused."""

import keras
import numpy as np
import pytest

import tfqd

layers = keras.layers

TOKENS = np.array([[3, 2, 0, 0, 0], [1, 2, 3, 4, 0], [5, 1, 2, 3, 4], [2, 0, 1, 0, 4]])
REPLACING = [layers.Maximum, layers.Minimum, layers.Multiply]
JOINING = [layers.Add, layers.Average, layers.Concatenate, layers.Subtract]


def words(function):
    """A model of what `function` makes of five words."""
    tokens = keras.Input((5,), dtype="int32")
    return keras.Model(tokens, function(tokens))


def embedded(tokens, mask_zero=True):
    return layers.Embedding(6, 4, mask_zero=mask_zero)(tokens)


def with_dense(merge, x):
    return merge([x, layers.Dense(4)(x)])


def assert_same_answers(model):
    rng = np.random.default_rng(1)
    for variable in model.weights:
        variable.assign(rng.normal(size=variable.shape))
    converted = tfqd.to_tf_keras(model)
    np.testing.assert_allclose(converted(TOKENS), model(TOKENS), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("kind", JOINING)
def test_inputs_of_one_mask_give_the_same_values_and_mask(kind):
    assert_same_answers(words(lambda t: with_dense(kind(), embedded(t))))
    assert_same_answers(words(lambda t: layers.LSTM(3)(with_dense(kind(), embedded(t)))))


@pytest.mark.parametrize("kind", JOINING)
def test_two_embeddings_of_the_same_words_have_one_mask(kind):
    model = words(lambda t: layers.LSTM(3)(kind()([embedded(t), embedded(t)])))
    assert_same_answers(keras.Model.from_config(model.get_config()))


def test_inputs_of_one_mask_may_be_joined_along_the_words():
    joined = layers.Concatenate(axis=1)
    assert_same_answers(words(lambda t: layers.LSTM(3)(with_dense(joined, embedded(t)))))


def test_products_along_an_axis_have_no_mask():
    def compared(tokens):
        return layers.LSTM(3)(layers.Dot(2)([embedded(tokens), embedded(tokens, False)]))

    assert_same_answers(words(compared))


def test_a_transformer_keeps_one_mask():
    def block(tokens):
        x = embedded(tokens)
        x = layers.LayerNormalization()(layers.Add()([x, layers.MultiHeadAttention(2, 4)(x, x)]))
        x = layers.LayerNormalization()(with_dense(layers.Add(), x))
        return layers.GlobalAveragePooling1D()(x)

    assert_same_answers(words(block))


def masked_again(tokens):
    return layers.LSTM(4, return_sequences=True)(layers.Masking(0.5)(embedded(tokens)))


SEVERAL = {
    "the first": lambda t: [embedded(t), embedded(t, False)],
    "the second": lambda t: [embedded(t, False), embedded(t)],
    "both": lambda t: [embedded(t), masked_again(t)],
}


@pytest.mark.parametrize("kind", [*JOINING, *REPLACING])
@pytest.mark.parametrize("name", SEVERAL)
def test_inputs_of_several_masks_are_refused(kind, name):
    model = words(lambda t: layers.LSTM(3)(kind(name="merge")(SEVERAL[name](t))))
    with pytest.raises(ValueError, match=f"'merge', a {kind.__name__}, merges masked inputs"):
        tfqd.to_tf_keras(model)


@pytest.mark.parametrize("kind", REPLACING)
def test_merges_that_replace_what_is_masked_are_refused_with_one_mask(kind):
    model = words(lambda t: with_dense(kind(name="merge"), embedded(t)))
    with pytest.raises(ValueError, match=r"'merge', a \w+, merges masked inputs"):
        tfqd.to_tf_keras(model)


@pytest.mark.parametrize("kind", [layers.Add, layers.Multiply])
def test_merges_in_a_nested_model_are_refused_on_masked_inputs(kind):
    x = keras.Input((5, 4))
    nested = keras.Model(x, with_dense(kind(name="merge"), x))
    with pytest.raises(ValueError, match=r"'merge', a \w+, merges masked inputs"):
        tfqd.to_tf_keras(words(lambda t: nested(embedded(t))))
    assert_same_answers(words(lambda t: nested(embedded(t, mask_zero=False))))
