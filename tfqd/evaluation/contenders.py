"""The models and files that are compared, what they answer and what they weigh."""

import os
import pathlib
import warnings
from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
import tensorflow as tf

from tfqd.batches import even_batch_size, input_batches
from tfqd.compressed import CompressedModel
from tfqd.evaluation.file_contenders import SavedModelContender, TfliteContender
from tfqd.export.archive_file import archive_size, load
from tfqd.export.file_kind import file_kind
from tfqd.export.paths import bytes_on_disk, naming
from tfqd.export.suiting_probes import suiting_probes
from tfqd.wrapping import compress, float_form, model_from_compressed
from tfqd.wrapping.complaints import complaint
from tfqd.wrapping.outputs import last_step
from tfqd.wrapping.plain_values import as_floats
from tfqd.wrapping.quantized import is_quantized
from tfqd.wrapping.serving import load_keras_file
from tfqd.wrapping.version import version_of


class Contender(Protocol):
    """Something that answers."""

    def answers(self, inputs: Any, batch_size: int) -> np.ndarray:
        """What it answers to all inputs, [examples, ..., units]."""

    @property
    def gives_logits(self) -> bool | None:
        """Whether it answers with logits; None where it does not say."""

    def mask(self, inputs: Any, batch_size: int) -> np.ndarray | None:
        """Which of its answers count, bool [examples, ...]; None where all do."""

    def probes(self, inputs: Any) -> Any:
        """For the writers of its files; ValueError when neither random ones nor `inputs` suit."""

    def sizes(self, probes: Any) -> dict[str, int]:
        """Bytes of the files that it is or can be but for TFLite, by the key of a `Measure`.

        Raises:
            ValueError: when a file that it should have cannot be made.
        """

    def tflite(self, folder: pathlib.Path, probes: Any) -> pathlib.Path:
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
        self._exported = model

    def answers(self, inputs, batch_size):
        """See `Contender`."""
        parts = map(self._asked, self._batches(inputs, batch_size))
        return tf.nest.map_structure(lambda *each: np.concatenate(each), *parts)

    def _batches(self, inputs, batch_size):
        return input_batches(inputs, even_batch_size(len(tf.nest.flatten(inputs)[0]), batch_size))

    def _asked(self, part):
        # `predict` makes a pipeline for its data first, which takes longer than a small model.
        if self.model.distribute_strategy.num_replicas_in_sync == 1:
            return self.model.predict_on_batch(part)
        # Keras 3 has each replica answer to the whole batch, and gives all answers.
        return tf.nest.map_structure(np.asarray, self.model(part, training=False))

    @property
    def gives_logits(self):
        """See `Contender`; as the layer or operation says that gives its output."""
        model = self.model
        if is_quantized(model):
            model = getattr(model, "model", model)
        step = last_step(model)
        name = getattr(getattr(step, "activation", None), "__name__", None)
        if type(step).__name__ in ("Softmax", "Sigmoid") or name in ("softmax", "sigmoid"):
            return False
        return True if name == "linear" else None

    def mask(self, inputs, batch_size):
        """See `Contender`; as the model's own layers say."""
        ask: Any = self._mask_of
        parts = (
            tf.nest.map_structure(tf.convert_to_tensor, part)
            for part in self._batches(inputs, batch_size)
        )
        first = next(parts)
        if not self.model.run_eagerly:
            # What the mask does not depend on is left out when the graph runs.
            ask = tf.function(ask, autograph=False)
            if ask.get_concrete_function(first).structured_outputs is None:
                return None
        mask = ask(first)
        return None if mask is None else np.concatenate([mask, *map(ask, parts)])

    def _mask_of(self, part):
        return version_of(self.model).training.mask_of(self.model(part, training=False))

    def probes(self, inputs):
        """See `Contender`."""
        return suiting_probes(self._exported, (inputs,))[0]

    def sizes(self, probes):
        """See `Contender`; a float model's archive holds its floats."""
        quantized = is_quantized(self.model) or as_floats(self.model) is not None
        compressed = (compress if quantized else float_form)(self.model)
        return {"archive_bytes": archive_size(compressed, probes=probes)}

    def tflite(self, folder, probes):
        """See `Contender`; of one example where there is none of a free batch size."""
        # Its schema is in a package that is optional.
        from tfqd.export.litert.one_example import write_free_or_one

        path = folder / "model.tflite"
        with warnings.catch_warnings():
            # Weights that stay float are warned of; here their bytes say it.
            warnings.simplefilter("ignore")
            write_free_or_one(self._exported, path, probes=probes)
        return path


class KerasContender(ModelContender):
    """The model of a ``.keras`` file.

    Args:
        path: of the file.

    Raises:
        OSError, ValueError: when it cannot be read.
    """

    def __init__(self, path: pathlib.Path):
        try:
            model = load_keras_file(path)
        except (OSError, ValueError):
            raise
        except Exception as error:  # readers raise whatever they like
            raise ValueError(f"{path} cannot be read as a model: {complaint(error)}") from error
        super().__init__(model)


class CompressedContender(ModelContender):
    """A compressed model, which answers as the plain model that holds its values.

    There may be none that trains on: no float weights are quantized to scales that were
    rounded in a file.

    Args:
        compressed: the compressed model.

    Raises:
        ValueError: when it has no architecture, or one that does not fit.
    """

    def __init__(self, compressed: CompressedModel):
        super().__init__(model_from_compressed(compressed))
        self._exported = compressed

    def sizes(self, probes):
        """See `Contender`."""
        return {"archive_bytes": archive_size(self._exported, probes=probes)}


class ArchiveContender(CompressedContender):
    """A ``.tfqd`` archive.

    Args:
        path: of the file.

    Raises:
        OSError, ValueError: as `tfqd.load`.
    """

    def __init__(self, path: pathlib.Path):
        super().__init__(load(path, "compressed"))
        self._path = path

    def sizes(self, probes):
        """See `Contender`."""
        return {"archive_bytes": bytes_on_disk(self._path)}


_OF_KIND: dict[str, Callable[[pathlib.Path], Contender]] = {
    "tfqd": ArchiveContender,
    "keras": KerasContender,
    "tflite": TfliteContender,
    "saved_model": SavedModelContender,
}


def contender(model: Any) -> Contender:
    """What answers for a model, a `tfqd.CompressedModel`, or a file.

    Args:
        model: what it is.

    Raises:
        TypeError: when it is nothing of this.
        ValueError: for a file of another kind.
        OSError: when a file cannot be read.
    """
    if isinstance(model, str | os.PathLike):
        with naming(model):
            return _of_file(pathlib.Path(model), file_kind(model))
    if isinstance(model, CompressedModel):
        return CompressedContender(model)
    version_of(model)
    return ModelContender(model)


def _of_file(path: pathlib.Path, kind: str) -> Contender:
    if kind not in _OF_KIND:
        raise ValueError("files must be .tfqd, .keras or .tflite files or SavedModels")
    return _OF_KIND[kind](path)
