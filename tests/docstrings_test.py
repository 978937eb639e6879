"""The examples in docstrings run, on a small model, and print what they say."""

import doctest
import importlib

import keras
import pytest
from source_tree import MODULES

import tfqd


def with_examples():
    return [name for name, path in MODULES.items() if ">>>" in path.read_text(encoding="utf-8")]


def classifier(units):
    return keras.Sequential(
        [
            keras.Input((8,)),
            keras.layers.Dense(units, activation="relu", name="dense"),
            keras.layers.Dense(4, name="dense_1"),
        ]
    )


@pytest.fixture(scope="module")
def names_in_examples():
    model = classifier(16)
    return {
        "keras": keras,
        "tfqd": tfqd,
        "model": model,
        "quantized": tfqd.quantize_model(model, tfqd.Uniform(bits=4)),
        "teacher": classifier(64),
    }


@pytest.mark.parametrize("name", with_examples())
def test_examples_print_what_they_say(name, names_in_examples, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # for the files that they write
    module = importlib.import_module(name)
    failed, attempted = doctest.testmod(module, extraglobs=names_in_examples)
    assert attempted > 0
    assert failed == 0
