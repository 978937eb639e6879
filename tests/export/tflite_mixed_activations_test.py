"""Recurrent layers, attention and normalization train among rounded activations, and are exported.

They have no kernels of integers: what stands between them is of integers in the file.
"""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.export.litert.checking.runtimes import run, runtimes

FLOAT = "after a layer without a kernel of integers, which stays float inside"
WORDS = np.random.default_rng(0).integers(0, 30, (48, 6)).astype(np.int32)
TOKENS = np.random.default_rng(0).normal(size=(48, 6, 8)).astype(np.float32)


def recurrent(kind, unroll=True):
    layers = kind.layers
    words = kind.Input((6,), dtype="int32", name="words")
    x = layers.Embedding(30, 8, name="table")(words)
    x = layers.LSTM(8, return_sequences=True, unroll=unroll, name="lstm")(x)
    x = layers.GRU(8, unroll=unroll, name="gru")(x)
    return kind.Model(words, layers.Dense(3, name="tags")(x)), WORDS


def transformer(kind):
    layers = kind.layers
    tokens = kind.Input((6, 8), name="tokens")
    x = layers.MultiHeadAttention(2, 4, name="attention")(tokens, tokens)
    x = layers.LayerNormalization(name="norm")(layers.Add(name="sum")([tokens, x]))
    y = layers.Dense(8, name="down")(layers.Dense(16, activation="relu", name="up")(x))
    x = layers.GlobalAveragePooling1D(name="mean")(layers.Add(name="sum2")([x, y]))
    return kind.Model(tokens, layers.Dense(3, name="classes")(x)), TOKENS


@pytest.mark.parametrize("kind", [keras, tf_keras])
@pytest.mark.parametrize(
    ("build", "floats", "in_float"),
    [(recurrent, {"lstm", "gru"}, 2), (transformer, {"attention", "norm"}, 2)],
)
def test_it_trains_and_its_files_compute_the_same(kind, build, floats, in_float, tmp_path):
    kind.utils.set_random_seed(0)
    plain, x = build(kind)
    spec = tfqd.Activations(without_kernel="float", take_apart=False)
    model = tfqd.quantize_model(plain, tfqd.presets.deployable(8), activations=spec)
    tfqd.calibrate(model, x)
    told = [each for each in model.quantized_activations if each.reason == FLOAT]
    assert {name for each in told for name in each.covered} == floats
    assert len(told) == in_float
    model.compile(
        kind.optimizers.Adam(1e-2), "mse", **({"jit_compile": False} if kind is keras else {})
    )
    y = np.random.default_rng(1).normal(size=(48, 3)).astype(np.float32)
    losses = model.fit(x, y, epochs=3, batch_size=16, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    assert (
        tfqd.export.saved_model(model, tmp_path / "served", probes=x[:4]).largest_difference < 1e-5
    )
    path = tmp_path / "m.tflite"
    result = tfqd.export.tflite(model, path, probes=x[:32])
    assert result.report.weight_error < 1e-6
    assert {"QUANTIZE", "DEQUANTIZE", "FULLY_CONNECTED"} <= result.report.operators.keys()
    assert result.largest_difference < 0.1


@pytest.mark.parametrize("bits", [8, 16])
def test_what_training_clips_and_rounds_between_floats_the_file_does_too(bits, tmp_path):
    keras.utils.set_random_seed(0)
    x = keras.Input((8,), name="x")
    plain = keras.Model(x, keras.layers.Dense(3, name="y")(keras.layers.LayerNormalization()(x)))
    spec = tfqd.Activations(bits=bits, without_kernel="float")
    model = tfqd.quantize_model(plain, tfqd.presets.deployable(8), activations=spec)
    tfqd.calibrate(model, TOKENS[:, 0])
    far = TOKENS[:4, 0].copy()
    far[0, 0] = 40  # beyond the range of the inputs
    path = tmp_path / "m.tflite"
    tfqd.export.tflite(model, path, probes=far)
    low, high = model.quantized_activations[-1].ends
    for runtime in runtimes():
        (answer,) = run(runtime, path.read_bytes(), {"x": far}).values()
        assert np.abs(answer - np.asarray(model(far))).max() <= 2.01 * (high - low) / 255, runtime


def test_they_are_refused_by_name_unless_they_are_to_stay_float():
    plain, _ = transformer(keras)
    for take_apart, name in (
        (True, r"'norm' \(LayerNormalization\)"),
        (False, r"'attention' \(MultiHeadAttention\)"),
    ):
        spec = tfqd.Activations(take_apart=take_apart)
        message = rf"layer {name} cannot .* keep it float by tfqd.Activations"
        with pytest.raises(ValueError, match=message):
            tfqd.quantize_model(plain, tfqd.presets.deployable(8), activations=spec)


def test_what_is_taken_apart_is_of_integers_between_what_stays_float():
    plain, _ = transformer(keras)
    spec = tfqd.Activations(without_kernel="float")
    model = tfqd.quantize_model(plain, tfqd.presets.deployable(8), activations=spec)
    floats = [each for each in model.quantized_activations if each.reason == FLOAT]
    assert {name for each in floats for name in each.covered} == {"norm"}
    assert "attention_softmax_range" in {each.name for each in model.quantized_activations}


def test_what_gives_several_tensors_cannot_stay_float():
    x = keras.Input((6, 8))
    answers, state = keras.layers.GRU(4, return_state=True, name="gru")(x)
    spec = tfqd.Activations(without_kernel="float")
    with pytest.raises(ValueError, match="gives one tensor; 'gru' gives several"):
        tfqd.quantize_model(
            keras.Model(x, [answers, state]), tfqd.presets.deployable(8), activations=spec
        )


def test_loops_that_the_converter_refuses_are_named_with_what_to_do(tmp_path):
    plain, x = recurrent(tf_keras, unroll=False)
    spec = tfqd.Activations(without_kernel="float")
    model = tfqd.quantize_model(plain, tfqd.presets.deployable(8), activations=spec)
    tfqd.calibrate(model, x)
    # By the converter, or by what it has made of the loop: it does now one, now the other.
    message = (
        r"in layer 'lstm'; give the recurrent layers unroll=True|"
        r"right: UNIDIRECTIONAL_SEQUENCE_LSTM: .*; give the recurrent layer unroll=True"
    )
    with pytest.raises(ValueError, match=message):
        tfqd.export.tflite(model, tmp_path / "m.tflite", batch_size=1)
