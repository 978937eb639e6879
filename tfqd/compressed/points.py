"""Points in the archive: a byte each where 8-bit floats or integers hold them exactly."""

import numpy as np

from tfqd.compressed import float8
from tfqd.compressed.floats import narrow, widen

_FLOAT, _INTEGER = "float32", "int8"

# Bytes of a point, by how points are stored.
BYTES = {_FLOAT: 4, float8.NAME: 1, _INTEGER: 1}


def type_of(points: np.ndarray) -> str:
    """The shortest type that holds all points, float32 of any shape, bit for bit."""
    if float8.fits(points):
        return float8.NAME
    again = _to_integers(points).astype(np.float32)
    return _INTEGER if again.tobytes() == points.tobytes() else _FLOAT  # -0 is no integer.


def to_bytes(points: np.ndarray) -> bytes:
    """The points, row-major, in the type that `type_of` names."""
    stored = type_of(points)
    if stored == float8.NAME:
        return float8.to_bytes(points).tobytes()
    return _to_integers(points).tobytes() if stored == _INTEGER else narrow(points, _FLOAT)


def from_bytes(data: bytes, stored: str) -> np.ndarray:
    """The points that `to_bytes` stored: float32 [N].

    Args:
        data: what it gave.
        stored: the type, of `BYTES`.
    """
    if stored == float8.NAME:
        return float8.NUMBERS[np.frombuffer(data, np.uint8)]
    if stored == _INTEGER:
        return np.frombuffer(data, np.int8).astype(np.float32)
    return widen(data, _FLOAT)


def _to_integers(points: np.ndarray) -> np.ndarray:
    return np.clip(points, -128, 127).astype(np.int8)
