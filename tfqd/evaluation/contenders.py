"""The models and files that are compared, what they answer and what they weigh."""

import pathlib
import warnings
from typing import Any, Protocol

import numpy as np

from tfqd import export
from tfqd.compressed import CompressedModel
from tfqd.export.archive_file import archive_size, load
from tfqd.wrapping import compress, float_form, model_from_compressed
from tfqd.wrapping.plain_values import as_floats
from tfqd.wrapping.quantized import is_quantized
from tfqd.wrapping.version import version_of


class Contender(Protocol):
    """Something that answers."""

    def answers(self, inputs: Any, batch_size: int) -> np.ndarray:
        """What it answers to all inputs, [examples, ..., units]."""

    def archive_bytes(self) -> int | None:
        """Bytes of its archive; None for a file. ValueError when there can be none."""

    def tflite(self, folder: pathlib.Path) -> pathlib.Path:
        """Its TFLite file, which is written into an empty folder if there is none yet.

        Raises:
            ValueError: when there can be none.
        """


class ModelContender:
    """A Keras model.

    Args:
        model: of Keras 3 or tf_keras, float or quantized.
    """

    def __init__(self, model: Any):
        self.model = model

    def answers(self, inputs, batch_size):
        """See `Contender`."""
        return self.model.predict(inputs, batch_size=batch_size, verbose=0)

    def archive_bytes(self):
        """See `Contender`; a float model's holds its floats."""
        quantized = is_quantized(self.model) or as_floats(self.model) is not None
        return archive_size((compress if quantized else float_form)(self.model))

    def tflite(self, folder):
        """See `Contender`."""
        path = folder / "model.tflite"
        with warnings.catch_warnings():
            # Of weights that stay float: their bytes say it here.
            warnings.simplefilter("ignore")
            export.tflite(self.model, path)
        return path


class FileContender:
    """A TFLite file of one input and one output.

    Args:
        path: of the file.

    Raises:
        OSError: when it cannot be read.
        ValueError: when it has more inputs or outputs.
    """

    def __init__(self, path: pathlib.Path):
        from tfqd.export.litert.checking.runtimes import SIGNATURE, run, runtimes

        self.path = path
        self._run, self._data = run, path.read_bytes()
        self._runtime, interpreter = next(reversed(runtimes().items()))
        signature = interpreter(model_content=self._data).get_signature_list()[SIGNATURE]
        if len(signature["inputs"]) != 1 or len(signature["outputs"]) != 1:
            raise ValueError(f"{path} must have one input and one output; got {signature}")
        (self._input,), (self._output,) = signature["inputs"], signature["outputs"]

    def answers(self, inputs, batch_size):
        """See `Contender`."""
        parts = [
            self._run(self._runtime, self._data, {self._input: inputs[start : start + batch_size]})
            for start in range(0, len(inputs), batch_size)
        ]
        return np.concatenate([part[self._output] for part in parts])

    def archive_bytes(self):
        """See `Contender`."""
        return

    def tflite(self, folder):
        """See `Contender`."""
        return self.path


def contender(name: str, model: Any) -> ModelContender | FileContender:
    """What answers for a model, a `tfqd.CompressedModel`, or a ``.tfqd`` or ``.tflite`` file.

    Args:
        name: for errors.
        model: what it is.

    Raises:
        TypeError: when it is nothing of this.
        ValueError: for a file of another kind.
        OSError: when a file cannot be read.
    """
    if isinstance(model, str | pathlib.Path):
        path = pathlib.Path(model)
        if path.suffix == ".tflite":
            return FileContender(path)
        if path.suffix == ".tfqd":
            return ModelContender(load(path, "quantized"))
        raise ValueError(f"{name}: files must be .tfqd or .tflite; got {str(path)!r}")
    if isinstance(model, CompressedModel):
        return ModelContender(model_from_compressed(model, quantized=True))
    version_of(model)
    return ModelContender(model)
