"""A teacher whose outputs are on disk.

The teacher's forward pass is most of what distillation costs, and for data that
is the same in every epoch its outputs are too. `cache_teacher` runs it once;
the `CachedTeacher` that it gives stands in for it in a `Distiller`, and attaches
the outputs to each example, which it knows by a fingerprint of its inputs. So
the data may be shuffled and batched anew, but not augmented.
"""

import contextlib
import json
import os
import pathlib
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfqd.compressed.atomic import new_file
from tfqd.distillation.known_teacher import are_alike, keep_examples, kept_examples
from tfqd.spec.checks import check_given
from tfqd.wrapping.state import recurrent_states
from tfqd.wrapping.variables import weights_digest

_MANIFEST, _FINGERPRINTS = "manifest.json", "fingerprints.npy"
_INPUTS, _OUTPUTS = "inputs", "teacher_outputs"


@keras.saving.register_keras_serializable(package="tfqd")
class CachedTeacher:
    """The outputs of a teacher that `cache_teacher` has written.

    Args:
        directory: where they are.
        teacher: the model that they are expected of; None for no check.

    Raises:
        FileNotFoundError: when there is no complete cache in the directory.
        ValueError: when the cache is not this teacher's.

    Example:

    >>> import tensorflow as tf
    >>> data = tf.data.Dataset.from_tensor_slices((tf.ones((32, 8)), tf.ones(32))).batch(8)
    >>> cached = tfqd.distillation.cache_teacher(teacher, data, "teacher_cache", verbose=0)
    >>> distiller = tfqd.Distiller(cached, quantized)
    >>> distiller.compile("adam", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    >>> history = distiller.fit(cached.attach(data), verbose=0)
    """

    def __init__(self, directory: str | os.PathLike, teacher: keras.Model | None = None):
        self.directory = pathlib.Path(directory)
        self.name = self.directory.name
        try:
            manifest = json.loads((self.directory / _MANIFEST).read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise FileNotFoundError(
                f"{self.directory} holds no complete cache of a teacher's outputs; "
                "tfqd.distillation.cache_teacher writes one"
            ) from error
        self._teacher = manifest["teacher"]
        self._structure = manifest["outputs"]
        fingerprints = np.load(self.directory / _FINGERPRINTS)
        self._order = np.argsort(fingerprints, kind="stable")
        self._sorted = fingerprints[self._order]
        self._arrays = [
            np.load(self.directory / _file(i), mmap_mode="r")
            for i in range(len(keras.tree.flatten(self._structure)))
        ]
        if teacher is not None:
            self._check(teacher)

    def __len__(self) -> int:
        """The number of examples."""
        return len(self._sorted)

    @property
    def output_shape(self) -> Any:
        """The teacher's: a shape, or a structure of shapes, with None for the batch."""
        return self._as_structure([(None, *array.shape[1:]) for array in self._arrays])

    def first(self, count: int) -> Any:
        """The outputs of the first examples that the teacher saw, as arrays."""
        return self._as_structure([np.asarray(array[:count]) for array in self._arrays])

    def attach(self, data: tf.data.Dataset) -> tf.data.Dataset:
        """The data with the teacher's outputs beside the inputs of each example.

        Args:
            data: batches of inputs, (inputs, targets) or (inputs, targets, sample
                weights), of the examples that the teacher saw, in any order. Inputs
                that are a tuple themselves stand in one: ``((a, b),)``.

        Returns:
            Batches for the `fit` of a `Distiller` with this teacher. An example
            that the teacher did not see ends the iteration with an error.

        Raises:
            TypeError: when `data` is no such dataset.
        """
        spec = getattr(data, "element_spec", None)
        if spec is None or (isinstance(spec, tuple) and len(spec) not in (1, 2, 3)):
            raise TypeError(
                "data must be a tf.data.Dataset of inputs, (inputs, targets) or (inputs, targets, "
                f"sample weights); got {data if spec is None else spec!r:.200}"
            )
        if not isinstance(spec, tuple):
            data = data.map(lambda inputs: (inputs,))

        def attach(inputs, *rest):
            return {_INPUTS: inputs, _OUTPUTS: self._outputs_of(inputs)}, *rest

        return data.map(attach, num_parallel_calls=1).prefetch(2)

    def _check(self, teacher: keras.Model) -> None:
        if weights_digest(teacher) != self._teacher:
            difference = "its weights are not the same"
        elif not self._answers_like(teacher):
            difference = "its weights are the same, its answers to the same inputs are not"
        else:
            return
        raise ValueError(
            f"{self.directory} holds the outputs of another teacher than {teacher.name!r}: "
            f"{difference}"
        )

    def _answers_like(self, teacher: keras.Model) -> bool:
        examples = kept_examples(self.directory)
        outputs = teacher(examples, training=False)
        expected = self._look_up(_fingerprints(examples).numpy())
        return _structure(outputs) == self._structure and are_alike(_leaves(outputs), expected)

    def _outputs_of(self, inputs):
        dtypes = [array.dtype for array in self._arrays]
        found = tf.numpy_function(self._look_up, [_fingerprints(inputs)], dtypes)
        for tensor, array in zip(found, self._arrays, strict=True):
            tensor.set_shape((None, *array.shape[1:]))
        # Tuples: tf.data would make one tensor of a list.
        return keras.tree.lists_to_tuples(self._as_structure(found))

    def _look_up(self, fingerprints: np.ndarray) -> list[np.ndarray]:
        places = np.searchsorted(self._sorted, fingerprints)
        places = np.minimum(places, len(self._sorted) - 1)
        unknown = int(np.sum(self._sorted[places] != fingerprints))
        if unknown:
            raise ValueError(
                f"{unknown} of {len(fingerprints)} examples of a batch are not in the cache "
                f"{self.directory}: the data are not those that the teacher saw, or were "
                "changed (augmented, scaled, cast) since"
            )
        rows = self._order[places]
        return [np.asarray(array[rows]) for array in self._arrays]

    def _as_structure(self, leaves: list):
        return keras.tree.map_structure(lambda index: leaves[index], self._structure)

    def get_config(self) -> dict[str, Any]:
        return {"directory": str(self.directory)}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "CachedTeacher":
        return cls(**config)


def cache_teacher(
    teacher: keras.Model,
    data: tf.data.Dataset,
    directory: str | os.PathLike,
    *,
    verbose: int = 1,
) -> CachedTeacher:
    """Runs a teacher over all data once and keeps its outputs.

    A complete cache of the same teacher over the same examples is used as it is:
    of the same weights, and of the same answers to the first examples. The
    manifest is written last: a cache that was cut short is none. A `CachedTeacher` in
    use keeps the outputs that it has when another cache takes their place.

    Args:
        teacher: a built Keras 3 model.
        data: finite; batches of inputs, or of tuples that begin with them.
        directory: where to write; made when missing.
        verbose: 0 for silence, 1 for a progress bar.

    Raises:
        TypeError: when `data` is no dataset.
        ValueError: when it is endless or empty, or the teacher's outputs have another
            shape in one batch than in the first, as those of sequences padded
            batch by batch, or depend on the batches before.
        OSError: when the files cannot be written.
    """
    check_given(directory)
    if not isinstance(data, tf.data.Dataset):
        raise TypeError(f"data must be a tf.data.Dataset; got {type(data).__name__}")
    if int(data.cardinality()) == tf.data.INFINITE_CARDINALITY:
        raise ValueError("data must be finite to be cached; this dataset repeats for ever")
    if recurrent_states(teacher):
        raise ValueError(
            "a teacher's outputs must be those of each example alone to be cached; those of "
            f"{teacher.name!r}, which has stateful recurrent layers, depend on the batches before: "
            "give the Distiller the teacher itself, or build it with stateful=False"
        )
    inputs = data.map(lambda inputs, *_: inputs)
    directory = pathlib.Path(directory)
    # A map takes the inputs apart where they are a tuple.
    examples = [np.asarray(each) for each in inputs.map(lambda *parts: _fingerprints(parts))]
    if not examples:
        raise ValueError("data must hold at least one batch to be cached; this dataset is empty")
    if not _is_cached(directory, teacher, np.concatenate(examples)):
        _write(teacher, inputs, directory, sum(map(len, examples)), verbose)
    return CachedTeacher(directory)


def split_batch(inputs):
    """A batch's inputs, and the teacher's outputs that were attached to them or None."""
    if isinstance(inputs, dict) and inputs.keys() == {_INPUTS, _OUTPUTS}:
        return inputs[_INPUTS], inputs[_OUTPUTS]
    return inputs, None


def _is_cached(directory: pathlib.Path, teacher, fingerprints: np.ndarray) -> bool:
    try:
        CachedTeacher(directory, teacher)
    except (FileNotFoundError, ValueError):
        return False
    known = np.load(directory / _FINGERPRINTS)
    return np.array_equal(np.sort(known), np.sort(fingerprints))


def _write(teacher, inputs, directory, count, verbose) -> None:
    directory.mkdir(parents=True, exist_ok=True)
    (directory / _MANIFEST).unlink(missing_ok=True)
    run = tf.function(lambda batch: teacher(batch, training=False), jit_compile=False)
    progress = keras.utils.Progbar(count, verbose=verbose, unit_name="example")
    arrays: list[np.memmap] = []
    fingerprints = np.empty(count, np.uint64)
    start = 0
    # A CachedTeacher that is in use goes on to read the files that are replaced.
    with contextlib.ExitStack() as files:
        for batch in inputs:
            outputs = run(batch)
            leaves = _leaves(outputs)
            if not arrays:
                keep_examples(directory, batch)
                arrays = [
                    np.lib.format.open_memmap(
                        files.enter_context(new_file(directory / _file(i))),
                        "w+",
                        leaf.dtype,
                        (count, *leaf.shape[1:]),
                    )
                    for i, leaf in enumerate(leaves)
                ]
            for array, leaf in zip(arrays, leaves, strict=True):
                if leaf.shape[1:] != array.shape[1:]:
                    raise ValueError(
                        "the teacher's outputs must have one shape in all batches to be cached; it "
                        f"gave {array.shape[1:]} an example in the first batch, then "
                        f"{leaf.shape[1:]}: pad all batches to one length"
                    )
                array[start : start + len(leaf)] = leaf
            fingerprints[start : start + len(leaves[0])] = _fingerprints(batch)
            start += len(leaves[0])
            progress.update(start)
        for array in arrays:
            array.flush()
    with new_file(directory / _FINGERPRINTS) as file, open(file, "wb") as stream:
        np.save(stream, fingerprints)
    manifest = {
        "teacher": weights_digest(teacher),
        "examples": count,
        "outputs": _structure(outputs),
    }
    with new_file(directory / _MANIFEST) as file:
        file.write_text(json.dumps(manifest, indent=1) + "\n", encoding="utf-8")


def _leaves(outputs) -> list[np.ndarray]:
    """The arrays to keep: bfloat16, which no .npy file holds, as float32."""
    arrays = [np.asarray(leaf) for leaf in keras.tree.flatten(outputs)]
    return [array.astype(np.float32) if array.dtype.kind == "V" else array for array in arrays]


def _structure(outputs):
    """The structure of a teacher's outputs, as JSON keeps it, with the number of each leaf."""
    numbers = list(range(len(keras.tree.flatten(outputs))))
    return json.loads(json.dumps(keras.tree.pack_sequence_as(outputs, numbers)))


def _file(index: int) -> str:
    return f"outputs_{index}.npy"


def _fingerprints(inputs) -> tf.Tensor:
    """A 64-bit fingerprint of each example of a batch: uint64 [batch]."""
    leaves = [tf.fingerprint(leaf) for leaf in tf.nest.flatten(inputs)]
    together = leaves[0] if len(leaves) == 1 else tf.fingerprint(tf.concat(leaves, axis=1))
    return tf.bitcast(together, tf.uint64)
