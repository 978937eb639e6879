"""SavedModels answer as the quantized Keras models do, whoever loads them."""

import subprocess
import sys

import numpy as np
import pytest
from c_client import compile_client, read_answers, write_request
from served_models import CASES
from source_tree import ROOT

import tfqd

# Each width of codes is a part of "all bits".
SERVED = {name: case for name, case in CASES.items() if not name.startswith("dense of")}


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """case -> (folder, the quantized Keras model's answers), exported and served."""
    served = {}
    for number, (name, case) in enumerate(SERVED.items()):
        folder = tmp_path_factory.mktemp(f"model_{number}")
        quantized = case.quantized()
        tfqd.export.saved_model(quantized, folder / "model")
        np.savez(folder / "inputs.npz", **case.inputs)
        served[name] = folder, case.answers(quantized)
    return served


@pytest.fixture(scope="module")
def python_served(served):
    script = ROOT / "tests/export/serve_in_fresh_process.py"
    folders = [folder for folder, _ in served.values()]
    run = subprocess.run([sys.executable, script, *folders], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr


@pytest.fixture(scope="module")
def c_served(served, tmp_path_factory):
    """case -> the answers of the C client, which loads one model after the other."""
    command, outputs = [compile_client(tmp_path_factory.mktemp("client"))], {}
    for name, (folder, _) in served.items():
        request = folder / "request", folder / "model/1", SERVED[name].inputs
        outputs[name] = write_request(*request)
        command += [folder / "model/1", folder / "request", folder / "answers"]
    run = subprocess.run(command, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return {n: read_answers(served[n][0] / "answers", names) for n, names in outputs.items()}


def assert_equal(answers, expected, case):
    assert answers.keys() == expected.keys()
    for name, array in expected.items():
        assert np.ptp(array) > 0, "a model that answers a constant shows nothing"
        difference = np.abs(answers[name] - array).max() / np.abs(array).max()
        assert difference <= SERVED[case].tolerance, name


@pytest.mark.parametrize("case", SERVED)
def test_a_signature_that_is_loaded_answers_as_keras(case, served, python_served):
    folder, expected = served[case]
    assert_equal(np.load(folder / "loaded.npz"), expected, case)


@pytest.mark.parametrize("case", SERVED)
def test_session_answers_as_keras(case, served, python_served):
    folder, expected = served[case]
    assert_equal(np.load(folder / "session.npz"), expected, case)


@pytest.mark.parametrize("case", SERVED)
def test_c_program_answers_as_keras(case, served, c_served):
    assert_equal(c_served[case], served[case][1], case)
