"""One stretch of tensors.bin: from a tensor to its bytes and manifest entry, and back."""

import hashlib
import math
import re

import numpy as np

from tfqd.compressed import code_lengths, coding, points
from tfqd.compressed.coding import Coded
from tfqd.compressed.floats import FLOATS, float_bytes, narrow, widen
from tfqd.compressed.manifest import ArrayEntry, Entry, QuantizedEntry
from tfqd.compressed.strings import to_fixed_width, to_objects
from tfqd.compressed.tensor import QuantizedTensor
from tfqd.spec.bucketing import Bucketing, checked_bucket_size
from tfqd.spec.grid import zero_code

_ARRAY_TYPES = (
    *("bool", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"),
    *("float16", "float32", "float64"),
)
_NARROWED = ("float32", "float64")
# How strings are stored, in as many bytes each as the longest has.
_STRINGS = re.compile(r"S[1-9]\d{0,8}")
# How many of scale and offset are stored a bucket.
_NUMBERS = {"none": 0, "symmetric": 1, "affine": 2}
_MAX_RANK = 32
_MAX_WEIGHTS = 2**42


def encode_quantized(
    path: str, tensor: QuantizedTensor, scale_dtype: str
) -> tuple[QuantizedEntry, bytes]:
    """The manifest entry and the bytes of a quantized tensor.

    Raises:
        ValueError: when a scale or offset is too large for `scale_dtype`.
    """
    scale_dtype = _type_of_scales(tensor, scale_dtype)
    codes = tensor.codes.reshape(-1)
    coded = coding.encode(codes, tensor.bits, tensor.levels)
    per_bucket = [tensor.scale] if tensor.is_scaled else []
    per_bucket += [] if tensor.offset is None else [tensor.offset]
    stored = [narrow(values, scale_dtype) for values in per_bucket]
    codebooks = [] if tensor.points is None else [points.to_bytes(tensor.points)]
    data = b"".join([coded.payload, *stored, *codebooks])
    changes = [
        widen(data, scale_dtype).astype(np.float64) - values
        for data, values in zip(stored, per_bucket, strict=True)
    ]
    size = tensor.bucketing.bucket_size
    entry = QuantizedEntry(
        path=path,
        shape=list(tensor.shape),
        dtype="float32",
        bits=tensor.bits,
        levels=tensor.levels,
        layout=tensor.bucketing.layout,
        bucket_size=list(size) if isinstance(size, tuple) else size,
        channel_axes=list(tensor.bucketing.channel_axes),
        scaling=_scaling(tensor),
        points=None if tensor.points is None else points.type_of(tensor.points),
        channels_per_codebook=tensor.channels_per_codebook,
        spec=tensor.spec,
        coding=coded.coding,
        entropy=round(code_lengths.entropy(np.bincount(codes)), 4),
        scale_dtype=scale_dtype,
        error=_scale_error(tensor, changes) if scale_dtype != "float32" and changes else None,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    return entry, data


def _type_of_scales(tensor: QuantizedTensor, wanted: str) -> str:
    """bfloat16, which has float32's range, in place of a float16 that would lose all scales."""
    lost = tensor.is_scaled and tensor.scale.max(initial=0.0) < np.finfo(np.float16).tiny
    return "bfloat16" if wanted == "float16" and lost else wanted


def payload_bytes(tensor: QuantizedTensor) -> int:
    """Bytes of a quantized tensor in an archive, without its manifest entry."""
    return len(encode_quantized("", tensor, "float32")[1])


def encode_array(path: str, array: np.ndarray, rest_dtype: str) -> tuple[ArrayEntry, bytes]:
    """The manifest entry and the bytes of an array that stayed float.

    Args:
        path: name of the variable.
        array: of numbers, bools or strings (``object``). bfloat16 ones, which numpy
            alone cannot make, are read back as float32 of the same values.
        rest_dtype: type to store float32 and float64 arrays in; ``"float32"``
            stores every array as it is.

    Raises:
        ValueError: for arrays of another type, or values too large for `rest_dtype`.
    """
    dtype = array.dtype.name
    if dtype == "bfloat16":
        array, dtype, rest_dtype = array.astype(np.float32), "float32", "bfloat16"
    if dtype == "object":
        array, dtype = to_fixed_width(array), "string"
    elif dtype not in _ARRAY_TYPES:
        raise ValueError(f"its type must be one of {', '.join(_ARRAY_TYPES)}; got {dtype}")
    narrowed = dtype in _NARROWED and rest_dtype != "float32"
    if narrowed:
        data = narrow(array, rest_dtype)
        error = _array_error(array, widen(data, rest_dtype))
    else:
        data = array.astype(array.dtype.newbyteorder("<")).tobytes()
    stored = array.dtype.str.lstrip("|") if dtype == "string" else dtype
    entry = ArrayEntry(
        path=path,
        shape=list(array.shape),
        dtype=dtype,
        stored=rest_dtype if narrowed else stored,
        error=error if narrowed else None,
        bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )
    return entry, data


def check_backed(entry: Entry) -> None:
    """Checks that an entry's bytes can hold what it describes, before any is read.

    Raises:
        ValueError: when they cannot, or the entry contradicts itself.
    """
    if len(entry.shape) > _MAX_RANK or math.prod(max(1, n) for n in entry.shape) > _MAX_WEIGHTS:
        raise ValueError("its shape is beyond what an archive can hold")
    if isinstance(entry, ArrayEntry):
        _check_array(entry)
    else:
        _check_quantized(entry)


def decode(entry: Entry, data: bytes) -> QuantizedTensor | np.ndarray:
    """The tensor of a checked entry.

    Raises:
        ValueError: when the data does not match the hash or is not what the
            entry says.
    """
    if hashlib.sha256(data).hexdigest() != entry.sha256:
        raise ValueError("its bytes do not match their SHA-256")
    if isinstance(entry, ArrayEntry):
        return _decode_array(entry, data)
    return _decode_quantized(entry, data)


def _check_quantized(entry: QuantizedEntry) -> None:
    if entry.dtype != "float32" or entry.scaling not in _NUMBERS:
        raise ValueError(f"unknown dtype {entry.dtype!r:.40} or scaling {entry.scaling!r:.40}")
    if entry.scale_dtype not in FLOATS or entry.coding not in coding.CODINGS:
        raise ValueError(
            f"unknown scale_dtype {entry.scale_dtype!r:.40} or coding {entry.coding!r:.40}"
        )
    if entry.points not in (None, *points.BYTES):
        raise ValueError(f"unknown points {entry.points!r:.40}")
    if not 1 <= entry.bits <= 8 or not 2 <= entry.levels <= 2**entry.bits:
        raise ValueError(f"{entry.levels} levels do not fit into {entry.bits} bits of 1 to 8")
    size, channels = _bucketing(entry).size, entry.channels_per_codebook
    if channels is not None and (channels < 1 or entry.layout != "channel" or not entry.points):
        raise ValueError(f"channels_per_codebook cannot be {channels}")
    if (entry.bytes - sum(_section_bytes(entry))) * coding.CODES_PER_BYTE < size:
        raise ValueError(f"its {entry.bytes} bytes are too few for shape {entry.shape}")


def _check_array(entry: ArrayEntry) -> None:
    narrowed = entry.stored in FLOATS[1:] and entry.dtype in _NARROWED
    numbers = entry.dtype in _ARRAY_TYPES and (entry.stored == entry.dtype or narrowed)
    strings = entry.dtype == "string" and _STRINGS.fullmatch(entry.stored)
    if not numbers and not strings:
        raise ValueError(f"cannot be {entry.dtype!r:.40}, stored as {entry.stored!r:.40}")
    if entry.bytes != math.prod(entry.shape) * _item_bytes(entry.stored):
        raise ValueError(f"its {entry.bytes} bytes do not make up shape {entry.shape}")


def _decode_quantized(entry: QuantizedEntry, data: bytes) -> QuantizedTensor:
    sizes = _section_bytes(entry)
    codes_end = scale_start = len(data) - sum(sizes)
    bucketing = _bucketing(entry)
    coded = Coded(entry.coding, data[:codes_end])
    codes = coding.decode(coded, entry.bits, entry.levels, bucketing.size)
    offset_start = scale_start + sizes[0]
    points_start = offset_start + sizes[1]
    scale, offset = data[scale_start:offset_start], data[offset_start:points_start]
    return QuantizedTensor(
        codes=codes.reshape(bucketing.shape),
        bits=entry.bits,
        levels=entry.levels,
        bucketing=bucketing,
        scale=widen(scale, entry.scale_dtype) if scale else np.ones(bucketing.count, np.float32),
        offset=widen(offset, entry.scale_dtype) if offset else None,
        points=_points(entry, bucketing, data[points_start:]),
        channels_per_codebook=entry.channels_per_codebook,
        spec=entry.spec,
    )


def _decode_array(entry: ArrayEntry, data: bytes) -> np.ndarray:
    if entry.dtype == "string":
        return to_objects(np.frombuffer(data, entry.stored)).reshape(entry.shape)
    if entry.stored != entry.dtype:
        return widen(data, entry.stored).astype(entry.dtype).reshape(entry.shape)
    if entry.dtype == "bool" and max(data, default=0) > 1:
        raise ValueError("a bool must be 0 or 1")
    array = np.frombuffer(data, np.dtype(entry.dtype).newbyteorder("<"))
    return array.astype(entry.dtype).reshape(entry.shape)


def _bucketing(entry: QuantizedEntry) -> Bucketing:
    size = checked_bucket_size(entry.bucket_size, entry.layout)
    return Bucketing(tuple(entry.shape), size, entry.layout, tuple(entry.channel_axes))


def _section_bytes(entry: QuantizedEntry) -> tuple[int, int, int]:
    """Bytes of the scales, offsets and points, which follow the codes."""
    bucketing = _bucketing(entry)
    per_bucket = bucketing.count * float_bytes(entry.scale_dtype)
    scales, offsets = (per_bucket * (_NUMBERS[entry.scaling] > place) for place in (0, 1))
    if entry.points is None:
        return scales, offsets, 0
    shape = bucketing.points_shape(entry.levels, entry.channels_per_codebook)
    return scales, offsets, math.prod(shape) * points.BYTES[entry.points]


def _scaling(tensor: QuantizedTensor) -> str:
    if tensor.offset is not None:
        return "affine"
    return "symmetric" if tensor.is_scaled else "none"


def _points(entry: QuantizedEntry, bucketing: Bucketing, data: bytes) -> np.ndarray | None:
    if entry.points is None:
        return None
    shape = bucketing.points_shape(entry.levels, entry.channels_per_codebook)
    return points.from_bytes(data, entry.points).reshape(shape)


def _item_bytes(stored: str) -> int:
    return float_bytes(stored) if stored in FLOATS else np.dtype(stored).itemsize


def _scale_error(tensor: QuantizedTensor, changes: list[np.ndarray]) -> dict[str, float]:
    """How far changed scales and offsets can move a weight, over all levels.

    A weight is point * scale + offset, so the lowest or the highest point moves
    furthest.
    """
    if tensor.points is not None:
        low, high = float(tensor.points.min()), float(tensor.points.max())
    elif tensor.offset is not None:
        low, high = 0.0, 1.0
    else:
        low, high = -1.0, (tensor.levels - 1) / zero_code(tensor.levels) - 1.0
    scale_change, offset_change = changes if len(changes) == 2 else (changes[0], 0.0)
    moved = np.maximum(*(np.abs(end * scale_change + offset_change) for end in (low, high)))
    step = tensor.scale.astype(np.float64) * (high - low) / (tensor.levels - 1)
    stepping = step > 0
    in_steps = moved[stepping] / step[stepping]
    return {"max_abs": _stated(moved), "max_steps": _stated(in_steps)}


def _array_error(array: np.ndarray, stored: np.ndarray) -> dict[str, float]:
    exact = array.reshape(-1).astype(np.float64)
    finite = np.isfinite(exact)
    exact, moved = exact[finite], np.abs(stored.astype(np.float64)[finite] - exact[finite])
    nonzero = exact != 0
    return {
        "max_abs": _stated(moved),
        "max_relative": _stated(moved[nonzero] / np.abs(exact[nonzero])),
    }


def _stated(errors: np.ndarray) -> float:
    """The largest error in four digits, rounded up."""
    return float(f"{1.001 * errors.max(initial=0):.4g}")
