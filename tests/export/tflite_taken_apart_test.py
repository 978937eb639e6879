"""Attention and recurrent layers become integers throughout, operator by operator."""

import itertools

import keras
import numpy as np
import pytest
import tf_keras
from other_readers import litert_integers, micro_answers

import tfqd
from tfqd.export.litert.checking.io_spans import input_spans
from tfqd.export.litert.file.flatbuffer import File, Type

TOKENS = np.random.default_rng(0).normal(size=(48, 2, 6)).astype(np.float32)
TARGETS = TOKENS[:, 0, :3]


def attention(layers, x):
    options = {"name": "attention", "bias_initializer": "random_normal"}
    x = layers.Add()([x, layers.MultiHeadAttention(2, 4, **options)(x, x)])
    return layers.Flatten()(layers.Dense(6)(layers.Dense(8, activation="relu")(x)))


def recurrent(layers, x):
    options = {"unroll": True, "bias_initializer": "random_normal"}
    x = layers.LSTM(5, return_sequences=True, go_backwards=True, name="first", **options)(x)
    return layers.GRU(4, name="second", **options)(x)


def both_ways(layers, x):
    lstm = layers.LSTM(3, unroll=True, bias_initializer="random_normal")
    return layers.Bidirectional(lstm, name="both")(x)


KERASES = pytest.mark.parametrize("kind", [keras, tf_keras], ids=["keras", "tf_keras"])
NETWORKS = pytest.mark.parametrize("network", [attention, recurrent, both_ways])


def plain(kind, network):
    kind.utils.set_random_seed(0)
    tokens = kind.Input(TOKENS.shape[1:], name="tokens")
    x = network(kind.layers, tokens)
    return kind.Model(tokens, kind.layers.Dense(3, name="classes")(x))


def quantized(model, **fields):
    spec = tfqd.presets.deployable(8)
    return tfqd.quantize_model(model, spec, activations=tfqd.Activations(**fields))


def assert_computes_as_its_layers(apart, model):
    """While nothing rounds activations."""
    for layer in apart.quantized_activations:
        layer.set_bits(None)
    weights = tfqd.quantize_model(model, tfqd.presets.deployable(8))
    np.testing.assert_allclose(apart(TOKENS), weights(TOKENS), atol=1e-6)
    assert len(apart.quantized_variables) == len(weights.quantized_variables)
    for layer in apart.quantized_activations:
        layer.set_bits(8)


@KERASES
@NETWORKS
def test_it_trains_and_becomes_integers_throughout(kind, network, tmp_path):
    layers = plain(kind, network)
    model = quantized(layers)
    assert_computes_as_its_layers(model, layers)
    tfqd.calibrate(model, TOKENS)
    # Without variables of its own, for which tf_keras would trace the step a second time.
    model.compile(kind.optimizers.SGD(0.2), "mse", jit_compile=False)
    losses = model.fit(TOKENS, TARGETS, epochs=2, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    path = tmp_path / "m.tflite"
    options = {"io_dtype": "int8", "batch_size": 1, "probes": TOKENS[:32]}
    result = tfqd.export.tflite(model, path, **options)
    assert result.report.weight_error == 0
    file = File(path.read_bytes())
    (graph,) = file.graphs
    computed = {int(place) for operator in graph.operators for place in operator.outputs}
    assert {graph.tensors[place].type for place in computed} == {Type.INT8}
    ((name, span),) = input_spans(file).items()
    scale = (span.high - span.low) / 255
    integers = np.clip(np.rint((TOKENS - span.low) / scale) - 128, -128, 127).astype(np.int8)
    (simulated,) = tfqd.export.simulate_integer(path, TOKENS, kernels="xnnpack").values()
    np.testing.assert_array_equal(simulated, litert_integers(path, integers, reference=False))
    (simulated,) = tfqd.export.simulate_integer(path, TOKENS).values()
    reference = litert_integers(path, integers, reference=True)
    (micro,) = micro_answers(path, {name: integers}).values()
    # Their softmax is of integers, that of the simulation of floats.
    assert np.abs(reference - simulated).max() <= (2 if network is attention else 0)
    # So are sigmoid and tanh of tflite-micro.
    assert np.abs(micro.astype(int) - simulated).max() <= 4


@KERASES
def test_layers_in_models_and_shared_ones_are_taken_apart_and_kept(kind, tmp_path):
    layers = kind.layers
    tokens = kind.Input(TOKENS.shape[1:], name="tokens")
    shared = layers.LSTM(6, return_sequences=True, unroll=True, name="shared")
    inner = kind.Sequential([kind.Input((2, 6)), layers.LSTM(2, unroll=True, name="inner")])
    model = kind.Model(tokens, inner(shared(shared(tokens))))
    apart = quantized(model)
    assert_computes_as_its_layers(apart, model)
    tfqd.calibrate(apart, TOKENS)
    tfqd.save(apart, tmp_path / "m.tfqd")
    np.testing.assert_allclose(tfqd.load(tmp_path / "m.tfqd")(TOKENS), apart(TOKENS), atol=1e-6)


@KERASES
@pytest.mark.parametrize("mode", ["sum", "mul", "concat"])
def test_sequences_of_both_directions_are_joined_step_by_step(kind, mode):
    layers, tokens = kind.layers, kind.Input(TOKENS.shape[1:])
    options = {"unroll": True, "return_sequences": True}
    there, back = layers.GRU(3, **options), layers.LSTM(3, go_backwards=True, **options)
    both = layers.Bidirectional(there, mode, backward_layer=back)
    model = kind.Model(tokens, layers.Bidirectional(layers.GRU(2, unroll=True))(both(tokens)))
    assert_computes_as_its_layers(quantized(model), model)


def masked(layers, x):
    return layers.LSTM(4, unroll=True, name="layer")(layers.Masking()(x))


def causal(layers, x):
    layer = layers.MultiHeadAttention(2, 4, name="layer")
    return layers.Flatten()(layer(x, x, use_causal_mask=True))


def averaged(layers, x):
    return layers.Bidirectional(layers.GRU(4, unroll=True), "ave", name="layer")(x)


def rolled(layers, x):
    return layers.GRU(4, name="layer")(x)


def of_two_sizes(layers, x):
    return layers.Flatten()(
        layers.MultiHeadAttention(2, 4, output_shape=(2, 3), name="layer")(x, x)
    )


def given_states(layers, x):
    states = [layers.Dense(4)(layers.Flatten()(x)) for _ in range(2)]
    return layers.LSTM(4, unroll=True, name="layer")(x, states)


def given_states_of_both(layers, x):
    states = [layers.Dense(4)(layers.Flatten()(x)) for _ in range(2)]
    return layers.Bidirectional(layers.GRU(4, unroll=True), name="layer")(x, states)


MORE = [
    (keras, masked),
    *itertools.product(
        [keras, tf_keras],
        [causal, averaged, rolled, of_two_sizes, given_states, given_states_of_both],
    ),
]


@pytest.mark.parametrize(("kind", "network"), MORE)
def test_what_does_more_stays_one_layer(kind, network):
    model = plain(kind, network)
    with pytest.raises(ValueError, match="cannot compute with integers"):
        quantized(model)
    floats = quantized(model, without_kernel="float")
    assert any("layer" in layer.covered for layer in floats.quantized_activations)


def test_layers_stay_where_they_are_not_to_be_taken_apart():
    with pytest.raises(
        ValueError, match=r"'first' \(LSTM\) .*give it unroll=True.*or keep it float"
    ):
        quantized(plain(keras, recurrent), take_apart=False)
    model = quantized(plain(keras, recurrent), take_apart=False, without_kernel="float")
    assert {each.path for each in model.quantized_variables} >= {"first/lstm_cell/kernel"}
