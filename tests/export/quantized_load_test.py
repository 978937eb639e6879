"""`tfqd.load(path, "quantized")` gives the weights that were saved."""

import dataclasses

import keras
import numpy as np
import pytest

import tfqd

SYMMETRIC = {"scaling": "symmetric", "bucket_size": None}
SPECS = {
    "int4": tfqd.Codebook(bits=4, points=15, layout="channel", grid="int4", **SYMMETRIC),
    "int8": tfqd.Codebook(bits=8, points=255, grid="int8", **SYMMETRIC),
    "untrained quantiles": tfqd.Codebook(bits=7, scaling="symmetric", bucket_size=64),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
@pytest.mark.parametrize("trained", [False, True])
def test_no_weight_moves(spec, trained, tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [keras.Input((16,)), keras.layers.Dense(60, "relu"), keras.layers.Dense(10)]
    )
    quantized = tfqd.quantize_model(model, spec)
    if trained:
        quantized.compile("adam", "mse")
        x = np.random.default_rng(0).normal(size=(64, 16)).astype(np.float32)
        quantized.fit(x, x[:, :10], epochs=20, verbose=0)
    tfqd.save(quantized, tmp_path / "m.tfqd")
    loaded = tfqd.load(tmp_path / "m.tfqd", "quantized")
    saved, restored = tfqd.compress(quantized).dequantize(), tfqd.compress(loaded).dequantize()
    for path, weights in saved.items():
        np.testing.assert_array_equal(restored[path], weights, err_msg=path)


@pytest.mark.parametrize("kind", [tfqd.Uniform, tfqd.Codebook, tfqd.LearnedStep])
@pytest.mark.parametrize("scaling", ["affine", "symmetric"])
def test_frozen_weights_keep_their_codes(kind, scaling, tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(40)])
    spec = kind(bits=2, scaling=scaling, bucket_size=8, freeze_above=0.02)
    quantized = tfqd.quantize_model(model, spec)
    (entry,) = quantized.quantized_variables
    codes = np.random.default_rng(0).integers(0, 3, (6, 40))
    entry.state["held_code"].assign(codes.astype(np.float32))
    tfqd.save(quantized, tmp_path / "m.tfqd")
    loaded = tfqd.load(tmp_path / "m.tfqd", "quantized")
    (again,) = loaded.quantized_variables
    np.testing.assert_array_equal(again.encode().dequantize(), entry.encode().dequantize())
    # Those that their values would give another code are frozen again.
    frozen = again.state["held_code"].numpy() >= 0
    assert frozen.any() == (kind is tfqd.Codebook or (kind, scaling) == (tfqd.Uniform, "affine"))
    np.testing.assert_array_equal(again.state["held_code"].numpy()[frozen], codes[frozen])


def test_refuses_a_codebook_without_points(tmp_path):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(16, use_bias=False)])
    compressed = tfqd.compress(tfqd.quantize_model(model, SPECS["int8"]))
    tensors = {k: dataclasses.replace(t, points=None) for k, t in compressed.quantized.items()}
    tfqd.save(dataclasses.replace(compressed, tensors=tensors), tmp_path / "m.tfqd")
    with pytest.raises(ValueError, match="must have points"):
        tfqd.load(tmp_path / "m.tfqd", "quantized")


def test_scalars_stay_scalars(tmp_path):
    inputs = keras.Input((3, 4))
    outputs = keras.layers.Attention(use_scale=True)([inputs, inputs])
    quantized = tfqd.quantize_model(keras.Model(inputs, outputs), tfqd.presets.paper(4))
    tfqd.save(quantized, tmp_path / "m.tfqd")
    loaded = tfqd.load(tmp_path / "m.tfqd", "quantized")
    assert [tuple(weight.shape) for weight in loaded.trainable_weights] == [()]
