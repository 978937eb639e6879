"""`tfqd.quantize_model` and what follows it, on tf_keras models."""

import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.wrapping import model_from_compressed
from tfqd.wrapping.quantized import find_quantized

layers = tf_keras.layers

SPEC = tfqd.Codebook(bits=2, bucket_size=32)
X = np.random.default_rng(0).normal(size=(16, 8)).astype("float32")
Y = X[:, :1] - X[:, 1:2]


def nested():
    """A shared layer, and a nested model that is called twice and has a layer of its name."""
    inside = [layers.Dense(8, "tanh", name="dense"), layers.BatchNormalization(name="norm")]
    block = tf_keras.Sequential([tf_keras.Input((8,)), *inside], name="block")
    shared = layers.Dense(8, activation="relu", name="shared")
    x = tf_keras.Input((8,))
    y = block(shared(shared(block(x))))
    return tf_keras.Model(x, layers.Dense(1, name="dense")(y), name="outer")


def chain(*parts, shape=(8,)):
    return tf_keras.Sequential([tf_keras.Input(shape), *parts])


@pytest.fixture(scope="module")
def model():
    tf_keras.utils.set_random_seed(1)
    return nested()


@pytest.fixture(scope="module")
def trained(model):
    quantized = tfqd.quantize_model(model, SPEC)
    quantized.compile(tf_keras.optimizers.Adam(0.02), "mse")
    losses = quantized.fit(X, Y, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    return quantized


def test_the_model_that_was_passed_in_does_not_change(model, trained):
    tf_keras.utils.set_random_seed(1)
    for weight, fresh in zip(model.get_weights(), nested().get_weights(), strict=True):
        np.testing.assert_array_equal(weight, fresh)
    assert [type(layer).__name__ for layer in model.layers] == [
        *("InputLayer", "Sequential", "Dense", "Dense")
    ]


def test_every_kernel_is_quantized_once_wherever_it_is(trained):
    paths = ["dense/kernel", "shared/kernel", "dense/kernel"]
    assert [entry.path for entry in trained.quantized_variables] == paths
    assert find_quantized(trained) == trained.quantized_variables
    for entry in trained.quantized_variables:
        for start in range(0, 64, 32):
            bucket = entry.quantize(False).numpy().reshape(-1)[start : start + 32]
            assert len(np.unique(bucket)) <= 4


def test_outputs_of_layers_can_be_read(trained):
    hidden = tf_keras.Model(trained.input, trained.get_layer("quant_dense").output)
    np.testing.assert_array_equal(hidden(X), trained(X))


def test_stripping_compressing_and_archiving_keep_the_outputs(trained, tmp_path):
    expected = trained(X)
    plain = tfqd.strip_quantization(trained)
    assert [type(layer).__name__ for layer in plain.layers] == [
        *("InputLayer", "Sequential", "Dense", "Dense")
    ]
    np.testing.assert_array_equal(plain(X), expected)
    compressed = tfqd.compress(trained)
    for ours, theirs in zip(compressed.dequantize().values(), plain.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert list(compressed.quantized) == ["dense/kernel", "shared/kernel", "dense/kernel:1"]
    tfqd.save(trained, tmp_path / "model.tfqd")
    for kind in ("keras", "tf_keras", "quantized"):
        np.testing.assert_allclose(
            tfqd.load(tmp_path / "model.tfqd", kind)(X), expected, rtol=1e-6, atol=1e-6
        )


def test_an_archive_trains_on(trained, tmp_path):
    tfqd.save(trained, tmp_path / "model.tfqd")
    again = tfqd.load(tmp_path / "model.tfqd", "quantized")
    again.compile(tf_keras.optimizers.Adam(0.02), "mse")
    losses = again.fit(X, Y, epochs=3, verbose=0).history["loss"]
    assert losses[-1] < losses[0]


def test_the_report_counts_the_bytes_of_a_hand_worked_layer():
    quantized = tfqd.quantize_model(chain(layers.Dense(32, name="d"), shape=(64,)), SPEC)
    size = tfqd.size_report(quantized).variables["d/kernel"]
    # 2048 weights: 512 bytes of codes, 64 buckets of 8 bytes, 4 points of 4.
    assert (size.float_bytes, size.fixed_bytes) == (8192, 512 + 64 * 8 + 4 * 4)


def test_summary_shows_bits_and_bytes_of_every_quantized_variable(capsys):
    lines = []
    quantized = tfqd.quantize_model(chain(layers.Dense(32, name="first"), shape=(64,)), SPEC)
    quantized.summary()
    quantized.summary(print_fn=lines.append)
    for text in (capsys.readouterr().out, "\n".join(lines)):
        assert "Total params" in text
        (row,) = (line for line in text.splitlines() if "first/kernel" in line)
        assert all(cell in row for cell in ("(64, 32)", "codebook", "8,192", "1,040"))


def test_frozen_layers_stay_as_they_are_with_their_points():
    model = chain(layers.Dense(4, name="frozen", trainable=False), layers.Dense(1))
    quantized = tfqd.quantize_model(model, SPEC)
    frozen = quantized.layers[0]
    assert frozen.trainable_weights == []
    before = frozen.get_weights()
    quantized.compile("sgd", "mse")
    quantized.fit(X, Y, verbose=0)
    for old, new in zip(before, frozen.get_weights(), strict=True):
        np.testing.assert_array_equal(old, new)


def test_points_train_alone_when_the_inner_layers_are_frozen(tmp_path):
    quantized = tfqd.quantize_model(chain(layers.Dense(4), layers.Dense(1)), SPEC)
    for layer in quantized.layers:
        layer.layer.trainable = False
    quantized.save(tmp_path / "model.keras")
    again = tf_keras.models.load_model(tmp_path / "model.keras")
    for each in (quantized, again):
        assert [v.shape.as_list() for v in each.trainable_weights] == [[4], [4]]
        assert len(each.weights) == 6


def test_a_codebook_that_trains_its_points_alone_freezes_the_weights():
    spec = tfqd.Codebook(bits=2, train="points")
    quantized = tfqd.quantize_model(chain(layers.Dense(4)), spec)
    assert [v.name.rpartition("/")[2] for v in quantized.trainable_weights] == [
        *("bias:0", "kernel_points:0")
    ]


def test_bits_in_force_are_saved_and_stripped(tmp_path):
    model = chain(layers.Dense(4), layers.Dense(1))
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=2))
    first, second = quantized.quantized_variables
    first.set_bits(8)
    second.set_bits(None)
    quantized.save(tmp_path / "model.keras")
    again = tf_keras.models.load_model(tmp_path / "model.keras")
    assert [entry.bits for entry in again.quantized_variables] == [8, None]
    np.testing.assert_array_equal(again(X), quantized(X))
    np.testing.assert_array_equal(tfqd.strip_quantization(again)(X), quantized(X))
    stored = list(tfqd.compress(again).tensors.values())
    assert stored[0].bits == 8
    np.testing.assert_array_equal(stored[2], model.layers[1].kernel)


def test_first_and_last_layers_have_a_spec_of_their_own():
    x = tf_keras.Input((8, 8, 3))
    y = layers.Conv2D(4, 3, padding="same", name="first")(x)
    shortcut = layers.Conv2D(4, 1, name="shortcut")(y)
    y = layers.Add()([shortcut, layers.Conv2D(4, 3, padding="same", name="middle")(y)])
    head = tf_keras.Sequential([layers.Flatten(), layers.Dense(2, name="last")])
    model = tf_keras.Model(x, head(y))
    last = tfqd.Uniform(bits=8)
    bits = [
        {
            entry.path: entry.bits
            for entry in tfqd.quantize_model(model, SPEC, first_last=ends).quantized_variables
        }
        for ends in (None, last)
    ]
    middle = {"shortcut/kernel": 2, "middle/kernel": 2}
    assert bits == [middle, {"first/kernel": 8, **middle, "last/kernel": 8}]


@pytest.mark.parametrize("jit_compile", [False, True])
def test_it_trains_in_short_types_with_and_without_xla(jit_compile):
    parts = [
        layers.Conv1D(4, 3, dtype="mixed_bfloat16"),
        layers.Flatten(),
        layers.Dense(1, dtype="float32"),
    ]
    quantized = tfqd.quantize_model(chain(*parts, shape=(8, 1)), SPEC)
    quantized.compile(tf_keras.optimizers.Adam(0.05), "mse", jit_compile=jit_compile)
    losses = quantized.fit(X[..., np.newaxis], Y, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert {v.dtype.name for v in quantized.trainable_weights} == {"float32"}
    assert quantized.layers[0](X[..., np.newaxis]).dtype.name == "bfloat16"


def test_vocabularies_and_statistics_are_copied():
    lookup, normalization = layers.StringLookup(name="lookup"), layers.Normalization()
    lookup.adapt(["a", "b", "b"])
    normalization.adapt(X)
    words, numbers = tf_keras.Input((1,), dtype="string"), tf_keras.Input((8,))
    embedded = layers.Flatten()(layers.Embedding(4, 2)(lookup(words)))
    y = layers.Concatenate()([embedded, normalization(numbers)])
    model = tf_keras.Model([words, numbers], layers.Dense(1)(y))
    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=8, bucket_size=None))
    given = [np.array([["b"]] * 16), X]
    np.testing.assert_allclose(quantized(given), model(given), atol=0.05)
    plain = tfqd.strip_quantization(quantized)
    np.testing.assert_array_equal(plain(given), quantized(given))
    again = model_from_compressed(tfqd.compress(quantized))
    np.testing.assert_array_equal(again(given), quantized(given))


class Subclassed(tf_keras.Model):
    def __init__(self):
        super().__init__(name="mine")
        self.dense = layers.Dense(2)

    def call(self, x):
        return self.dense(x)


class Unserializable(layers.Layer):
    def __init__(self, table):
        super().__init__(name="table")
        self.table = self.add_weight("table", table.shape)

    def call(self, x):
        return x @ self.table


class Listing(layers.Layer):
    def build(self, shape):
        self.kernels = [self.add_weight(name="kernel", shape=(shape[-1], 2))]

    def call(self, x):
        return x @ self.kernels[0]


def subclassed():
    model = Subclassed()
    model(X)
    return model


def inside(part):
    x = tf_keras.Input((8,))
    return tf_keras.Model(x, part(x))


def with_nan():
    model = chain(layers.Dense(1, name="d"))
    model.layers[0].kernel.assign(np.full((8, 1), np.nan))
    return model


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (subclassed, r"model 'mine' is subclassed \(Subclassed\); tfmot wraps the layers of"),
        (lambda: inside(subclassed()), "model 'mine' is subclassed"),
        (lambda: tf_keras.Sequential([layers.Dense(2)], name="new"), "model 'new' is not built"),
        (lambda: tfqd.quantize_model(chain(layers.Dense(1)), SPEC), "is already quantized"),
        (with_nan, "d/kernel holds 8 NaN or infinite weights of 8"),
        (lambda: inside(Unserializable(np.ones((8, 2)))), r"'table' \(Unserializable\) cannot be"),
        (lambda: inside(Listing(name="mine")), "mine/kernel is held by no attribute of its layer"),
        (lambda: chain(layers.Flatten()), "leaves every variable float"),
    ],
)
def test_what_cannot_be_quantized_is_named(build, message):
    with pytest.raises(ValueError, match=message):
        tfqd.quantize_model(build(), SPEC)


def test_what_is_no_model():
    with pytest.raises(TypeError, match="model must be a Keras model; got Dense"):
        tfqd.quantize_model(layers.Dense(2), SPEC)
    with pytest.raises(ValueError, match="pattern 'conv' matches no variable; variables: dense/k"):
        tfqd.quantize_model(chain(layers.Dense(1, name="dense")), {"conv": SPEC})
    with pytest.raises(ValueError, match="is not quantized by tfqd"):
        tfqd.strip_quantization(chain(layers.Dense(1)))
    with pytest.raises(ValueError, match="is not quantized by tfqd"):
        tfqd.compress(chain(layers.Dense(1)))
