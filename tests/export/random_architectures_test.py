"""Random architectures keep every promise, or are refused in words.

`benchmarks/random_architectures.py` tries more of them.
"""

import contextlib
import pathlib
import traceback

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from random_models import LIBRARIES, Case, random_case

import tfqd
from tfqd.export.litert.checking.runtimes import run, runtimes
from tfqd.export.signature import Signature

# Small ones of either Keras: of images, sequences, words and several inputs, with an LSTM.
SEEDS = (1, 2, 14, 17)
PACKAGE = str(pathlib.Path(tfqd.__file__).parent)


class Trial:
    """What is tried with a case; a method for each promise, that raises where it is broken."""

    def __init__(self, case: Case, folder: pathlib.Path):
        self.case, self.folder = case, folder
        self.library = LIBRARIES["keras" if isinstance(case.model, keras.Model) else "tf_keras"]
        self.signature = Signature(case.model)
        names = [spec.name for spec in self.signature.inputs]
        self.inputs = dict(zip(names, case.inputs, strict=True))

    def trains(self):
        model = tfqd.quantize_model(
            self.case.model, self.case.spec, first_last=self.case.first_last
        )
        targets = [np.ones_like(answer) for answer in self._ask(model).values()]
        model.compile(self.library.optimizers.SGD(1e-3), ["mse"] * len(targets))
        model.fit(_one_or_list(self.case.inputs), _one_or_list(targets), batch_size=2, verbose=0)
        self.model, self.answers = model, self._ask(model)
        assert all(np.isfinite(answer).all() for answer in self.answers.values())

    def strips(self):
        plain = tfqd.strip_quantization(self.model)
        self._check(self._ask(plain))
        values = tfqd.compress(self.model).dequantize().values()
        for weight, value in zip(plain.weights, values, strict=True):
            np.testing.assert_array_equal(np.array(weight), value)

    def is_archived(self):
        tfqd.save(self.model, self.folder / "m.tfqd")
        self._check(self._ask(tfqd.load(self.folder / "m.tfqd")))

    def trains_on_from_its_archive(self):
        self._check(self._ask(tfqd.load(self.folder / "m.tfqd", "quantized")))

    def is_loaded_in_tf_keras(self):
        self._check(self._ask(tfqd.load(self.folder / "m.tfqd", "tf_keras")))

    def is_saved_by_keras(self):
        self.model.save(self.folder / "m.keras")
        self._check(self._ask(self.library.saving.load_model(self.folder / "m.keras")))

    def is_a_plain_keras_file(self):
        tfqd.export.keras(self.model, self.folder / "plain.keras")
        self._check(self._ask(self.library.saving.load_model(self.folder / "plain.keras")))

    def is_served(self):
        tfqd.export.saved_model(self.model, self.folder / "served")
        loaded = tf.saved_model.load(str(self.folder / "served/1"))
        tensors = {name: tf.constant(array) for name, array in self.inputs.items()}
        self._check(loaded.signatures["serving_default"](**tensors))

    def runs_in_tflite(self):
        path = self.folder / "m.tflite"
        tfqd.export.tflite(self.model, path, batch_size=2 if self.case.recurrent else None)
        for runtime in runtimes():
            self._check(run(runtime, path.read_bytes(), self.inputs), 0.1)

    def _ask(self, model) -> dict[str, np.ndarray]:
        answers = self.signature.call(model, self.inputs)
        return {name: np.array(answer) for name, answer in answers.items()}

    def _check(self, answers, tolerance: float = 1e-5) -> None:
        for name, expected in self.answers.items():
            atol = tolerance * max(np.abs(expected).max(), 1e-3)
            np.testing.assert_allclose(answers[name], expected, rtol=0, atol=atol)


PROMISES = [name for name in vars(Trial) if not name.startswith("_")]
NEEDED = ("trains", "is_archived")  # by all, or some, of those that follow


def outcomes(seed: int, folder: pathlib.Path) -> dict[str, str]:
    """``kept``, or the words of a refusal, by promise.

    Raises:
        Exception: whatever breaks a promise.
    """
    keras.backend.clear_session(free_memory=False)
    tf_keras.backend.clear_session()
    trial, found = Trial(random_case(seed), folder), {}
    for name in PROMISES:
        try:
            with _whole_tracebacks():
                getattr(trial, name)()
            found[name] = "kept"
        except Exception as error:
            if not _is_refusal(error):
                error.add_note(f"seed {seed}: {name}")
                raise
            found[name] = str(error)
            if name in NEEDED:
                break
    return found


@contextlib.contextmanager
def _whole_tracebacks():
    """Inside, Keras and TensorFlow do not leave their own frames out of tracebacks."""
    keras.config.disable_traceback_filtering()
    tf.debugging.disable_traceback_filtering()
    try:
        yield
    finally:
        keras.config.enable_traceback_filtering()
        tf.debugging.enable_traceback_filtering()


def _is_refusal(error: Exception) -> bool:
    """Whether tfqd itself raised it, in one line and of a type that it promises."""
    raised_in = traceback.extract_tb(error.__traceback__)[-1].filename
    return isinstance(error, ValueError | TypeError) and raised_in.startswith(PACKAGE)


def _one_or_list(values):
    return values[0] if len(values) == 1 else list(values)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_random_architecture_keeps_every_promise_or_is_refused(seed, tmp_path):
    found = outcomes(seed, tmp_path)
    assert found["trains"] == found["strips"] == found["is_archived"] == "kept", found
