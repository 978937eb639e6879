"""float32 values in fewer bytes: float16 and bfloat16, by numpy alone.

Both round to nearest, ties to even. bfloat16 is the upper half of a float32, so
it needs no type of its own: it is kept as uint16.
"""

import numpy as np

FLOATS = ("float32", "float16", "bfloat16")
_STORED = {"float32": "<f4", "float16": "<f2", "bfloat16": "<u2"}


def float_bytes(dtype: str) -> int:
    """Bytes of one value of a type of `FLOATS`."""
    return np.dtype(_STORED[dtype]).itemsize


def narrow(values: np.ndarray, dtype: str) -> bytes:
    """The values, of any floating-point type, in one of `FLOATS`, row-major, little endian.

    Raises:
        ValueError: when a finite value becomes infinite.
    """
    with np.errstate(over="ignore"):
        single = np.ascontiguousarray(values, np.float32)
        stored = _upper_halves(single) if dtype == "bfloat16" else single.astype(_STORED[dtype])
    data = stored.tobytes()
    if np.isinf(widen(data, dtype)).sum() > np.isinf(values).sum():
        largest = np.abs(values[np.isfinite(values)]).max()
        raise ValueError(f"values up to {largest:g} do not fit {dtype}")
    return data


def widen(data: bytes, dtype: str) -> np.ndarray:
    """The float32 values, [N], that `narrow` stored."""
    stored = np.frombuffer(data, _STORED[dtype])
    if dtype == "bfloat16":
        return (stored.astype(np.uint32) << 16).view(np.float32)
    return stored.astype(np.float32)


def _upper_halves(values: np.ndarray) -> np.ndarray:
    words = values.reshape(-1).view(np.uint32)
    tie_to_even = (words >> 16) & 1
    rounded = ((words + 0x7FFF + tie_to_even) >> 16).astype("<u2")
    quiet_nan = ((words >> 16) | 0x40).astype("<u2")  # rounding could carry a NaN to infinity
    return np.where(np.isnan(values.reshape(-1)), quiet_nan, rounded)
