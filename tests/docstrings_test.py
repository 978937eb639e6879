"""The examples in docstrings run, on a small model, and print what they say."""

import doctest
import importlib

import keras
import pytest
import tf_keras
from source_tree import MODULES

import tfqd

TFMOT = "tensorflow_model_optimization"


def with_examples():
    return [name for name, path in MODULES.items() if ">>>" in path.read_text(encoding="utf-8")]


def classifier(version, units):
    return version.Sequential(
        [
            version.layers.Input((8,)),
            version.layers.Dense(units, activation="relu", name="dense"),
            version.layers.Dense(4, name="dense_1"),
        ]
    )


def names_in_examples(version):
    """The names that an example may use, models of this version of Keras among them."""
    model = classifier(version, 16)
    names = {
        "keras": keras,
        "tfqd": tfqd,
        "model": model,
        "quantized": tfqd.quantize_model(model, tfqd.Uniform(bits=4)),
        "teacher": classifier(version, 64),
    }
    if version is tf_keras:
        names |= {"tf_keras": tf_keras, "tfmot": importlib.import_module(TFMOT)}
    return names


@pytest.mark.parametrize("name", with_examples())
def test_examples_print_what_they_say(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for the files that they write
    module = importlib.import_module(name)
    # Models of its own: examples train them.
    version = tf_keras if ".tf_keras." in name else keras
    failed, attempted = doctest.testmod(module, extraglobs=names_in_examples(version))
    assert attempted > 0
    assert failed == 0
