"""Probe inputs: what an export is asked, to hold its answers against the model's."""

import io
import math
import pathlib
import zipfile
from collections.abc import Callable, Iterator, Mapping

import keras
import numpy as np
import tensorflow as tf

from tfqd.compressed import ArchiveError, CompressedModel, Probes
from tfqd.compressed.strings import to_fixed_width, to_objects
from tfqd.export.precision import as_float32
from tfqd.export.probes_error import ProbesError
from tfqd.export.signature import Signature
from tfqd.wrapping.state import from_rest

FREE_SIZE = 32

# Random numbers do not compress, and a large image of them would outweigh a small
# model, so a run of them repeats; its length is a prime, that no two rows of an
# image be alike. Floats of the run are float16, so that it can be kept as such.
_RUN = 61

_LARGEST_INPUT = 2**28

# How many values a file keeps of a large output, such as a segmentation's.
_KEPT = 4096


def default_inputs(
    signature: Signature,
    compressed: CompressedModel,
    seed: int = 0,
    *,
    examples: int = 2,
    spans: Mapping[str, tuple[float, float]] | None = None,
    rows: Mapping[str, int] | None = None,
) -> dict[str, np.ndarray]:
    """Random inputs that fit a model, the same for the same seed.

    Floats are normal, of mean 0 and variance 1, or spread evenly over a span; those that are
    indices of a table's rows are integers below their number. Integers
    are valid indices for every embedding of the model (below its smallest table's
    length), or 0 and 1 when it has none. Strings are words of the vocabularies in its architecture.
    Free dimensions have `FREE_SIZE` entries.

    Args:
        signature: the model's.
        compressed: the model, which says how long its embeddings are.
        seed: of the numbers.
        examples: how many, where the model takes any number of them.
        spans: by the names of inputs the ends between which their floats lie.
        rows: by the names of inputs whose floats are indices, how many rows there are for them.

    Raises:
        ProbesError: a ValueError, for inputs of another kind, and strings without a vocabulary.
    """
    generator = np.random.default_rng(seed)
    limit, words = _smallest_embedding(compressed), list(_words(compressed.architecture))
    spans, rows = spans or {}, rows or {}
    inputs = {}
    for spec in signature.inputs:
        if spec.name in rows:
            run = generator.integers(0, rows[spec.name], _RUN)
        else:
            run = _run(generator, spec, limit, words, spans.get(spec.name))
        repeated = np.resize(run, _default_shape(spec, examples))
        inputs[spec.name] = repeated.astype(spec.dtype.as_numpy_dtype)
    return inputs


def ask(model: keras.Model, signature: Signature, inputs: Mapping[str, np.ndarray]) -> Probes:
    """The probes that a model's answers to `inputs` make.

    It begins from rest, as the model in a file does, and keeps its own state.

    Raises:
        ProbesError: a ValueError, when the model fails on them, or answers with NaN or infinity.
    """
    try:
        outputs = answers(model, signature, inputs)
    except (ValueError, tf.errors.InvalidArgumentError) as error:
        raise ProbesError(
            f"model {model.name!r} fails on the probes",
            f"with inputs that it can take ({error!s:.300})",
        ) from error
    arrays = {name: answer_of(output) for name, output in outputs.items()}
    for name, answer in arrays.items():
        if answer.dtype.kind == "f" and not np.isfinite(answer).all():
            raise ProbesError(
                f"output {name!r} of model {model.name!r} is NaN or infinite on the probes",
                "with inputs of the model's own range",
            )
    return Probes(dict(inputs), arrays)


def answers(
    model: keras.Model, signature: Signature, inputs: Mapping[str, np.ndarray]
) -> dict[str, tf.Tensor]:
    """The outputs of a model that begins from rest, by name; it keeps its own state."""
    with from_rest(model):
        return signature.call(model, inputs)


def first_example(probes: Probes) -> Probes:
    """The first of the examples alone; all, where an output is not one for each example."""
    counts = {len(array) if array.ndim else None for array in probes.inputs.values()}
    arrays = [*probes.inputs.values(), *probes.outputs.values()]
    if len(counts) != 1 or any(array.shape[:1] != (*counts,) for array in arrays):
        return probes
    firsts = [
        {name: array[:1] for name, array in each.items()}
        for each in (probes.inputs, probes.outputs)
    ]
    return Probes(*firsts)


def answer_of(output) -> np.ndarray:
    """An output as an array, floats as float32."""
    return as_float32(tf.convert_to_tensor(output).numpy())


def compacted(signature: Signature, probes: Probes) -> Probes:
    """The same probes with the runs alone of inputs that `default_inputs` made.

    Runs of a subclassed model's inputs keep their dtypes, which nothing else says.
    """
    inputs = {}
    for spec in signature.inputs:
        array = probes.inputs[spec.name]
        default = array.shape == tuple(_default_shape(spec))
        inputs[spec.name] = run_of(array, signature.has_input_layers) if default else array
    return Probes(inputs, {name: thinned(array) for name, array in probes.outputs.items()})


def run_of(array: np.ndarray, short: bool = True) -> np.ndarray:
    """What `np.resize` makes an array of again: its run, if it has one, or all its numbers.

    Args:
        array: of any shape.
        short: whether floats are to come as float16, where that holds all of them.
    """
    flat = array.reshape(-1)
    runs = [flat[:_RUN], flat]
    if short and array.dtype.kind == "f":
        with np.errstate(over="ignore"):
            runs = [runs[0].astype(np.float16), runs[1].astype(np.float16), *runs]
    for run in runs:
        if np.array_equal(np.resize(run, array.shape).astype(array.dtype), array):
            return run
    return flat


def expanded(signature: Signature, inputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Undoes what `compacted` did to inputs.

    Raises:
        ArchiveError: for an input of more than 2^28 values, which no file keeps as a run.
    """
    arrays = dict(inputs)
    for spec in signature.inputs:
        array = arrays.get(spec.name)
        if array is None:
            continue
        is_run = array.ndim == 1 != spec.shape.rank
        if is_run:
            shape = _default_shape(spec)
            if math.prod(shape) > _LARGEST_INPUT:
                raise ArchiveError(f"input {spec.name!r} is of {math.prod(shape):,} values")
            array = np.resize(array, shape)
        if is_run or array.dtype == np.float16:
            arrays[spec.name] = array.astype(spec.dtype.as_numpy_dtype)
    return arrays


def coarse(array: np.ndarray) -> np.ndarray:
    """Floats rounded to 256 levels of each example's range, which compress to 8 bits each."""
    array = np.asarray(array)
    if array.dtype.kind != "f" or not array.size:
        return array
    axes = tuple(range(1, array.ndim))
    low, step = array.min(axes, keepdims=True), np.ptp(array, axes, keepdims=True) / 255
    rounded = low + np.rint((array - low) / np.where(step > 0, step, 1)) * step
    return rounded.astype(array.dtype)


def thinned(output: np.ndarray, kept: int = _KEPT) -> np.ndarray:
    """At most `kept` values of an output, evenly picked."""
    flat = output.reshape(-1)
    if flat.size <= kept:
        return flat
    return flat[np.linspace(0, flat.size - 1, kept).astype(int)]


def to_bytes(probes: Probes, tolerance: float) -> bytes:
    """The probes as an ``.npz`` file, their outputs thinned."""
    arrays = {f"input/{name}": array for name, array in probes.inputs.items()}
    arrays |= {f"output/{name}": thinned(array) for name, array in probes.outputs.items()}
    stored = {name: to_fixed_width(array) for name, array in arrays.items()}
    buffer = io.BytesIO()
    stored["tolerance"] = np.asarray(tolerance, np.float64)
    np.savez_compressed(buffer, **stored)  # type: ignore[arg-type]  # no name is allow_pickle
    return buffer.getvalue()


def from_bytes(data: bytes) -> tuple[Probes, float]:
    """What `to_bytes` wrote: probes with thinned outputs, and the tolerance.

    Raises:
        ValueError, KeyError, OSError, zipfile.BadZipFile: when it is something else.
    """
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        arrays = {name: to_objects(array) for name, array in file.items()}
    tolerance = float(arrays.pop("tolerance"))
    inputs = {k.removeprefix("input/"): v for k, v in arrays.items() if k.startswith("input/")}
    outputs = {k.removeprefix("output/"): v for k, v in arrays.items() if k.startswith("output/")}
    return Probes(inputs, outputs), tolerance


def read_probes(path: pathlib.Path, read: Callable[[pathlib.Path], bytes]) -> tuple[Probes, float]:
    """The probes that an export carries, and the tolerance.

    Args:
        path: the export.
        read: the export -> what `to_bytes` wrote.

    Raises:
        ValueError: when it has none, or they are damaged.
        OSError: when it cannot be read.
    """
    try:
        return from_bytes(read(path))
    except FileNotFoundError as error:
        if not path.exists():
            raise
        raise ValueError(f"{path} is no export of tfqd: it has no {error.filename}") from error
    except (KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        reason = error.args[0] if isinstance(error, KeyError) else error
        raise ValueError(f"{path} is no export of tfqd, or damaged: {reason}") from error


def _smallest_embedding(compressed: CompressedModel) -> int:
    tables = [
        tensor.shape[0]
        for path, tensor in compressed.tensors.items()
        if path.rpartition("/")[2].startswith("embeddings")
    ]
    return min(tables, default=2)


def _words(value) -> Iterator[bytes]:
    """The strings in all vocabularies of a Keras serialization."""
    if isinstance(value, dict):
        vocabulary = value.get("vocabulary")
        if isinstance(vocabulary, list | tuple):
            yield from (word.encode() for word in vocabulary if isinstance(word, str))
        for part in value.values():
            yield from _words(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _words(part)


def _run(
    generator: np.random.Generator,
    spec: tf.TensorSpec,
    limit: int,
    words: list[bytes],
    span: tuple[float, float] | None,
) -> np.ndarray:
    if spec.dtype.is_floating:
        if span is None:
            return generator.normal(size=_RUN).astype(np.float16)
        return generator.uniform(*span, size=_RUN).astype(np.float16)
    if spec.dtype.is_integer:
        return generator.integers(0, min(limit, spec.dtype.max + 1), _RUN)
    if spec.dtype.is_bool:
        return generator.integers(0, 2, _RUN)
    if spec.dtype == tf.string and words:
        return np.array(words, object)[generator.integers(0, len(words), _RUN)]
    raise ProbesError(
        f"there are no random probes for input {spec.name!r} of dtype {spec.dtype.name}"
    )


def _default_shape(spec: tf.TensorSpec, examples: int = 2) -> list[int]:
    free = [examples, *[FREE_SIZE] * (spec.shape.rank - 1)]
    return [size or default for size, default in zip(spec.shape, free, strict=True)]
