"""Codes of 1 to 8 bits, packed without gaps.

Least significant bit first: code i takes the bits [i * bits, (i + 1) * bits) of
the data, counted from the low bit of the first byte. For 4 bits that is the low
nibble first, the order of TFLite's INT4. Eight codes fill `bits` whole bytes, so
they travel through one uint64.
"""

import numpy as np

from tfqd.spec.checks import checked_bits

_GROUP = 8  # codes: 8 * bits is a whole number of bytes, and at most 64 bits
_BLOCK = _GROUP * 8192  # codes at a time, so that little memory is needed beside the result


def packed_bytes(count: int, bits: int) -> int:
    """Bytes that `count` codes of `bits` each take: ceil(count * bits / 8)."""
    return -(-count * bits // 8)


def pack(codes: np.ndarray, bits: int) -> bytes:
    """The codes in exactly `packed_bytes(len(codes), bits)` bytes.

    Args:
        codes: uint8 [N], each below 2^bits.
        bits: bits per code, 1 to 8.

    Raises:
        ValueError: for other bits, another type or shape, or codes too large.
    """
    checked_bits(bits)
    if codes.dtype != np.uint8 or codes.ndim != 1:
        raise ValueError(f"codes must be uint8 [N]; got {codes.dtype} of shape {codes.shape}")
    if len(codes) and codes.max() >= 2**bits:
        raise ValueError(f"codes must be below {2**bits} to fit {bits} bits; got {codes.max()}")
    blocks = [_pack_block(codes[i : i + _BLOCK], bits) for i in range(0, len(codes), _BLOCK)]
    return b"".join(blocks)


def unpack(data: bytes, bits: int, count: int) -> np.ndarray:
    """The codes that `pack` packed.

    Args:
        data: exactly `packed_bytes(count, bits)` bytes.
        bits: bits per code, 1 to 8.
        count: number of codes.

    Returns:
        uint8 [count].

    Raises:
        ValueError: when the data is too short, too long, or ends in padding
            bits that are not zero.
    """
    checked_bits(bits)
    if count < 0 or len(data) != packed_bytes(count, bits):
        raise ValueError(f"{count} codes of {bits} bits do not take {len(data)} bytes")
    unused = -count * bits % 8
    if unused and data[-1] >> (8 - unused):
        raise ValueError("the padding bits after the last code are not zero")
    codes = np.empty(count, np.uint8)
    packed = np.frombuffer(data, np.uint8)
    for start in range(0, count, _BLOCK):
        block = codes[start : start + _BLOCK]
        first = start * bits // 8
        block[:] = _unpack_block(packed[first : first + _BLOCK * bits // 8], bits, len(block))
    return codes


def _pack_block(codes: np.ndarray, bits: int) -> bytes:
    padded = np.zeros(-(-len(codes) // _GROUP) * _GROUP, np.uint64)
    padded[: len(codes)] = codes
    groups = padded.reshape(-1, _GROUP)
    words = np.zeros(len(groups), "<u8")
    for i in range(_GROUP):
        words |= groups[:, i] << np.uint64(i * bits)
    packed = words.view(np.uint8).reshape(-1, 8)[:, :bits]
    return packed.tobytes()[: packed_bytes(len(codes), bits)]


def _unpack_block(packed: np.ndarray, bits: int, count: int) -> np.ndarray:
    groups = -(-count // _GROUP)
    padded = np.zeros(groups * bits, np.uint8)
    padded[: len(packed)] = packed
    widened = np.zeros((groups, 8), np.uint8)
    widened[:, :bits] = padded.reshape(groups, bits)
    words = widened.reshape(-1).view("<u8")
    codes = np.empty((groups, _GROUP), np.uint8)
    for i in range(_GROUP):
        codes[:, i] = (words >> np.uint64(i * bits)) & np.uint64(2**bits - 1)
    return codes.reshape(-1)[:count]
