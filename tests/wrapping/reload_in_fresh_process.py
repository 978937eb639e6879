"""Loads what `saving_test.py` saved, in a process that knows nothing of it.

Run as ``python reload_in_fresh_process.py FOLDER``. Each of the folder's
``NAME.npz`` has an input ``x`` and targets ``y``; the outputs of the models saved
as ``NAME.*`` are written to ``NAME_reloaded.npz``.
"""

import pathlib
import sys

import keras
import numpy as np
import tensorflow as tf
from layer_families import Residual  # noqa: F401 (a class to be known when it is loaded)


def main(folder: pathlib.Path) -> None:
    data = {path.stem: dict(np.load(path)) for path in folder.glob("*.npz")}
    results = {name: {} for name in data}
    for name, arrays in data.items():
        stripped = keras.saving.load_model(folder / f"{name}_stripped.keras")
        results[name]["stripped"] = np.array(stripped(arrays["x"]))
        served = tf.saved_model.load(folder / f"{name}_served")
        results[name]["served"] = np.array(served.serve(arrays["x"]))
    assert not [module for module in sys.modules if module.startswith("tfqd")]

    import tfqd  # noqa: F401

    for name, arrays in data.items():
        model = keras.saving.load_model(folder / f"{name}.keras")
        results[name]["quantized"] = np.array(model(arrays["x"]))
        model.fit(arrays["x"], arrays["y"], shuffle=False, verbose=0)
        for i, weight in enumerate(model.get_weights()):
            results[name][f"weight_{i}"] = weight
        np.savez(folder / f"{name}_reloaded.npz", **results[name])


main(pathlib.Path(sys.argv[1]))
