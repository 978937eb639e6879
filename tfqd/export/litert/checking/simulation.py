"""A file of integers, computed by numpy: what its kernels are to answer, integer for integer."""

import os
import pathlib
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from tfqd.export.litert.checking import integer_kernels, xnnpack_kernels
from tfqd.export.litert.checking.grids import Grid, Integers
from tfqd.export.litert.checking.integer_kernels import NotSimulated
from tfqd.export.litert.file.flatbuffer import File, Op, Type, free_shape_of, is_quantized, op_name
from tfqd.spec.checks import check_choice

# What stands between integers and the inputs and outputs that are floats in the file.
_BESIDE_FLOATS = (Op.QUANTIZE, Op.DEQUANTIZE)
_KERNELS: dict[str, Any] = {"reference": integer_kernels, "xnnpack": xnnpack_kernels}


def simulate_integer(
    path: str | os.PathLike,
    inputs: Mapping[str, np.ndarray] | np.ndarray,
    *,
    kernels: str = "reference",
) -> dict[str, np.ndarray]:
    """The integers that a TFLite file answers, by the arithmetic of its kernels in numpy.

    Products and sums are integers of 32 bits. What they are multiplied by to come to the
    next range is a mantissa of 31 bits and a shift in TensorFlow Lite's own kernels (Jacob et al.
    2018, arXiv 1712.05877), and a float of 32 bits in those of XNNPACK, which LiteRT takes on
    processors that it knows; where a sum lies in the middle they are a step apart.

    Args:
        path: a file whose activations are integers throughout, such as `tfqd.export.tflite`
            writes of a model that was quantized with ``activations=``.
        inputs: floats by the names of the file's inputs, or one array for its only one;
            examples along the first axis. Or their integers, as a file takes them that
            was written with ``io_dtype="int8"`` or ``"int16"``, in that type.
        kernels: ``"reference"``, which microcontrollers compute as well, or ``"xnnpack"``.

    Returns:
        By the name of each output its integers: int8 or int16, as its activations are,
        whether the file itself answers with them or with floats.

    Raises:
        ValueError: when `path` is no such file, `inputs` are others than it takes, or
            `kernels` none of these.
        OSError: when it cannot be read.
    """
    check_choice("kernels", kernels, tuple(_KERNELS))
    computing = _KERNELS[kernels]
    file = File(pathlib.Path(path).read_bytes())
    graph, signature = file.graphs[0], file.model.signatureDefs[0]
    entries = {entry.name.decode(): int(entry.tensorIndex) for entry in signature.inputs}
    arrays = _by_name(inputs, entries)
    given = {entries[name]: np.asarray(each) for name, each in arrays.items()}
    count = len(next(iter(given.values())))
    size = _batch_size(graph, next(iter(given))) or max(count, 1)
    outputs = {entry.name.decode(): int(entry.tensorIndex) for entry in signature.outputs}
    try:
        answers = [
            _answers(file, computing, {k: each[i : i + size] for k, each in given.items()}, outputs)
            for i in range(0, max(count, 1), size)
        ]
    except NotSimulated as error:
        raise NotSimulated(f"{path}: {error}") from error
    return {name: np.concatenate([each[name] for each in answers]) for name in outputs}


def _batch_size(graph, place: int) -> int | None:
    """The batch size of a file; None where it is free."""
    size = free_shape_of(graph.tensors[place])[0]
    return None if size < 0 else size


def _answers(
    file: File, computing: Any, given: Mapping[int, Any], outputs: Mapping[str, int]
) -> dict[str, np.ndarray]:
    """What all outputs are, int8 or int16, by their names.

    Args:
        file: to simulate.
        computing: the module of the kernels.
        given: inputs by their places.
        outputs: their places by their names.
    """
    graph, known = file.graphs[0], dict(given)
    batch = len(next(iter(known.values())))
    for operator in graph.operators:
        code, output = file.code(operator), int(operator.outputs[0])
        places = [int(place) for place in operator.inputs]
        if code in _BESIDE_FLOATS and not is_quantized(graph.tensors[places[0]]):
            known[output] = known[places[0]]  # rounded where it is read
            continue
        if code in _BESIDE_FLOATS and not is_quantized(graph.tensors[output]):
            known[output] = _integers(file, graph, places[0], known, computing.nearest)
            continue
        tensors = [
            None if each < 0 else _integers(file, graph, each, known, computing.nearest)
            for each in places
        ]
        shape, grid = _shape(graph.tensors[output], batch), _grid(graph.tensors[output])
        try:
            known[output] = Integers(
                computing.result(code, operator.builtinOptions, tensors, grid, shape), grid
            )
        except NotSimulated as error:
            raise NotSimulated(f"{op_name(code)} is not simulated") from error
    return {
        name: known[place].values.astype(_type(known[place].grid))
        for name, place in outputs.items()
    }


def _type(grid: Grid) -> str:
    return f"int{grid.bits}"


def _by_name(inputs, entries: Mapping[str, int]) -> Mapping[str, np.ndarray]:
    if not isinstance(inputs, Mapping):
        inputs = dict.fromkeys(entries, inputs) if len(entries) == 1 else {}
    if inputs.keys() != entries.keys():
        raise ValueError(f"inputs must be arrays for {', '.join(entries)}; got {sorted(inputs)}")
    return inputs


def _integers(
    file: File, graph, place: int, known: dict[int, Any], nearest: Callable[..., np.ndarray]
) -> Integers:
    """A tensor: a constant, what an operator gave, or floats that are rounded to its grid."""
    tensor = graph.tensors[place]
    found, grid = known.get(place), _grid(tensor)
    if isinstance(found, Integers):
        return found
    if found is None:
        return Integers(file.numbers(tensor).astype(np.int64), grid)
    if grid is None:
        raise NotSimulated("it computes with floats")
    if found.dtype == _type(grid):
        return Integers(found.astype(np.int64), grid)
    position = nearest(found.astype(np.float32), np.float32(grid.scale[0])) + grid.zero
    return Integers(np.clip(position, grid.low, grid.high).astype(np.int64), grid)


def _grid(tensor) -> Grid | None:
    if not is_quantized(tensor) or tensor.type == Type.FLOAT32:
        return None
    scale = np.asarray(tensor.quantization.scale, np.float32).astype(np.float64)
    zero = tensor.quantization.zeroPoint
    bits = 16 if tensor.type == Type.INT16 else 8
    return Grid(scale, 0 if zero is None or len(zero) > 1 else int(zero[0]), bits)


def _shape(tensor, batch: int) -> list[int]:
    shape = [int(size) for size in tensor.shape]
    return [batch, *shape[1:]]
