"""Serves SavedModels with TensorFlow alone, in the ways that Python has.

    python serve_in_fresh_process.py FOLDER...

Each folder holds a SavedModel in ``model/1`` and ``inputs.npz``; the answers are
written to ``loaded.npz`` and ``session.npz``. All models stay served to the end.
"""

import gc
import pathlib
import sys

import numpy as np
import tensorflow as tf


def load(folder):
    """`tf.saved_model.load`, of which the signature alone is kept."""
    serve = tf.saved_model.load(str(folder / "model/1")).signatures["serving_default"]
    gc.collect()
    inputs = {name: tf.constant(array) for name, array in np.load(folder / "inputs.npz").items()}
    return lambda: serve(**inputs)


def start_session(folder):
    """The loader of TensorFlow 1: a session, as TensorFlow Serving has one."""
    graph = tf.Graph()
    session = tf.compat.v1.Session(graph=graph)
    with graph.as_default():
        loaded = tf.compat.v1.saved_model.loader.load(session, ["serve"], str(folder / "model/1"))
    signature = loaded.signature_def["serving_default"]
    inputs = np.load(folder / "inputs.npz")
    feed = {signature.inputs[name].name: array for name, array in inputs.items()}
    fetch = {name: output.name for name, output in signature.outputs.items()}
    return lambda: session.run(fetch, feed)


def main(folders):
    folders = [pathlib.Path(folder) for folder in folders]
    for way, name in ((load, "loaded.npz"), (start_session, "session.npz")):
        served = [way(folder) for folder in folders]
        for folder, serve in zip(folders, served, strict=True):
            np.savez(folder / name, **{name: np.array(x) for name, x in serve().items()})
    assert "tfqd" not in sys.modules


main(sys.argv[1:])
