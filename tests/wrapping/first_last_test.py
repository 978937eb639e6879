"""`first_last`: the real first and last weighted layers of a model."""

import keras
import pytest
from keras import layers

import tfqd
from tfqd.wrapping.keras3.first_last import first_last_layers

SPEC = tfqd.Uniform(bits=2)
EIGHT_BITS = tfqd.Uniform(bits=8)


def sequential():
    return keras.Sequential(
        [
            keras.Input((8, 3)),
            layers.Rescaling(2.0),
            layers.Conv1D(4, 3, name="first"),
            layers.BatchNormalization(),
            layers.Conv1D(4, 3, name="middle"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2, name="last"),
            layers.Softmax(),
        ]
    )


def listed_in_another_order():
    """The branches are as deep as each other, so their order in the list is arbitrary."""
    x = keras.Input((6,))
    names = ["last", "middle", "first"]
    last, middle, first = (layers.Dense(6, name=name) for name in names)
    shortcut = layers.Dense(6, name="middle_too")
    y = first(x)
    return keras.Model(x, last(layers.Add()([shortcut(y), middle(y)])))


def nested():
    x = keras.Input((6,))
    block = keras.Model(x, layers.Dense(5, name="middle")(layers.Dense(5, name="first")(x)))
    tail = keras.Sequential(
        [keras.Input((5,)), layers.Dense(4, name="middle_too"), layers.Dense(2, name="last")]
    )
    y = keras.Input((6,))
    return keras.Model(y, tail(block(y)))


def residual():
    """As ResNets begin and end: the shortcut's convolution is neither first nor last."""
    x = keras.Input((8, 8, 3))
    y = layers.Conv2D(4, 3, padding="same", name="first")(x)
    shortcut = layers.Conv2D(6, 1, strides=2, name="middle_shortcut")(y)
    y = layers.Conv2D(6, 3, strides=2, padding="same", name="middle_1")(y)
    y = layers.Conv2D(6, 3, padding="same", name="middle_2")(layers.ReLU()(y))
    y = layers.GlobalAveragePooling2D()(layers.Add()([shortcut, y]))
    return keras.Model(x, layers.Dense(3, name="last")(y))


def two_inputs_and_heads():
    left, right = keras.Input((4,)), keras.Input((3,))
    trunk = layers.Concatenate()(
        [layers.Dense(4, name="first_left")(left), layers.Dense(4, name="first_right")(right)]
    )
    trunk = layers.Dense(4, name="middle")(trunk)
    heads = [layers.Dense(1, name="last_one")(trunk), layers.Dense(2, name="last_two")(trunk)]
    return keras.Model([left, right], heads)


def recurrent():
    x = keras.Input((5,), dtype="int32")
    y = layers.Embedding(10, 4, name="first", mask_zero=True)(x)
    y = layers.Bidirectional(layers.LSTM(3, return_sequences=True), name="middle")(y)
    y = layers.GRU(3, name="middle_too")(y)
    return keras.Model(x, layers.Dense(2, name="last")(y))


def attention():
    x = keras.Input((5, 6))
    y = layers.Dense(6, name="first")(x)
    y = layers.Add()([y, layers.MultiHeadAttention(2, 3, name="middle")(y, y)])
    y = layers.LayerNormalization()(y)
    return keras.Model(x, layers.Dense(2, name="last")(y))


def shared():
    x = keras.Input((6,))
    middle = layers.Dense(6, name="middle")
    y = middle(middle(layers.Dense(6, name="first")(x)))
    return keras.Model(x, layers.Dense(2, name="last")(y))


def stateful():
    return keras.Sequential(
        [
            keras.Input(batch_shape=(2, 5, 3)),
            layers.Dense(3, name="first"),
            layers.GRU(3, stateful=True, name="middle"),
            layers.Dense(3, name="last"),
        ]
    )


class Subclassed(keras.Model):
    """Makes its layers in the reverse order."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.head = layers.Dense(2, name="last")
        self.body = keras.Sequential([layers.Dense(4, name="middle")])
        self.stem = layers.Dense(4, name="first")

    def build(self, input_shape):
        self.stem.build(input_shape)
        self.body.build((None, 4))
        self.head.build((None, 4))

    def call(self, x):
        return self.head(self.body(self.stem(x)))


def subclassed():
    model = Subclassed()
    model.build((None, 6))
    return model


MODELS = [
    sequential,
    listed_in_another_order,
    nested,
    residual,
    two_inputs_and_heads,
    recurrent,
    attention,
    shared,
    stateful,
    subclassed,
]


def is_end(path):
    return "first" in path or "last" in path


@pytest.mark.parametrize("build", MODELS)
def test_ends_stay_float_with_none(build):
    model = build()
    kernels = [w.path for w in model.weights if w.name.endswith(("kernel", "embeddings"))]
    quantized = tfqd.quantize_model(model, SPEC, first_last=None)
    chosen = [entry.variable.path for entry in quantized.quantized_variables]
    assert chosen == [path for path in kernels if not is_end(path)]


@pytest.mark.parametrize("build", MODELS)
def test_ends_get_the_spec_they_are_given(build):
    quantized = tfqd.quantize_model(build(), SPEC, first_last=EIGHT_BITS)
    for entry in quantized.quantized_variables:
        assert entry.quantizer.spec.bits == (8 if is_end(entry.variable.path) else 2)


def test_ends_keep_their_channel_axes():
    spec = tfqd.presets.deployable(bits=8)
    quantized = tfqd.quantize_model(recurrent(), SPEC, first_last=spec)
    tensors = tfqd.compress(quantized).quantized
    assert [tensor.scale.size for path, tensor in tensors.items() if is_end(path)] == [10, 2]


def test_attention_at_both_ends_is_both_first_and_last():
    x = keras.Input((5, 6))
    model = keras.Model(x, layers.MultiHeadAttention(2, 3)(x, x))
    names = [layer.name for layer in first_last_layers(model)]
    assert names == ["query", "key", "value", "attention_output"]


def test_biases_of_first_and_last_layers_stay_float_too():
    quantized = tfqd.quantize_model(sequential(), {"kernel|bias": SPEC}, first_last=None)
    chosen = [entry.variable.path for entry in quantized.quantized_variables]
    assert [path.split("/")[-2:] for path in chosen] == [["middle", "kernel"], ["middle", "bias"]]


def test_biases_of_first_and_last_layers_get_the_spec_too():
    quantized = tfqd.quantize_model(sequential(), {"kernel|bias": SPEC}, first_last=EIGHT_BITS)
    for entry in quantized.quantized_variables:
        assert entry.quantizer.spec == (EIGHT_BITS if is_end(entry.variable.path) else SPEC)


def test_what_the_selection_leaves_float_stays_float_at_the_ends():
    quantized = tfqd.quantize_model(sequential(), {"middle/kernel": SPEC}, first_last=EIGHT_BITS)
    assert [entry.quantizer.spec for entry in quantized.quantized_variables] == [SPEC]


def test_unused_layers_are_no_obstacle():
    class HasASpareLayer(Subclassed):
        def __init__(self, **kwargs):
            super().__init__(**kwargs)
            self.spare = layers.Dense(3, name="spare")

        def build(self, input_shape):
            super().build(input_shape)
            self.spare.build(input_shape)

    model = HasASpareLayer()
    model.build((None, 6))
    names = {layer.name for layer in first_last_layers(model)}
    assert names >= {"first", "last"}
    assert "middle" not in names


def test_model_of_one_weighted_layer_is_refused():
    model = keras.Sequential([keras.Input((4,)), layers.Dense(2), layers.ReLU()], name="single")
    message = "model 'single' has no weighted layer but its first and last"
    with pytest.raises(ValueError, match=message):
        tfqd.quantize_model(model, SPEC, first_last=None)


@pytest.mark.parametrize("value", [8.0, {"kernel": SPEC}])
def test_anything_else_is_refused(value):
    with pytest.raises(TypeError, match='first_last must be "same", None or a tfqd spec; got'):
        tfqd.quantize_model(sequential(), SPEC, first_last=value)
    with pytest.raises(ValueError, match=r"short name must be 1 to 8 .*; got 'float'"):
        tfqd.quantize_model(sequential(), SPEC, first_last="float")


def test_short_names_are_for_ends_too():
    quantized = tfqd.quantize_model(sequential(), "codebook2", first_last=8)
    specs = [entry.quantizer.spec for entry in quantized.quantized_variables]
    assert specs == [EIGHT_BITS, tfqd.Codebook(bits=2), EIGHT_BITS]
