"""`tfqd.compute_report` counts multiply-adds as they are counted by hand."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd

VERSIONS = pytest.mark.parametrize("version", [keras, tf_keras])


def counts(model):
    return {(e.layer, e.kernel): e.multiply_adds for e in tfqd.compute_report(model).kernels}


@VERSIONS
def test_convolutions_count_each_weight_at_each_place(version):
    layers = version.layers
    model = version.Sequential(
        [
            layers.Input((8, 6, 3)),
            layers.Conv2D(5, 3, padding="same", strides=2, name="strided"),
            layers.BatchNormalization(name="norm"),
            layers.DepthwiseConv2D(3, padding="same", name="depthwise"),
            layers.SeparableConv2D(4, 3, padding="same", name="separable"),
            layers.Conv2D(6, 1, groups=2, name="grouped"),
            layers.Conv2DTranspose(2, 3, strides=2, padding="same", name="transposed"),
            layers.Flatten(name="flat"),
            layers.Dense(7, name="dense"),
        ]
    )
    first, *rest = counts(model).values()
    assert first == 4 * 3 * (3 * 3 * 3 * 5)
    assert rest == [
        4 * 3 * (3 * 3 * 5),
        4 * 3 * (3 * 3 * 5),
        4 * 3 * (5 * 4),
        4 * 3 * (2 * 6),
        4 * 3 * (3 * 3 * 6 * 2),
        8 * 6 * 2 * 7,
    ]
    uncounted = tfqd.compute_report(model).uncounted
    assert uncounted == {"BatchNormalization": ["norm"], "Flatten": ["flat"]}
    assert "not counted: BatchNormalization (norm); Flatten (flat)" in str(
        tfqd.compute_report(model)
    )


@VERSIONS
def test_time_steps_are_counted_where_they_are_known(version):
    layers = version.layers

    def network(steps):
        tokens = layers.Input((steps, 4))
        x = layers.LSTM(3, return_sequences=True, name="lstm")(tokens)
        x = layers.Bidirectional(layers.GRU(2, return_sequences=True), name="both")(x)
        x = layers.EinsumDense("btc,cd->btd", output_shape=(None, 6), name="einsum")(x)
        return version.Model(tokens, layers.Dense(2, name="dense")(x))

    found = tfqd.compute_report(network(5))
    assert [each.multiply_adds for each in found.kernels] == [
        *(5 * 4 * 12, 5 * 3 * 12),
        *(5 * 3 * 6, 5 * 2 * 6) * 2,
        5 * 4 * 6,
        5 * 6 * 2,
    ]
    assert found.uncounted == {}
    unknown = tfqd.compute_report(network(None))
    assert {name for names in unknown.uncounted.values() for name in names} == {
        *("lstm", "both", "einsum", "dense")
    }


@VERSIONS
def test_bits_are_those_of_weights_and_of_the_activations_that_a_layer_takes(version):
    layers = version.layers
    image = layers.Input((8, 8, 3), name="image")
    x = layers.ReLU()(layers.Conv2D(4, 3, name="first")(image))
    x = layers.Flatten()(layers.MaxPooling2D(2)(x))
    model = version.Model(image, layers.Dense(2, name="last")(x))
    integer = tfqd.quantize_model(
        model,
        {
            "first": tfqd.LearnedStep(bits=8, layout="channel"),
            "last": tfqd.LearnedStep(bits=4, layout="channel"),
        },
        activations=tfqd.Activations(bits=6),
    )
    first, last = 6 * 6 * 27 * 4, 3 * 3 * 4 * 2
    found = tfqd.compute_report(integer)
    assert found.by_bits == {(4, 6): last, (8, 8): first}
    assert found.to_dict()["by_bits"] == {"4x6": last, "8x8": first}
    assert found.total == first + last
    assert tfqd.compute_report(model).by_bits == {(32, 32): first + last}


@VERSIONS
def test_models_within_models_and_shared_layers_count_at_each_call(version):
    layers = version.layers
    inner = version.Sequential([layers.Input((4,)), layers.Dense(4, name="shared")])
    image = layers.Input((4,))
    model = version.Model(image, inner(inner(image)))
    quantized = tfqd.quantize_model(model, 2)
    for each in (model, quantized):
        assert [row.multiply_adds for row in tfqd.compute_report(each).kernels] == [16, 16]
    assert tfqd.compute_report(quantized).by_bits == {(2, 32): 32}


def test_counting_leaves_the_model_as_it_was():
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    before = model(np.ones((1, 4)))
    tfqd.compute_report(model)
    assert model.layers[0].output is not None
    np.testing.assert_array_equal(model(np.ones((1, 4))), before)


def test_attention_is_named_as_not_counted():
    tokens = keras.Input((5, 8))
    x = keras.layers.MultiHeadAttention(2, 4, name="attention")(tokens, tokens)
    found = tfqd.compute_report(keras.Model(tokens, x))
    assert found.uncounted == {"MultiHeadAttention": ["attention"]}


@VERSIONS
def test_products_of_attention_that_is_taken_apart_are_counted(version):
    tokens = version.layers.Input((5, 8), batch_size=1)
    x = version.layers.MultiHeadAttention(2, 4, name="attention")(tokens, tokens)
    model = tfqd.quantize_model(
        version.Model(tokens, x), tfqd.presets.deployable(4), activations=tfqd.Activations()
    )
    tfqd.calibrate(model, np.ones((2, 5, 8), np.float32))
    found = tfqd.compute_report(model)
    products = [row.multiply_adds for row in found.kernels if not row.kernel]
    assert products == [2 * 5 * 5 * 4, 2 * 5 * 5 * 4]
    assert found.by_bits == {(4, 8): 4 * 5 * 8 * 8, (8, 8): sum(products)}
    assert "Matmul" not in found.uncounted


def test_what_has_no_graph_is_refused():
    with pytest.raises(TypeError, match="model must be a Keras model; got"):
        tfqd.compute_report(3)

    class Own(keras.Model):
        def call(self, inputs):
            return inputs

    with pytest.raises(ValueError, match="shapes that model 'own' is called on are not known"):
        tfqd.compute_report(Own(name="own"))


def test_a_subclassed_model_is_counted_by_the_graph_of_its_call():
    class Own(keras.Model):
        def __init__(self):
            super().__init__()
            self.layer = keras.layers.Dense(3)

        def call(self, inputs):
            return keras.ops.relu(self.layer(inputs))

    model = Own()
    model(np.zeros((1, 5), np.float32))
    assert sum(tfqd.compute_report(model).by_bits.values()) == 15


def test_activations_of_tfmots_quantizers_are_refused():
    model = tf_keras.Sequential([tf_keras.layers.Input((4,)), tf_keras.layers.Dense(2)])
    quantized = tfqd.quantize_model(model, 8, activations="tfmot")
    with pytest.raises(ValueError, match="rounds activations by tfmot's quantizers"):
        tfqd.compute_report(quantized)
