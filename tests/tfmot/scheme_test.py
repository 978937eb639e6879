"""tfqd's config and scheme in tfmot's own functions."""

import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.ops import quantile_points
from tfqd.wrapping.tf_keras.toolkit import tfmot

layers = tf_keras.layers
quantize_annotate_layer = tfmot.quantization.keras.quantize_annotate_layer
quantize_annotate_model = tfmot.quantization.keras.quantize_annotate_model
quantize_apply = tfmot.quantization.keras.quantize_apply
quantize_scope = tfmot.quantization.keras.quantize_scope

SPEC = tfqd.Codebook(bits=2, bucket_size=None)
CONFIG, SCHEME = tfqd.tfmot.QuantizeConfig, tfqd.tfmot.QuantizeScheme
UNTRAINED = CONFIG(tfqd.Uniform(bits=4))
X = np.random.default_rng(1).normal(size=(64, 20)).astype("float32")


@pytest.mark.parametrize(
    ("spec", "scheme"),
    [(tfqd.Uniform(bits=4), {}), (SPEC, {"scheme": SCHEME()})],
    ids=["their scheme", "ours"],
)
def test_the_published_example_runs_with_our_config(spec, scheme):
    """Of tfmot's guide: one Dense, a custom config, `quantize_apply` in a `quantize_scope`."""
    tf_keras.utils.set_random_seed(2)
    model = quantize_annotate_model(
        tf_keras.Sequential(
            [
                quantize_annotate_layer(layers.Dense(10, input_shape=(20,)), CONFIG(spec)),
                layers.Flatten(),
            ]
        )
    )
    with quantize_scope({"QuantizeConfig": CONFIG}):
        quant_aware_model = quantize_apply(model, **scheme)
    quant_aware_model.compile(tf_keras.optimizers.Adam(0.02), "mse")
    losses = quant_aware_model.fit(X, X[:, :10], epochs=4, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    names = [w.name for w in quant_aware_model.trainable_weights]
    assert any(name.endswith("kernel_points:0") for name in names) == (spec is SPEC)


@pytest.mark.parametrize("spec", [SPEC, tfqd.LearnedStep(bits=4)])
def test_levels_that_start_from_the_weights_are_refused_without_our_scheme(spec):
    model = annotated(CONFIG(spec), layers.Dense(3, name="dense"))
    with pytest.raises(ValueError, match=r"give quantize_apply the scheme tfqd\.tfmot\.Quantize"):
        quantize_apply(model)


def test_a_scheme_names_what_it_wraps():
    model = annotated(CONFIG(SPEC), layers.LSTM(5, name="lstm"))
    quantized = quantize_apply(model, SCHEME(name_prefix="small_"))
    assert "small_lstm" in [layer.name for layer in quantized.layers]
    with pytest.raises(TypeError, match="name_prefix"):
        SCHEME(name_prefix=3)


def test_compressing_a_model_in_tfmots_own_wrappers_says_what_to_do():
    model = tf_keras.Sequential(
        [tf_keras.Input((4,)), quantize_annotate_layer(layers.Dense(3, name="dense"), UNTRAINED)]
    )
    theirs = quantize_apply(model)
    with pytest.raises(ValueError, match=r"give quantize_apply the scheme tfqd\.tfmot\.Quantize"):
        tfqd.compress(theirs)
    ours = quantize_apply(model, SCHEME())
    assert list(tfqd.compress(ours).quantized) == ["dense/kernel"]


def annotated(config, layer):
    return tf_keras.Sequential(
        [tf_keras.Input((6, 4)), quantize_annotate_layer(layer, config), layers.Dense(1)]
    )


def test_codebooks_start_at_the_quantiles_of_the_annotated_models_weights():
    model = annotated(CONFIG(SPEC, ["cell.recurrent_kernel"]), layers.LSTM(5, name="lstm"))
    (entry,) = quantize_apply(model, SCHEME()).layers[0].quantized_variables
    kernel = model.layers[0].layer.cell.recurrent_kernel
    assert entry.path == "lstm/cell/recurrent_kernel"
    bucketing = entry.quantizer.bucketing(kernel.shape)
    np.testing.assert_array_equal(
        entry.state["points"], quantile_points(kernel, SPEC.levels, bucketing)
    )


def test_the_scheme_has_the_spec_of_layers_without_a_config():
    inner = layers.Dense(5, name="middle")
    model = tf_keras.Sequential(
        [tf_keras.Input((4,)), layers.Dense(5, name="first"), inner, layers.Dense(3, name="last")]
    )
    specs = {"middle/kernel": SPEC, "kernel|bias": tfqd.Uniform(bits=4)}
    quantized = quantize_apply(quantize_annotate_model(model), SCHEME(specs, first_last=None))
    entries = [
        entry for layer in quantized.layers for entry in getattr(layer, "quantized_variables", [])
    ]
    assert {entry.path: entry.quantizer.spec for entry in entries} == {
        "middle/kernel": SPEC,
        "middle/bias": tfqd.Uniform(bits=4),
    }
    assert quantized.get_layer("first").kernel is not model.get_layer("first").kernel


def test_one_layer_keeps_tfmots_config_while_another_has_ours():
    model = tf_keras.Sequential(
        [
            tf_keras.Input((8, 8, 3)),
            quantize_annotate_layer(layers.Conv2D(4, 3)),
            layers.Flatten(),
            quantize_annotate_layer(layers.Dense(3, name="dense"), CONFIG(SPEC)),
        ]
    )
    quantized = quantize_apply(model, SCHEME())
    conv, _, dense = quantized.layers
    assert type(conv.quantize_config).__name__ == "Default8BitConvQuantizeConfig"
    assert {w.name.rpartition("/")[2] for w in conv.non_trainable_weights} == {
        "kernel_min:0",
        "kernel_max:0",
        "post_activation_min:0",
        "post_activation_max:0",
    }
    assert [entry.path for entry in dense.quantized_variables] == ["dense/kernel"]
    x = np.random.default_rng(0).normal(size=(4, 8, 8, 3)).astype("float32")
    quantized.compile("adam", "mse")
    quantized.fit(x, np.zeros((4, 3)), verbose=0)
    with tfqd.tfmot.quantize_scope():
        again = tf_keras.models.clone_model(quantized)
    again.set_weights(quantized.get_weights())
    np.testing.assert_array_equal(again(x), quantized(x))


def test_what_tfmot_does_not_know_needs_a_config():
    with pytest.raises(ValueError, match=r"knows no layer 'lstm' \(LSTM\); annotate it with"):
        quantize_apply(annotated(None, layers.LSTM(5, name="lstm")), SCHEME())


def test_a_path_leads_into_layers_and_lists_of_layers():
    cells = [layers.LSTMCell(3), layers.GRUCell(3)]
    stacked = layers.Bidirectional(layers.RNN(cells))
    path = "backward_layer.cell.cells.1.recurrent_kernel"
    wrapped = tfqd.tfmot.QuantizeWrapper(stacked, CONFIG(SPEC, [path]))
    wrapped(np.ones((1, 4, 2), np.float32))
    (entry,) = wrapped.quantized_variables
    assert entry.variable is stacked.backward_layer.cell.cells[1].recurrent_kernel


@pytest.mark.parametrize(
    "config",
    [
        CONFIG(SPEC),
        CONFIG(SPEC, ["cell.kernel"]),
        CONFIG({"cell.kernel": SPEC, "cell.recurrent_kernel": tfqd.LearnedStep(bits=3)}),
        CONFIG(
            SPEC,
            activations=tfmot.quantization.keras.default_8bit.Default8BitQuantizeRegistry().get_quantize_config(
                layers.ReLU()
            ),
        ),
    ],
)
def test_a_config_comes_back_from_its_config(config):
    again = CONFIG.from_config(config.get_config())
    assert again == config
    assert again.get_config() == config.get_config()


def test_a_path_that_the_layer_has_not_is_named():
    lstm = layers.LSTM(5, name="lstm")
    lstm.build((None, 6, 4))
    message = (
        r"layer 'lstm' \(LSTM\) has no variable at path 'kernel'; it has cell.kernel, "
        "cell.recurrent_kernel, cell.bias"
    )
    with pytest.raises(ValueError, match=message):
        CONFIG(SPEC, ["kernel"]).get_weights_and_quantizers(lstm)
    with pytest.raises(ValueError, match=message):
        tfqd.tfmot.QuantizeWrapper(layers.LSTM(5, name="lstm"), CONFIG(SPEC, ["kernel"]))(
            tf_keras.Input((6, 4))
        )


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((4.0,), "spec must be a tfqd spec .* or a mapping from"),
        (({"kernel": 4.0},), "spec must be a tfqd spec .* or a mapping from"),
        ((SPEC, "kernel"), r"paths must be a list of names such as \[\"kernel\"\]; got 'kernel'"),
        (({"kernel": SPEC}, ["kernel"]), "paths must be None when spec is a mapping"),
        ((SPEC, None, "tfmot"), "activations must be None or a tfmot QuantizeConfig; got str"),
    ],
)
def test_what_is_no_config(arguments, message):
    with pytest.raises(TypeError, match=message):
        CONFIG(*arguments)


def test_other_activations():
    with pytest.raises(ValueError, match="activations must be one of None, 'tfmot'; got 8"):
        SCHEME(activations=8)
