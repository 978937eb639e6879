"""What tfmot's default scheme refuses: it trains, is saved, loaded elsewhere and exported."""

import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tf_keras
from tf_keras_models import MODELS, learnable_data

import tfqd
from tfqd.wrapping.tf_keras.toolkit import tfmot

TESTS = pathlib.Path(__file__).parent
SPECS = {
    "words": tfqd.Codebook(bits=2, bucket_size=32),
    "series": tfqd.Codebook(bits=4, train="points"),
    "attention": tfqd.Codebook(bits=3),
    "volumes": tfqd.presets.deployable(4),
    "images": tfqd.Uniform(bits=4, rounding="stochastic"),
}
# SavedModels are slow to write and read, and so is training: not for all.
SOME = ("words", "attention", "images")
FORMATS = [
    *((name, kind) for name in MODELS for kind in ("keras", "h5", "weights", "served")),
    *((name, "saved_model") for name in SOME),
]
REFUSED = [
    *("BatchNormalization", "Bidirectional", "Conv1D", "Conv3D", "ELU", "EinsumDense"),
    *("Embedding", "GRU", "LSTM", "Lambda", "LayerNormalization", "MultiHeadAttention"),
    *("Multiply", "Rescaling", "Sequential", "TFOpLambda", "TimeDistributed"),
]


@pytest.fixture(scope="module")
def plain():
    """The float models by name."""
    tf_keras.utils.set_random_seed(5)
    return {name: build() for name, build in MODELS.items()}


@pytest.fixture(scope="module")
def trained(plain, tmp_path_factory):
    """The folder with everything saved and loaded elsewhere; by name models, losses and starts.

    A start is the value of each quantized variable, and its state by role, before training.
    """
    folder = tmp_path_factory.mktemp("saved")
    models, losses, starts = {}, {}, {}
    for name in MODELS:
        model = tfqd.quantize_model(plain[name], SPECS[name])
        x, y = learnable_data(model)
        starts[name] = [values(entry) for entry in model.quantized_variables]
        model.compile(tf_keras.optimizers.Adam(0.02), "mse")
        losses[name] = model.fit(x, y, epochs=3, verbose=0).history["loss"]
        save_all(model, folder / name)
        np.savez(folder / f"{name}.npz", x=x, y=y, outputs=model(x), go_on=name in SOME)
        if name in SOME:
            model.fit(x, y, shuffle=False, verbose=0)
        models[name] = model
    environment = {k: v for k, v in os.environ.items() if k != "TF_USE_LEGACY_KERAS"}
    environment["PYTHONPATH"] = str(TESTS.parents[1])
    command = [sys.executable, TESTS / "load_in_fresh_process.py", folder]
    subprocess.run(command, env=environment, check=True)
    return folder, models, losses, starts


def values(entry):
    state = {role: variable.numpy() for role, variable in entry.state.items()}
    return entry.value().numpy(), state


def save_all(model, stem):
    model.save(f"{stem}.keras")
    model.save(f"{stem}.h5")
    if (stem.name, "saved_model") in FORMATS:
        model.save(f"{stem}_saved_model", save_format="tf")
    model.save_weights(f"{stem}.weights.h5")
    tfqd.export.saved_model(model, f"{stem}_served")


def test_tfmots_default_scheme_refuses_these_layers(plain):
    registry = tfmot.quantization.keras.default_8bit.Default8BitQuantizeRegistry()
    used = [layer for model in plain.values() for layer in model.layers]
    refused = {type(layer).__name__ for layer in used if not registry.supports(layer)}
    assert set(REFUSED) <= refused


@pytest.mark.parametrize("name", MODELS)
def test_loss_falls_and_everything_that_is_quantized_moves(trained, name):
    _, models, losses, starts = trained
    assert losses[name][-1] < losses[name][0]
    for (old, old_state), entry in zip(starts[name], models[name].quantized_variables, strict=True):
        new, state = values(entry)
        assert np.any(new != old) == entry.quantizer.trains_weights
        assert state.keys() == old_state.keys()
        for role, array in state.items():
            assert np.any(array != old_state[role])


@pytest.mark.parametrize(("name", "kind"), FORMATS)
def test_it_answers_the_same_in_a_fresh_process(trained, name, kind):
    folder, *_ = trained
    expected = np.load(folder / f"{name}.npz")["outputs"]
    loaded = np.load(folder / f"{name}_loaded.npz")[kind]
    if kind == "served":
        np.testing.assert_allclose(loaded, expected, rtol=1e-5, atol=1e-6)
    else:
        np.testing.assert_array_equal(loaded, expected)


@pytest.mark.parametrize("name", SOME)
def test_it_trains_on_there_as_here(trained, name):
    folder, models, *_ = trained
    loaded = np.load(folder / f"{name}_loaded.npz")
    for i, weight in enumerate(models[name].get_weights()):
        np.testing.assert_allclose(loaded[f"weight_{i}"], weight, rtol=1e-5, atol=1e-6)
