"""Weights alone as ``.safetensors``: codes, points, scales and offsets, for other programs.

Every method comes to one form. The tensor is a matrix of output channels by weights of each,
cut into buckets of height by width (`tfqd.spec.bucketing`; those at the edges are filled up
with code 0), R rows of B buckets. For a variable ``path`` there are

* ``path.codes``, uint8 [R, B, bytes]: the codes of each bucket in row-major order, packed at
  `bits` each from the lowest bit of the first byte upwards;
* ``path.points``, FP8 E4M3 where that holds them exactly, else float32: [R, B, levels] in
  layout ``tile``, else [codebooks, 1, levels], each for `rows_per_codebook` rows. Of a uniform
  grid they are the integers that the levels are steps of;
* ``path.scale`` and ``path.offset``, float32 [R, B], where there are any;

and a weight is points[code] * scale + offset. Codes and points of 8 x 64 tiles are byte for
byte what compressed-tensors' ``lut-b`` has as ``weight_packed`` and ``weight_codebook``. What
stayed float is there as ``path``, as it is. The metadata has ``format``, ``version`` and
``tensors``, which says of each quantized path: shape, permutation (the order of the axes that
makes the matrix), matrix (output channels, weights of each), layout, bits, levels, bucket
(height and width), rows_per_codebook, spec.
"""

import json
import math
import os
import pathlib
from typing import Any, NamedTuple

import keras
import ml_dtypes
import numpy as np

from tfqd.compressed import CompressedModel, QuantizedTensor, float8
from tfqd.compressed.atomic import new_file
from tfqd.compressed.cutting import cut
from tfqd.compressed.manifest import parse_json
from tfqd.compressed.packing import pack
from tfqd.export.comparison import Verification, VerificationError
from tfqd.export.endings import check_ending
from tfqd.export.stored_tensors import check_stored
from tfqd.extras import needing
from tfqd.spec.grid import zero_code
from tfqd.wrapping import compress

_FORMAT = "tfqd"
_VERSION = "1"
_FLOAT8 = "F8_E4M3"
_ENDS = ("codes", "points", "scale", "offset")
_TYPES = {
    "BOOL": np.dtype(bool),
    **{f"U{8 * size}": np.dtype(f"<u{size}") for size in (1, 2, 4, 8)},
    **{f"I{8 * size}": np.dtype(f"<i{size}") for size in (1, 2, 4, 8)},
    **{f"F{8 * size}": np.dtype(f"<f{size}") for size in (2, 4, 8)},
    "BF16": np.dtype(ml_dtypes.bfloat16),
    _FLOAT8: np.dtype(np.uint8),
}


def write_safetensors(
    model: keras.Model | CompressedModel, path: str | os.PathLike
) -> Verification:
    """Writes the weights of a quantized model, without the model, as safetensors.

    The file is written under another name, read back and decoded, and renamed when every
    weight is the one that the model computes with. `docs/serving.md` reads it by numpy alone.

    Args:
        model: a quantized Keras model, of a Distiller its student, or what `tfqd.compress`
            made of it.
        path: file to write or replace, ``*.safetensors``.

    Returns:
        How exactly the file holds the weights: exactly.

    Raises:
        ModuleNotFoundError: without the package (``pip install 'tfqd[safetensors]'``).
        TypeError, ValueError: as `tfqd.compress`, and for another suffix.
        VerificationError: a ValueError, when the file holds other weights.
        OSError: when the file cannot be written.

    Example:

    >>> tfqd.export.safetensors(quantized, "digits.safetensors").largest_difference
    0.0
    """
    check_ending(path, ".safetensors")
    with needing("safetensors", "safetensors files"):
        from safetensors.numpy import save
    compressed = model if isinstance(model, CompressedModel) else compress(model)
    arrays: dict[str, np.ndarray] = dict(compressed.rest)
    for name, tensor in compressed.quantized.items():
        arrays |= {f"{name}.{part}": array for part, array in _parts(tensor).items()}
    described = {name: _described(tensor) for name, tensor in compressed.quantized.items()}
    metadata = {"format": _FORMAT, "version": _VERSION, "tensors": json.dumps(described)}
    contiguous = {name: np.asarray(array, order="C") for name, array in arrays.items()}
    with new_file(pathlib.Path(path)) as file:
        file.write_bytes(save(contiguous, metadata))
        _verify(file, compressed)
    return Verification("safetensors", 0.0, 0.0)


def _parts(tensor: QuantizedTensor) -> dict[str, np.ndarray]:
    """The arrays of a tensor by the ends of their names."""
    bucketing = tensor.bucketing
    grid = bucketing.rows, bucketing.buckets_per_row
    codes = cut(tensor.codes, bucketing, 0, np.uint8)
    packed = b"".join(pack(bucket, tensor.bits) for bucket in codes)
    points, scale = _points_and_scale(tensor)
    parts = {"codes": np.frombuffer(packed, np.uint8).reshape(*grid, -1), "points": points}
    if float8.fits(points):
        parts["points"] = float8.to_bytes(points).view(ml_dtypes.float8_e4m3fn)
    if (scale != 1).any():
        parts["scale"] = scale.reshape(grid)
    if tensor.offset is not None:
        parts["offset"] = tensor.offset.reshape(grid)
    return parts


def _points_and_scale(tensor: QuantizedTensor) -> tuple[np.ndarray, np.ndarray]:
    """What codes stand for, and what that is multiplied by: as `dequantize` has them."""
    levels = tensor.levels
    if tensor.points is not None:
        columns = tensor.bucketing.buckets_per_row if tensor.bucketing.layout == "tile" else 1
        return tensor.points.reshape(-1, columns, levels), tensor.scale
    zero, steps = 0.0, levels - 1.0
    if tensor.offset is None:
        zero = steps = zero_code(levels)
    points = np.arange(levels, dtype=np.float32) - np.float32(zero)
    return points.reshape(1, 1, levels), tensor.scale / np.float32(steps)


def _described(tensor: QuantizedTensor) -> dict[str, Any]:
    bucketing = tensor.bucketing
    shared = 1 if bucketing.layout == "tile" else tensor.channels_per_codebook
    return {
        "shape": tensor.shape,
        "permutation": bucketing.permutation,
        "layout": bucketing.layout,
        "bits": tensor.bits,
        "levels": tensor.levels,
        "matrix": (bucketing.channels, bucketing.row_length),
        "bucket": (bucketing.height, bucketing.width),
        "rows_per_codebook": min(shared or bucketing.rows, bucketing.rows),
        "spec": tensor.spec,
    }


class Stored(NamedTuple):
    """A quantized tensor as a file has it.

    about: what its metadata say.
    parts: its arrays, by the ends of their names.
    bytes: of the arrays in the file.
    """

    about: dict[str, Any]
    parts: dict[str, np.ndarray]
    bytes: int

    @property
    def codes(self) -> np.ndarray:
        """[output channels, weights of each]."""
        return self._matrix(self._codes())

    def dequantize(self) -> np.ndarray:
        """The weights, float32."""
        codes, parts = self._codes(), self.parts
        points = np.repeat(parts["points"], self.about["rows_per_codebook"], axis=0)
        points = np.broadcast_to(points[: len(codes)], (*codes.shape[:2], points.shape[-1]))
        values = np.take_along_axis(points, codes, axis=-1)
        if "scale" in parts:
            values = values * parts["scale"][..., np.newaxis]
        if "offset" in parts:
            values = values + parts["offset"][..., np.newaxis]
        shape, order = self.about["shape"], self.about["permutation"]
        tensor = self._matrix(values).reshape([shape[axis] for axis in order])
        return tensor.transpose(np.argsort(order))

    def _codes(self) -> np.ndarray:
        """[R, B, weights of a bucket]."""
        packed, bits = self.parts["codes"], self.about["bits"]
        unpacked = np.unpackbits(packed, axis=-1, bitorder="little")
        unpacked = unpacked[..., : math.prod(self.about["bucket"]) * bits]
        return unpacked.reshape(*packed.shape[:2], -1, bits) @ (1 << np.arange(bits))

    def _matrix(self, buckets: np.ndarray) -> np.ndarray:
        """[R, B, weights of a bucket] -> [output channels, weights of each]."""
        height, width = self.about["bucket"]
        rows, columns = buckets.shape[:2]
        matrix = buckets.reshape(rows, columns, height, width).swapaxes(1, 2)
        channels, length = self.about["matrix"]
        return matrix.reshape(rows * height, columns * width)[:channels, :length]


def read_safetensors(path: pathlib.Path) -> dict[str, Stored | np.ndarray]:
    """What `write_safetensors` has written: the quantized tensors, and the other arrays.

    Everything is checked, so that what it gives can be decoded.

    Raises:
        ModuleNotFoundError: without the package.
        ValueError: when it is another file, of another version, or damaged.
        OSError: when it cannot be read.
    """
    with needing("safetensors", "safetensors files"):
        from safetensors import SafetensorError, deserialize
    data = path.read_bytes()
    try:
        views = dict(deserialize(data))
        described = _described_in(data)
        found: dict[str, Stored | np.ndarray] = {}
        for name, about in described.items():
            own = {end: views.pop(f"{name}.{end}") for end in _ENDS if f"{name}.{end}" in views}
            found[name] = _stored(name, about, own)
        return found | {name: _array(**view) for name, view in views.items()}
    except (SafetensorError, ValueError) as error:
        raise ValueError(
            f"{path} was not written by tfqd.export.safetensors, or is damaged: {error!s:.400}"
        ) from error


def _described_in(data: bytes) -> dict[str, Any]:
    """What a file's metadata say of each quantized tensor, by its path."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    metadata = header.get("__metadata__") or {}
    if metadata.get("format") != _FORMAT or "tensors" not in metadata:
        raise ValueError("its metadata describe no tensors of tfqd")
    if metadata.get("version") != _VERSION:
        raise ValueError(
            f"it has format version {metadata.get('version')!r:.40}; this tfqd reads version "
            f"{_VERSION!r}"
        )
    described = parse_json(metadata["tensors"].encode(), "tensors in its metadata")
    if not isinstance(described, dict):
        raise ValueError("tensors in its metadata must be an object")
    return described


def _stored(name: str, about: Any, views: dict[str, dict[str, Any]]) -> Stored:
    """A quantized tensor that can be decoded."""
    try:
        parts = {end: _array(**view) for end, view in views.items()}
        check_stored(about, parts)
        stored = Stored(about, parts, sum(len(view["data"]) for view in views.values()))
        # Codes of that many bits cannot exceed levels of all of them.
        if about["levels"] < 2 ** about["bits"] and stored.codes.max() >= about["levels"]:
            raise ValueError(f"its codes must lie below {about['levels']}")
    except ValueError as error:
        raise ValueError(f"tensor {name!r:.200}: {error}") from error
    return stored


def _array(dtype: str, shape: list[int], data: bytes) -> np.ndarray:
    if dtype not in _TYPES:
        raise ValueError(f"its type must be one of {', '.join(_TYPES)}; got {dtype}")
    array = np.frombuffer(data, _TYPES[dtype]).reshape(shape)
    return float8.NUMBERS[array] if dtype == _FLOAT8 else array


def _verify(path: pathlib.Path, compressed: CompressedModel) -> None:
    """Raises VerificationError unless a file holds the model's weights."""
    found = read_safetensors(path)
    for name, expected in compressed.dequantize().items():
        stored = found.get(name)
        array = stored.dequantize() if isinstance(stored, Stored) else stored
        if array is None or array.dtype != expected.dtype or not np.array_equal(array, expected):
            raise VerificationError(f"the safetensors file holds another {name} than the model")
