"""Weights that a model reads past the layers that have them."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd

TOKENS = np.arange(10).reshape(2, 5)
SPEC = tfqd.Uniform(bits=2)
READS = "reads emb/embeddings.* from a layer that is not its own"


@pytest.fixture(params=[keras, tf_keras], ids=["keras", "tf_keras"])
def version(request):
    return request.param


def tied(version, head):
    """A model whose logits `head` makes, of outputs [2, 5, 8] and the embedding [20, 8]."""
    embedding = version.layers.Embedding(20, 8, name="emb")
    tokens = version.Input((5,), dtype="int32")
    hidden = version.layers.Dense(8)(embedding(tokens))
    return version.Model(tokens, head(hidden, embedding))


def logits(hidden, table):
    return tf.matmul(hidden, tf.convert_to_tensor(table), transpose_b=True)


def in_closure(version, hidden, embedding):
    return version.layers.Lambda(
        lambda x: logits(x, embedding.embeddings), output_shape=(5, 20), name="head"
    )(hidden)


def in_nested_function(version, hidden, embedding):
    def outer(x):
        return (lambda y: logits(y, embedding.embeddings))(x)

    return version.layers.Lambda(outer, output_shape=(5, 20), name="head")(hidden)


def in_default(version, hidden, embedding):
    def head(x, tables=[embedding.embeddings]):  # noqa: B006
        return logits(x, tables[0])

    return version.layers.Lambda(head, output_shape=(5, 20), name="head")(hidden)


def in_activation(version, hidden, embedding):
    @version.saving.register_keras_serializable("borrowing_test")
    def scaled(x):
        return x * tf.reduce_mean(tf.convert_to_tensor(embedding.embeddings))

    return version.layers.Dense(20, activation=scaled, name="head")(hidden)


def in_function_called(version, hidden, embedding):
    def head(x):
        return logits(x, embedding.embeddings)

    return version.layers.Lambda(lambda x: head(x), output_shape=(5, 20), name="head")(hidden)


def in_layer_called(version, hidden, embedding):
    def head(x):
        return embedding(tf.argmax(x, -1))

    return version.layers.Lambda(head, output_shape=(5, 8), name="head")(hidden)


HEADS = [
    *(in_closure, in_nested_function, in_default, in_activation),
    *(in_function_called, in_layer_called),
]


@pytest.mark.parametrize("head", HEADS)
def test_function_that_reads_a_weight_is_refused(version, head):
    model = tied(version, functools.partial(head, version))
    with pytest.raises(ValueError, match=f"the function .* {READS}"):
        tfqd.quantize_model(model, SPEC)


GLOBAL_TABLE = keras.layers.Embedding(20, 8, name="emb")


def test_function_that_reads_a_global_layer_is_refused():
    tokens = keras.Input((5,), dtype="int32")
    head = keras.layers.Lambda(
        lambda x: logits(x, GLOBAL_TABLE.embeddings), output_shape=(5, 20), name="head"
    )
    model = keras.Model(tokens, head(GLOBAL_TABLE(tokens)))
    with pytest.raises(ValueError, match=READS):
        tfqd.quantize_model(model, SPEC)


def test_weight_among_the_arguments_of_a_call_is_refused(version):
    def head(hidden, embedding):
        # Operations of Keras 3 take variables as they are.
        if version is keras:
            return keras.ops.einsum("ijk,lk->ijl", hidden, embedding.embeddings)
        return tf.matmul(hidden, embedding.embeddings, transpose_b=True)

    with pytest.raises(ValueError, match=READS):
        tfqd.quantize_model(tied(version, head), SPEC)


def test_functions_of_other_things_are_copied(version):
    scale, unrelated = tf.Variable(2.0), version.layers.Dense(3)
    unrelated.build((None, 8))

    def head(hidden, embedding):
        def scaled(x):
            return scale * x[..., : unrelated.units]

        return version.layers.Lambda(scaled, output_shape=(5, 3), name="head")(hidden)

    quantized = tfqd.quantize_model(tied(version, head), SPEC)
    assert quantized(TOKENS).shape == (2, 5, 3)


def test_functions_may_know_the_sizes_of_layers(version):
    def head(hidden, embedding):
        def first(x):
            return x[..., : embedding.output_dim // 2]

        return version.layers.Lambda(first, output_shape=(5, 4), name="head")(hidden)

    quantized = tfqd.quantize_model(tied(version, head), SPEC)
    assert quantized(TOKENS).shape == (2, 5, 4)


@tf_keras.saving.register_keras_serializable("borrowing_test")
class Scaled(tf_keras.layers.Layer):
    """A layer with a function and an activation of its own, which its copy has too."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.activation = tf_keras.layers.PReLU()
        self.inner = tf_keras.layers.Lambda(lambda x: x * self.scale)

    def build(self, input_shape):
        self.scale = self.add_weight(name="scale", shape=(), initializer="ones")
        super().build(input_shape)

    def function(self, x):
        return self.inner(x)

    def call(self, x):
        return self.activation(self.function(x))


def test_functions_that_a_copy_has_for_itself_are_copied_in_tf_keras():
    model = tied(tf_keras, lambda hidden, embedding: tf_keras.layers.Dense(3)(Scaled()(hidden)))
    quantized = tfqd.quantize_model(model, SPEC)
    assert quantized(TOKENS).shape == (2, 5, 3)


def test_variable_that_is_not_set_is_no_weight():
    def head(hidden, embedding):
        def doubled(x):
            return 2 * x if x is not None else never_set

        if hidden is None:
            never_set = embedding
        return keras.layers.Lambda(doubled)(hidden)

    assert tfqd.quantize_model(tied(keras, head), SPEC)(TOKENS).shape == (2, 5, 8)


def layer_that_holds(version, embedding):
    """Makes logits by the embedding of another layer."""

    class Head(version.layers.Layer):
        def __init__(self, embedding, **kwargs):
            super().__init__(**kwargs)
            self.embedding = embedding

        def call(self, x):
            return logits(x, self.embedding.embeddings)

        def get_config(self):
            embedding = version.saving.serialize_keras_object(self.embedding)
            return {**super().get_config(), "embedding": embedding}

        @classmethod
        def from_config(cls, config):
            embedding = version.saving.deserialize_keras_object(config.pop("embedding"))
            embedding.build(None)
            return cls(embedding, **config)

    return Head(embedding)


def test_layer_that_holds_another_stays_tied_in_keras_3():
    model = tied(keras, lambda hidden, embedding: layer_that_holds(keras, embedding)(hidden))
    quantized = tfqd.quantize_model(model, SPEC)
    before = quantized(TOKENS)
    (table,) = [weight for weight in quantized.weights if weight.path == "emb/embeddings"]
    table.assign(2 * table)
    np.testing.assert_allclose(quantized(TOKENS), 4 * before, rtol=1e-5)
    assert len(tfqd.compress(quantized).quantized) == 2


def test_weight_that_a_copy_would_have_twice_is_refused_in_tf_keras():
    model = tied(tf_keras, lambda hidden, embedding: layer_that_holds(tf_keras, embedding)(hidden))
    with pytest.raises(ValueError, match="two of its layers hold emb/embeddings:0"):
        tfqd.quantize_model(model, SPEC)
