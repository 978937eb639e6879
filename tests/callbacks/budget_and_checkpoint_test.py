"""Files of a CompressedCheckpoint behind a budget of bytes keep to it as well."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.callbacks import ByteBudget, CompressedCheckpoint
from tfqd.export.archive_file import archive_size

X = np.random.default_rng(0).standard_normal((128, 24)).astype(np.float32)
Y = np.tanh(X[:, :8])


@pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize(
    "options",
    [{}, {"probes": X[:4], "facts": {"run": "a"}}, {"rest_dtype": "float16"}],
    ids=["plain", "probes", "short"],
)
def test_every_epochs_file_keeps_to_the_budget(library, options, tmp_path):
    library.utils.set_random_seed(0)
    layers = library.layers
    model = library.Sequential([layers.Input((24,)), layers.Dense(64), layers.Dense(8)])
    quantized = tfqd.quantize_model(model, tfqd.EntropyConstrained(bits=5))
    budget = archive_size(quantized) + (400 if "probes" in options else 0)
    quantized.compile(library.optimizers.Adam(0.01), "mse")
    path = tmp_path / "best.tfqd"
    sizes = []

    class Sizes(tfqd.callbacks.callback.Callback):
        def on_epoch_end(self, epoch, logs=None):
            sizes.append(path.stat().st_size)

    checkpoint = CompressedCheckpoint(path, "loss", save_best_only=False, **options)
    callbacks = [ByteBudget(budget, verbose=0), checkpoint, Sizes()]
    history = quantized.fit(X, Y, epochs=4, verbose=0, callbacks=callbacks).history
    tfqd.save(quantized, tmp_path / "last.tfqd")
    larger = [max(size, archive_size(quantized)) for size in sizes]
    assert max(*larger, (tmp_path / "last.tfqd").stat().st_size) <= budget
    assert min(larger) >= 0.99 * budget
    np.testing.assert_allclose(
        history["size_bytes"], sizes if not options.get("rest_dtype") else larger, atol=16
    )
