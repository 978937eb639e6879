"""Files that other programs run: each is a `Contender` of `tfqd.evaluation.contenders`."""

import pathlib
from collections.abc import Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from tfqd.batches import input_batches
from tfqd.export.paths import bytes_on_disk
from tfqd.export.saved_model_file import newest_version


class FileContender:
    """A file of one input and one output, which tells no mask."""

    gives_logits = None

    def mask(self, inputs: Any, batch_size: int) -> None:
        """See `Contender`."""

    def probes(self, inputs: Any) -> None:
        """See `Contender`: it is made already."""


class TfliteContender(FileContender):
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
        signature = interpreter(model_content=self._data).get_signature_runner(SIGNATURE)
        inputs, outputs = signature.get_input_details(), signature.get_output_details()
        self._input, taken = _only(inputs)
        self._output, _ = _only(outputs)
        # A file that takes integers is given floats, which `run` rounds.
        self._dtype = np.float32 if taken["quantization"][0] else taken["dtype"]

    def answers(self, inputs, batch_size):
        """See `Contender`."""
        parts = [
            self._run(self._runtime, self._data, {self._input: part.astype(self._dtype)})
            for part in input_batches(inputs, batch_size)
        ]
        return np.concatenate([part[self._output] for part in parts])

    def sizes(self, probes):
        """See `Contender`: that of the file is measured of every TFLite file."""
        return {}

    def tflite(self, folder, probes):
        """See `Contender`."""
        return self.path


class SavedModelContender(FileContender):
    """A SavedModel of one input and one output, or a folder of its versions.

    Args:
        path: of the folder.

    Raises:
        OSError: when it cannot be read.
        ValueError: when it has more inputs or outputs.
    """

    def __init__(self, path: pathlib.Path):
        self._path, self._version = path, newest_version(path)
        self._serve = tf.saved_model.load(str(self._version)).signatures["serving_default"]
        self._input, taken = _only(self._serve.structured_input_signature[1])
        self._output, _ = _only(self._serve.structured_outputs)
        self._dtype = taken.dtype

    def answers(self, inputs, batch_size):
        """See `Contender`."""
        parts = [tf.cast(part, self._dtype) for part in input_batches(inputs, batch_size)]
        return np.concatenate(
            [self._serve(**{self._input: part})[self._output].numpy() for part in parts]
        )

    def sizes(self, probes):
        """See `Contender`: all files of the version that answers."""
        return {"saved_model_bytes": bytes_on_disk(pathlib.Path(self._version))}

    def tflite(self, folder, probes):
        """See `Contender`."""
        raise ValueError(f"{self._path} is a SavedModel, of which no TFLite file is made")


def _only(mapping: Mapping[str, Any]) -> tuple[str, Any]:
    """The one item of a mapping."""
    if len(mapping) != 1:
        raise ValueError(f"must have one input and one output; got {', '.join(mapping) or 'none'}")
    ((name, value),) = mapping.items()
    return name, value
