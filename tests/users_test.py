"""Four new users reach what they came for by the words of the README alone."""

import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf
from page_examples import EXAMPLE
from source_tree import ROOT

import tfqd
from tfqd_command.main import main

README = (ROOT / "README.md").read_text(encoding="utf-8")
FIRST, FIT, SPECS = (code for not_run, code in EXAMPLE.findall(README) if not not_run)
TRAINING, QUANTIZING = FIRST.split("\n# Quantize: ")
SPEC = 'tfqd.LearnedStep(bits=2, layout="channel")'
TO_TFLITE = "\n# The same integers in a file for phones"
COMMANDS = [
    line.split()[1:]
    for line in README.splitlines()
    if line.startswith("    tfqd ") and "COMMAND" not in line
]


def run(code, scope):
    """Runs a part of the README after others; gives all that they have defined."""
    exec(code, scope)
    return scope


def accuracy(model, scope):
    answers = np.concatenate([model(scope["x"][i : i + 256]) for i in range(0, 1797, 256)])
    return float(np.mean(answers.argmax(-1) == scope["y"]))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """What the README's training defines, in a folder with model and data in files."""
    folder = tmp_path_factory.mktemp("users")
    scope = run(TRAINING, {})
    scope["model"].save(folder / "model.keras")
    x, y = scope["x"], scope["y"]
    np.savez(folder / "digits.npz", x=x[:1200], y=y[:1200], x_test=x[1200:], y_test=y[1200:])
    return folder, scope


@pytest.fixture
def scope(trained, monkeypatch):
    """The names of the training, in its folder."""
    folder, names = trained
    monkeypatch.chdir(folder)
    return dict(names)


def test_a_data_scientist_with_a_file_and_an_hour(scope, capsys):
    commands = [words for words in COMMANDS if "--budget=200kB" not in words]
    assert [words[0] for words in commands] == ["compress", "inspect", "report"]
    for words in commands:
        assert main(words) == 0
    assert "accuracy on the test data" in capsys.readouterr().out
    for file in ("small.tfqd", "small.tflite", "serving/"):
        assert main(["verify", file]) == 0
    small = tfqd.load("small.tfqd")
    assert accuracy(small, scope) > accuracy(scope["model"], scope) - 0.01
    assert pathlib.Path("small.tfqd").stat().st_size < 301_000 / 6
    assert "<h2>Weights and levels</h2>" in pathlib.Path("report.html").read_text(encoding="utf-8")


def test_an_engineer_who_must_ship_200_kilobytes(scope, capsys):
    (words,) = [words for words in COMMANDS if "--budget=200kB" in words]
    assert pathlib.Path("model.keras").stat().st_size > 200_000
    assert main(words) == 0
    capsys.readouterr()
    file = pathlib.Path("ship.tflite")
    assert file.stat().st_size <= 200_000
    run_file = tf.lite.Interpreter(str(file)).get_signature_runner()
    (name,) = run_file.get_input_details()
    (answers,) = run_file(**{name: scope["x"][1200:]}).values()
    assert np.mean(answers.argmax(-1) == scope["y"][1200:]) > 0.95


@pytest.mark.parametrize(
    "spec", ["tfqd.presets.paper(4)", 'tfqd.Codebook(bits=2, init="quantile")']
)
def test_a_researcher_who_compares_specs(spec, scope):
    assert f"\n{spec} " in SPECS
    code = f"# {QUANTIZING.partition(TO_TFLITE)[0]}"
    assert SPEC in code
    run(code.replace(SPEC, spec), scope)
    untrained = tfqd.quantize_model(scope["model"], eval(spec, scope))
    assert accuracy(scope["small"], scope) > max(0.95, accuracy(untrained, scope))
    (bits,) = {t.bits for t in tfqd.load("digits.tfqd", "compressed").quantized.values()}
    assert bits == int(re.search(r"\d", spec)[0])


def test_someone_whose_fit_works_already(scope):
    run(FIT, scope)
    loaded = tfqd.load("fit.tfqd")
    assert accuracy(loaded, scope) > 0.95
    compressed = tfqd.load("fit.tfqd", "compressed")
    assert {tensor.bits for tensor in compressed.quantized.values()} == {4}
