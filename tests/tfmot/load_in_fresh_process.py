"""Loads what `refused_layers_test.py` saved, in a process that knows nothing of it.

Run as ``python load_in_fresh_process.py FOLDER``. Each of the folder's
``NAME.npz`` has an input ``x``, targets ``y`` and whether to ``go_on`` training;
what the models saved as ``NAME.*`` make of them is written to ``NAME_loaded.npz``.
"""

import os
import pathlib
import sys

import numpy as np
import tensorflow as tf
import tf_keras
from tf_keras_models import MODELS  # (it registers a function)

import tfqd


def load_all(stem: pathlib.Path) -> dict[str, tf_keras.Model]:
    """The model in every format, by the format's name."""
    # One of the models has a Lambda layer, which only trusted files may have.
    loaded = {"keras": tf_keras.models.load_model(f"{stem}.keras", safe_mode=False)}
    with tfqd.tfmot.quantize_scope():
        loaded["h5"] = tf_keras.models.load_model(f"{stem}.h5")
        if pathlib.Path(f"{stem}_saved_model").exists():
            loaded["saved_model"] = tf_keras.models.load_model(f"{stem}_saved_model")
        loaded["weights"] = tf_keras.models.clone_model(loaded["keras"])
    loaded["weights"].load_weights(f"{stem}.weights.h5")
    return loaded


def main(folder: pathlib.Path) -> None:
    assert "tensorflow_model_optimization" not in sys.modules
    for name in MODELS:
        arrays = np.load(folder / f"{name}.npz")
        loaded = load_all(folder / name)
        results = {kind: model(arrays["x"]) for kind, model in loaded.items()}
        exported = tf.saved_model.load(folder / f"{name}_served" / "1")
        serve = exported.signatures["serving_default"]
        (argument,) = serve.structured_input_signature[1]
        (results["served"],) = serve(**{argument: tf.constant(arrays["x"])}).values()
        model = loaded["keras"]
        if arrays["go_on"]:
            model.fit(arrays["x"], arrays["y"], shuffle=False, verbose=0)
        weights = {f"weight_{i}": weight for i, weight in enumerate(model.get_weights())}
        np.savez(folder / f"{name}_loaded.npz", **results, **weights)
    assert "TF_USE_LEGACY_KERAS" not in os.environ
    assert tf.keras.__version__.startswith("3.")


main(pathlib.Path(sys.argv[1]))
