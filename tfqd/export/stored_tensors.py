"""Whether what a safetensors file says of a quantized tensor fits its arrays and itself.

Everything that decoding it relies on is checked, so that a damaged file is refused when it is
read. `tfqd.export.safetensors_file` describes the fields.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfqd.compressed.packing import packed_bytes
from tfqd.spec.bucketing import LAYOUTS
from tfqd.spec.checks import is_bits, is_integer

_FIELDS = {
    *("shape", "permutation", "matrix", "layout", "bits", "levels", "bucket"),
    *("rows_per_codebook", "spec"),
}
_MAX_RANK = 32  # of numpy's arrays


def check_stored(about: Any, parts: Mapping[str, np.ndarray]) -> None:
    """Raises ValueError unless a tensor can be decoded; looks at no codes.

    Args:
        about: what the metadata say of it, any JSON value.
        parts: its arrays, by the ends of their names.

    Raises:
        ValueError: when it cannot.
    """
    if not isinstance(about, dict) or about.keys() != _FIELDS:
        raise ValueError(f"its fields must be exactly {', '.join(sorted(_FIELDS))}")
    for field, holds in (
        ("shape", _are_sizes(about["shape"]) and len(about["shape"]) <= _MAX_RANK),
        ("matrix", _are_sizes(about["matrix"], 2)),
        ("bucket", _are_sizes(about["bucket"], 2)),
        ("layout", about["layout"] in LAYOUTS),
        ("bits", is_bits(about["bits"])),
        ("levels", is_bits(about["bits"]) and is_integer(about["levels"], 2, 2 ** about["bits"])),
        ("spec", isinstance(about["spec"], dict)),
    ):
        _expect(field, about[field], holds)
    _check_matrix(about)
    _check_arrays(about, parts)


def _check_matrix(about: dict[str, Any]) -> None:
    shape, order = about["shape"], about["permutation"]
    axes = isinstance(order, list) and all(is_integer(axis) for axis in order)
    _expect("permutation", order, axes and sorted(order) == [*range(len(shape))])
    _expect("matrix", about["matrix"], math.prod(about["matrix"]) == math.prod(shape))
    sides = zip(about["bucket"], about["matrix"], strict=True)
    _expect("bucket", about["bucket"], all(side <= whole for side, whole in sides))
    rows, _ = _grid(about)
    shared = about["rows_per_codebook"]
    _expect("rows_per_codebook", shared, is_integer(shared, 1, rows))


def _check_arrays(about: dict[str, Any], parts: Mapping[str, np.ndarray]) -> None:
    grid = rows, _ = _grid(about)
    levels, size = about["levels"], math.prod(about["bucket"])
    _check_array("codes", parts, np.uint8, [(*grid, packed_bytes(size, about["bits"]))])
    points = [(-(-rows // about["rows_per_codebook"]), 1, levels)]
    if about["layout"] == "tile":
        points = [(*grid, levels), (1, 1, levels)]
    _check_array("points", parts, np.float32, points)
    for end in ("scale", "offset"):
        if end in parts:
            _check_array(end, parts, np.float32, [grid])


def _check_array(
    end: str, parts: Mapping[str, np.ndarray], dtype: Any, shapes: Sequence[tuple[int, ...]]
) -> None:
    if end not in parts:
        raise ValueError(f"it has no array of {end}")
    array = parts[end]
    if array.dtype != dtype or array.shape not in shapes:
        expected = " or ".join(f"{shape}" for shape in shapes)
        raise ValueError(
            f"its {end} must be {np.dtype(dtype).name} of shape {expected}; got "
            f"{array.dtype.name} of shape {array.shape}"
        )


def _grid(about: dict[str, Any]) -> tuple[int, int]:
    """Rows of buckets, and buckets of each."""
    (channels, length), (height, width) = about["matrix"], about["bucket"]
    return -(-channels // height), -(-length // width)


def _are_sizes(value: Any, count: int | None = None) -> bool:
    """Whether it is a list of positive integers, so many of them."""
    return (
        isinstance(value, list)
        and count in (None, len(value))
        and all(is_integer(size, 1) for size in value)
    )


def _expect(field: str, value: Any, holds: bool) -> None:
    if not holds:
        raise ValueError(f"its {field} cannot be {value!r:.80}")
