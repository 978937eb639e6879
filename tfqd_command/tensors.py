"""The tensors in a file of any kind that tfqd writes."""

import pathlib
from collections.abc import Iterator
from typing import Any, NamedTuple

from tfqd_command.models import load_model

_CHECKPOINT_ENDING = "/.ATTRIBUTES/VARIABLE_VALUE"


class Row(NamedTuple):
    """One tensor of a file.

    name: the variable's path; of a TFLite file's unnamed tensors, the operator that
        reads it.
    shape: of the weights.
    type: how they are stored.
    bits: per weight.
    levels: how many values a code can take; of integers, how many occur; None for floats.
    entropy: bits per code that no code can undercut; None for floats.
    bytes: in this file.
    """

    name: str
    shape: tuple[int, ...]
    type: str
    bits: int
    levels: int | None
    entropy: float | None
    bytes: int


def tensors_in(path: str) -> list[Row]:
    """The tensors of an archive, which may have any name, a ``.keras``, ``.h5``, ``.tflite`` or
    ``.safetensors`` file or a SavedModel.

    Raises:
        ValueError: when it is none of these, or damaged.
        OSError: when it cannot be read.
    """
    from tfqd.export.file_kind import file_kind
    from tfqd.export.paths import naming

    readers = {
        "tfqd": _of_archive,
        "tflite": _of_tflite,
        "safetensors": _of_safetensors,
        "saved_model": _of_saved_model,
    }
    kind = file_kind(path)
    with naming(path):
        return list(readers.get(kind, _of_keras)(pathlib.Path(path)))


def _of_archive(path: pathlib.Path) -> Iterator[Row]:
    from tfqd.compressed import read_manifest
    from tfqd.compressed.manifest import QuantizedEntry

    for entry in read_manifest(path).tensors:
        shape = tuple(entry.shape)
        if isinstance(entry, QuantizedEntry):
            kind = entry.spec.get("kind", "codes")
            codes = (kind, entry.bits, entry.levels, entry.entropy)
            yield Row(entry.path, shape, *codes, entry.bytes)
        else:
            yield _float_row(entry.path, shape, entry.stored, entry.bytes)


def _of_keras(path: pathlib.Path) -> Iterator[Row]:
    import tfqd
    from tfqd.compressed import QuantizedTensor
    from tfqd.compressed.sizes import tensor_size
    from tfqd.wrapping import float_form
    from tfqd.wrapping.quantized import is_quantized

    model = load_model(str(path), ".tfqd", ".tflite", ".safetensors")
    compressed = tfqd.compress(model) if is_quantized(model) else float_form(model)
    for name, tensor in compressed.tensors.items():
        size = tensor_size(tensor)
        if isinstance(tensor, QuantizedTensor):
            kind = tensor.spec.get("kind", "codes")
            codes = (kind, tensor.bits, tensor.levels, size.entropy)
            yield Row(name, tensor.shape, *codes, size.float_bytes)
        else:
            yield _float_row(name, tensor.shape, tensor.dtype.name, tensor.nbytes)


def _of_tflite(path: pathlib.Path) -> Iterator[Row]:
    from tfqd.export.litert.file.flatbuffer import File, op_name, shape_of, type_name

    file = File(path.read_bytes())
    seen = set()
    for graph in file.graphs:
        for place, operator in enumerate(graph.operators):
            for index in map(int, [] if operator.inputs is None else operator.inputs):
                if index < 0:
                    continue
                tensor = graph.tensors[index]
                data = file.data(tensor)
                if data is None or tensor.buffer in seen:
                    continue
                seen.add(tensor.buffer)
                unnamed = f"{op_name(file.code(operator))} ({place})"
                name = (tensor.name or b"").decode(errors="replace") or unnamed
                kind, shape, array = type_name(tensor.type), shape_of(tensor), file.constant(tensor)
                size = len(data)
                if array is None or array.dtype.kind == "f":
                    yield _float_row(name, shape, kind, size)
                else:
                    bits = int(kind.removeprefix("int")) if kind.startswith("int") else 8
                    yield Row(name, shape, kind, bits, *_occurring(array), size)


def _of_safetensors(path: pathlib.Path) -> Iterator[Row]:
    from tfqd.export.safetensors_file import Stored, read_safetensors

    for name, stored in read_safetensors(path).items():
        if isinstance(stored, Stored):
            about = stored.about
            shape, kind = tuple(about["shape"]), about["spec"].get("kind", "codes")
            codes = (kind, about["bits"], about["levels"], _occurring(stored.codes)[1])
            yield Row(name, shape, *codes, stored.bytes)
        else:
            yield _float_row(name, stored.shape, stored.dtype.name, stored.nbytes)


def _of_saved_model(path: pathlib.Path) -> Iterator[Row]:
    import tensorflow as tf

    from tfqd.export.saved_model_file import newest_version

    checkpoint = str(newest_version(path) / "variables" / "variables")
    try:
        reader = tf.train.load_checkpoint(checkpoint)
    except (tf.errors.OpError, ValueError) as error:
        raise ValueError(f"{path} holds no checkpoint that can be read") from error
    for key, shape in sorted(reader.get_variable_to_shape_map().items()):
        dtype = reader.get_variable_to_dtype_map()[key]
        if not key.endswith(_CHECKPOINT_ENDING) or key.startswith("save_counter"):
            continue
        name, array = key.removesuffix(_CHECKPOINT_ENDING), reader.get_tensor(key)
        if array.size:  # what is decoded at load has nothing in the checkpoint
            yield _float_row(name, tuple(shape), dtype.name, array.nbytes)


def _float_row(name: str, shape: tuple[int, ...], kind: str, size: int) -> Row:
    count = 1
    for dimension in shape:
        count *= dimension
    return Row(name, shape, kind, 8 * size // max(1, count), None, None, size)


def _occurring(array: Any) -> tuple[int, float]:
    """How many different values occur, and the entropy in bits per value."""
    import numpy as np

    from tfqd.compressed.code_lengths import entropy

    _, counts = np.unique(array, return_counts=True)
    return len(counts), entropy(counts)
