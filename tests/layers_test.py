"""`tfqd.layers`: quantization in models that are built by hand."""

import keras
import numpy as np
import pytest
from keras import layers

import tfqd

CODEBOOK = tfqd.Codebook(bits=2, bucket_size=None)
UNIFORM = tfqd.Uniform(bits=2, bucket_size=None)


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)


@pytest.fixture
def data():
    x = np.random.default_rng(1).normal(size=(32, 8)).astype("float32")
    return x, x[:, :1] - x[:, 1:2]


def quantiles(kernel):
    """Of the weights scaled to [0, 1], 4 of them."""
    scaled = (kernel - kernel.min()) / (kernel.max() - kernel.min())
    return np.quantile(scaled, np.linspace(0, 1, 4))


def nearest(kernel, points):
    """Each weight moved to its nearest scaled point."""
    low, width = kernel.min(), kernel.max() - kernel.min()
    scaled = (kernel - low) / width
    return points[np.abs(scaled[..., None] - points).argmin(-1)] * width + low


def test_wrapper_runs_its_layer_with_quantized_weights(data):
    wrapper = tfqd.layers.QuantizeWrapper(layers.Dense(4, activation="relu"), UNIFORM)
    out = np.array(wrapper(data[0]))
    kernel = wrapper.layer.kernel.numpy()
    expected = np.maximum(data[0] @ nearest(kernel, np.linspace(0, 1, 4)), 0.0)
    np.testing.assert_allclose(out, expected, rtol=1e-5, atol=1e-6)


def test_codebook_of_a_wrapper_starts_at_the_quantiles_of_fresh_weights():
    wrapper = tfqd.layers.QuantizeWrapper(layers.Dense(40), CODEBOOK)
    wrapper.build((None, 30))
    (entry,) = wrapper.quantized_variables
    np.testing.assert_allclose(
        entry.state["points"], quantiles(wrapper.layer.kernel.numpy()), atol=1e-6
    )


class BuildsInCall(keras.Model):
    """Its wrappers are built while Keras infers the shapes of its call."""

    def __init__(self, spec=CODEBOOK):
        super().__init__()
        self.first = tfqd.layers.QuantizeWrapper(layers.Dense(40), spec)
        self.second = tfqd.layers.QuantizeWrapper(layers.Dense(3), spec)

    def call(self, x):
        return self.second(self.first(x))


def test_steps_created_during_shape_inference_suit_the_weights():
    model = BuildsInCall(tfqd.LearnedStep(bits=4))
    model(keras.Input((8,)))
    for wrapper in (model.first, model.second):
        (entry,) = wrapper.quantized_variables
        started = entry.state["step"].numpy()
        entry.initialize()
        np.testing.assert_array_equal(started, entry.state["step"].numpy())


@pytest.mark.parametrize("functional", [True, False])
def test_codebooks_created_during_shape_inference_start_at_the_quantiles(functional, data):
    model = BuildsInCall()
    if functional:
        x = keras.Input((8,))
        whole = keras.Model(x, model(x))
    else:
        whole = model
        keras.Sequential([keras.Input((8,)), model])
    for wrapper in (model.first, model.second):
        (entry,) = wrapper.quantized_variables
        np.testing.assert_allclose(
            entry.state["points"], quantiles(wrapper.layer.kernel.numpy()), atol=1e-6
        )
    whole.compile(keras.optimizers.Adam(0.01), "mse")
    history = whole.fit(data[0], data[0][:, :3], epochs=3, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]


def test_wrapper_takes_a_built_layer_with_its_weights(data):
    layer = layers.Dense(4)
    expected = np.array(layer(data[0]))
    wrapper = tfqd.layers.QuantizeWrapper(layer, tfqd.Uniform(bits=8))
    assert wrapper.built
    np.testing.assert_allclose(wrapper(data[0]), expected, atol=0.1)
    assert wrapper.layer is layer


def test_wrapper_takes_patterns_over_the_paths_of_its_layer(data):
    spec = {"recurrent": CODEBOOK, "gru_cell/kernel": UNIFORM}
    wrapper = tfqd.layers.QuantizeWrapper(layers.GRU(3), spec)
    wrapper(data[0].reshape(32, 4, 2))
    chosen = {entry.variable.name: entry.quantizer.spec for entry in wrapper.quantized_variables}
    assert chosen == {"kernel": UNIFORM, "recurrent_kernel": CODEBOOK}


def test_wrapper_of_a_frozen_layer_trains_nothing(data):
    wrapper = tfqd.layers.QuantizeWrapper(layers.Dense(4, trainable=False), CODEBOOK)
    wrapper(data[0])
    assert wrapper.trainable_variables == []


def test_points_of_a_wrapped_layer_train_on_alone_after_a_reload(tmp_path):
    wrapper = tfqd.layers.QuantizeWrapper(layers.Dense(3), CODEBOOK)
    model = keras.Sequential([keras.Input((8,)), wrapper])
    wrapper.layer.trainable = False
    (points,) = model.trainable_variables
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    (again,) = reloaded.trainable_variables
    assert points.name.endswith(again.name)


def test_points_only_leaves_a_wrapped_layers_bias_to_train(data, tmp_path):
    wrapper = tfqd.layers.QuantizeWrapper(
        layers.Dense(3), tfqd.Codebook(bits=2, train="points", gradient_scale="lsq")
    )
    model = keras.Sequential([keras.Input((8,)), wrapper])
    model.save(tmp_path / "model.keras")
    for each in (model, keras.saving.load_model(tmp_path / "model.keras")):
        kernel = each.layers[0].layer.kernel.numpy()
        each.compile(keras.optimizers.AdamW(0.01, weight_decay=0.1), "mse")
        each.fit(data[0], data[0][:, :3], verbose=0)
        np.testing.assert_array_equal(each.layers[0].layer.kernel, kernel)
        names = {v.name.split(".")[-1] for v in each.trainable_variables}
        assert names == {"bias", "kernel_points"}


def test_wrapper_passes_on_several_arguments_and_states(data):
    x = data[0].reshape(32, 4, 2)
    attention = layers.MultiHeadAttention(2, key_dim=3)
    wrapper = tfqd.layers.QuantizeWrapper(attention, tfqd.Uniform(bits=8))
    output, scores = wrapper(x, value=x, return_attention_scores=True)
    expected, expected_scores = attention(x, x, return_attention_scores=True)
    np.testing.assert_allclose(output, expected, atol=0.05)
    np.testing.assert_allclose(scores, expected_scores, atol=0.05)
    causal = wrapper(x, x, use_causal_mask=True)
    np.testing.assert_allclose(causal, attention(x, x, use_causal_mask=True), atol=0.05)


def test_wrapper_reports_the_shapes_of_its_layer():
    wrapper = tfqd.layers.QuantizeWrapper(layers.Conv2D(5, 3), CODEBOOK)
    assert wrapper.compute_output_shape((None, 8, 8, 2)) == (None, 6, 6, 5)
    assert wrapper(keras.Input((8, 8, 2))).shape == (None, 6, 6, 5)


def test_wrapped_models_save_and_reload_exactly(data, tmp_path):
    x = keras.Input((8,))
    y = tfqd.layers.QuantizeWrapper(
        layers.Dense(6, name="inner"), {"^inner/kernel$": CODEBOOK, "bias": UNIFORM}
    )(x)
    model = keras.Model(x, tfqd.layers.QuantizeWrapper(layers.Dense(1), UNIFORM)(y))
    model.compile(keras.optimizers.Adam(0.02), "mse")
    model.fit(*data, epochs=2, verbose=0)
    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(reloaded(data[0]), model(data[0]))


def test_wrapper_refuses_what_is_no_layer_and_what_is_no_spec():
    with pytest.raises((TypeError, ValueError), match="layer"):
        tfqd.layers.QuantizeWrapper("dense", CODEBOOK)
    with pytest.raises(TypeError, match=r"spec must be a tfqd spec .* got 4.0"):
        tfqd.layers.QuantizeWrapper(layers.Dense(3), 4.0)
    with pytest.raises(TypeError, match=r"spec must be a tfqd spec .* got None"):
        tfqd.layers.Quantizer(None)


def test_short_names_stand_for_specs():
    assert tfqd.layers.QuantizeWrapper(layers.Dense(3), 4).spec == tfqd.Uniform(bits=4)
    assert tfqd.layers.Quantizer("learned2").spec == tfqd.LearnedStep(bits=2)
    with pytest.raises(ValueError, match=r"a spec's short name must be .*; got 'uniform'"):
        tfqd.layers.Quantizer("uniform")


def test_wrapper_of_a_layer_without_kernels_is_refused():
    with pytest.raises(ValueError, match="leaves every variable float; variables: none"):
        tfqd.layers.QuantizeWrapper(layers.ReLU(), CODEBOOK)(np.ones((2, 3), "float32"))


@keras.saving.register_keras_serializable(package="tfqd_tests")
class Project(layers.Layer):
    """A custom layer that quantizes its own kernel."""

    def __init__(self, units, spec=CODEBOOK, **kwargs):
        super().__init__(**kwargs)
        self.units, self.spec = units, spec

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], self.units), name="kernel")
        self.quantizer = tfqd.layers.Quantizer(self.spec)
        self.quantizer(self.kernel)

    def call(self, x):
        return x @ self.quantizer(self.kernel)

    def get_config(self):
        return {**super().get_config(), "units": self.units}


def test_quantizer_in_a_custom_layer_trains_and_reloads_exactly(data, tmp_path):
    model = keras.Sequential([keras.Input((8,)), Project(6), layers.Dense(1)])
    layer = model.layers[0]
    (entry,) = layer.quantizer.quantized_variables
    before = entry.state["points"].numpy()
    np.testing.assert_allclose(before, quantiles(layer.kernel.numpy()), atol=1e-6)
    np.testing.assert_allclose(
        layer(np.eye(8, dtype="float32")), nearest(layer.kernel.numpy(), before), atol=1e-6
    )
    model.compile(keras.optimizers.Adam(0.02), "mse")
    losses = model.fit(*data, epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert not np.array_equal(entry.state["points"], before)
    assert len(model.trainable_variables) == 4

    model.save(tmp_path / "model.keras")
    reloaded = keras.saving.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(reloaded(data[0]), model(data[0]))


def test_quantizer_draws_fresh_noise_in_training_only(data):
    spec = tfqd.Uniform(bits=2, rounding="stochastic")
    model = keras.Sequential([keras.Input((8,)), Project(6, spec)])
    first, second = (np.array(model(data[0], training=True)) for _ in range(2))
    assert not np.array_equal(first, second)
    np.testing.assert_array_equal(model(data[0]), model(data[0]))


@pytest.mark.parametrize("policy", ["mixed_bfloat16", "mixed_float16"])
def test_quantizer_works_in_float32_and_answers_in_the_layer_s_precision(policy, data):
    layer = Project(6, dtype=policy)
    out = layer(data[0])
    assert out.dtype == policy.removeprefix("mixed_")
    (entry,) = layer.quantizer.quantized_variables
    kernel = nearest(layer.kernel.numpy(), entry.state["points"].numpy())
    np.testing.assert_allclose(entry.quantize(False), kernel, atol=1e-6)
    expected = keras.ops.cast(data[0], out.dtype) @ keras.ops.cast(kernel, out.dtype)
    np.testing.assert_array_equal(
        keras.ops.cast(out, "float32"), keras.ops.cast(expected, "float32")
    )


def test_quantizer_refuses_activations():
    quantizer = tfqd.layers.Quantizer(UNIFORM)
    with pytest.raises(ValueError, match="weights of known shape; got shape"):
        quantizer(keras.Input((8,)))


@pytest.mark.parametrize("cell", [layers.GRUCell, layers.LSTMCell, layers.SimpleRNNCell])
def test_cells_are_quantized_through_their_layer(cell):
    with pytest.raises(ValueError, match=f"must be no cell; got 'own', a {cell.__name__}. Wrap"):
        tfqd.layers.QuantizeWrapper(cell(4, name="own"), UNIFORM)
    wrapper = tfqd.layers.QuantizeWrapper(layers.RNN(cell(4)), UNIFORM)
    assert wrapper(np.ones((2, 3, 5), "float32")).shape == (2, 4)
    assert len(wrapper.quantized_variables) == 2
