"""Bad input is refused at the call, in words that name it."""

import keras
import numpy as np
import pytest
from keras import layers

import tfqd

SPEC = tfqd.Uniform(bits=4)


def dense_model(**arguments):
    return keras.Sequential([keras.Input((8,)), layers.Dense(4, name="dense", **arguments)])


@pytest.mark.parametrize("method", [tfqd.Uniform, tfqd.Codebook])
@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("bits", 0, "bits must be an integer from 1 to 8; got 0"),
        ("bits", 9, "bits must be an integer from 1 to 8; got 9"),
        ("bits", 2.5, "bits must be an integer from 1 to 8; got 2.5"),
        ("bucket_size", 0, "bucket_size must be None or a positive integer; got 0"),
        ("bucket_size", -256, "bucket_size must be None or a positive integer; got -256"),
        ("layout", "rows", "layout must be one of 'flat', 'channel', 'tile'; got 'rows'"),
        ("scaling", "log", "scaling must be one of 'affine', 'symmetric'; got 'log'"),
    ],
)
def test_spec_outside_what_is_allowed(method, field, value, message):
    with pytest.raises(ValueError, match=message):
        method(**{field: value})


@pytest.mark.parametrize("spec", [4.0, None, [SPEC], tfqd.Uniform])
def test_spec_of_another_type(spec):
    with pytest.raises(TypeError, match=r"spec must be a tfqd spec such as tfqd\.Uniform"):
        tfqd.quantize_model(dense_model(), spec)


def test_pattern_that_matches_nothing_lists_the_variables():
    message = r"pattern 'kernal' matches no variable; variables: .*dense/kernel, .*dense/bias"
    with pytest.raises(ValueError, match=message):
        tfqd.quantize_model(dense_model(), {"kernal": SPEC})


def test_pattern_that_is_no_regular_expression():
    with pytest.raises(ValueError, match=r"'\(' is not a regular expression"):
        tfqd.quantize_model(dense_model(), {"(": SPEC})


def test_selection_that_leaves_everything_float():
    with pytest.raises(ValueError, match="leaves every variable float"):
        tfqd.quantize_model(dense_model(), {"kernel": None})
    with pytest.raises(ValueError, match="leaves every variable float; variables: none"):
        tfqd.quantize_model(keras.Sequential([keras.Input((8,)), layers.ReLU()]), SPEC)


@pytest.mark.parametrize("call", [tfqd.strip_quantization, tfqd.compress])
@pytest.mark.parametrize("thing", ["model.keras", None, 3, layers.Dense(3), np.zeros(3)])
def test_what_is_no_model(call, thing):
    with pytest.raises(TypeError, match="model must be a Keras model; got"):
        call(thing)
    with pytest.raises(TypeError, match="model must be a Keras model; got"):
        tfqd.quantize_model(thing, SPEC)


def test_unbuilt_model():
    model = keras.Sequential([layers.Dense(3)], name="unbuilt")
    with pytest.raises(ValueError, match="model 'unbuilt' is not built; call it on data"):
        tfqd.quantize_model(model, SPEC)


def test_quantized_model_is_not_quantized_again():
    quantized = tfqd.quantize_model(dense_model(), SPEC)
    with pytest.raises(ValueError, match=r"already quantized; tfqd\.strip_quantization"):
        tfqd.quantize_model(quantized, SPEC)
    by_hand = keras.Sequential(
        [keras.Input((8,)), tfqd.layers.QuantizeWrapper(layers.Dense(3), SPEC)]
    )
    with pytest.raises(ValueError, match="already quantized"):
        tfqd.quantize_model(by_hand, SPEC)


@pytest.mark.parametrize("mode", ["int8", "float8"])
def test_model_that_keras_has_quantized(mode):
    model = dense_model()
    model.quantize(mode)
    with pytest.raises(ValueError, match=f"'dense' is quantized by Keras already, to {mode}"):
        tfqd.quantize_model(model, SPEC)


def test_quantized_model_refuses_keras_integers():
    quantized = tfqd.quantize_model(dense_model(), SPEC)
    before = quantized(np.ones((2, 8)))
    with pytest.raises(ValueError, match=r"quantized by tfqd; quantize what tfqd\.strip"):
        quantized.quantize("int8")
    np.testing.assert_array_equal(quantized(np.ones((2, 8))), before)


def test_weights_that_come_after_quantization_are_refused(tmp_path):
    quantized = tfqd.quantize_model(dense_model(), SPEC)
    quantized.model.get_layer("dense").enable_lora(2)
    for use in (
        lambda: quantized(np.ones((2, 8))),
        lambda: quantized.save(tmp_path / "m.keras"),
        lambda: quantized.save_weights(tmp_path / "m.weights.h5"),
        lambda: tfqd.strip_quantization(quantized),
        lambda: tfqd.compress(quantized),
    ):
        with pytest.raises(ValueError, match=r"2 weights .* has 4 now; call enable_lora\(\)"):
            use()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_weights_that_are_not_finite_are_named(bad):
    model = dense_model()
    kernel = model.layers[0].kernel.numpy()
    kernel[1, 2] = bad
    model.layers[0].kernel.assign(kernel)
    message = "dense/kernel holds 1 NaN or infinite weights of 32"
    with pytest.raises(ValueError, match=message):
        tfqd.quantize_model(model, SPEC)
    with pytest.raises(ValueError, match=message):
        tfqd.layers.QuantizeWrapper(model.layers[0], SPEC)


@pytest.mark.parametrize("name", ["kernel", "bias"])
def test_weights_that_became_nan_in_training_are_not_compressed(name):
    quantized = tfqd.quantize_model(dense_model(), SPEC)
    variable = getattr(quantized.model.layers[0], name)
    variable.assign(np.full(variable.shape, np.nan))
    with pytest.raises(ValueError, match=f"dense/{name} holds .* NaN or infinite weights"):
        tfqd.compress(quantized)


@pytest.mark.parametrize("call", [tfqd.strip_quantization, tfqd.compress])
def test_model_that_is_not_quantized(call):
    with pytest.raises(ValueError, match="is not quantized"):
        call(dense_model())


class Shrinking(layers.Layer):
    """Makes its own kernel smaller with every training step."""

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 4), name="kernel")

    def call(self, inputs, training=False):
        if training:
            self.kernel.assign(0.9 * self.kernel)
        return inputs @ self.kernel


def test_layer_that_assigns_its_own_kernel_is_named():
    model = keras.Sequential([keras.Input((8,)), Shrinking(name="normalized")])
    quantized = tfqd.quantize_model(model, SPEC)
    message = r"normalized/kernel is assigned by its own layer .*map its path to None"
    with pytest.raises(ValueError, match=message):
        quantized(np.ones((2, 8), "float32"), training=True)


def test_layer_that_assigns_its_own_kernel_may_stay_float():
    model = keras.Sequential(
        [
            keras.Input((8,)),
            layers.SpectralNormalization(layers.Dense(4, name="normalized")),
            layers.Dense(2, name="dense"),
        ]
    )
    quantized = tfqd.quantize_model(model, {"normalized": None, "kernel": SPEC})
    quantized.compile("adam", "mse")
    x = np.random.default_rng(0).normal(size=(8, 8)).astype("float32")
    history = quantized.fit(x, x[:, :2], verbose=0).history
    assert np.isfinite(history["loss"]).all()
    assert [entry.variable.name for entry in quantized.quantized_variables] == ["kernel"]
