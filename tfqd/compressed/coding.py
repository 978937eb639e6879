"""Codes as bytes, by whichever of four codings is shortest.

* ``constant``: one byte, the code that all weights share.
* ``raw``: packed at `bits` each (`tfqd.compressed.packing`).
* ``huffman``: canonical Huffman codes (`tfqd.compressed.huffman_coding`).
* ``rans``: asymmetric numeral systems (`tfqd.compressed.rans`).

Entropy coding has no bound on how many codes a byte can stand for, and a forged
byte could claim 10^12. A payload is therefore at least one byte for every
`CODES_PER_BYTE` codes, filled up with zeros: DEFLATE's own worst ratio, and
0.2 % of 4 bits a weight. Readers allocate on that ground only.
"""

from typing import NamedTuple

import numpy as np

from tfqd.compressed import huffman_coding, packing, rans
from tfqd.spec.checks import check_choice

CODINGS = ("constant", "raw", "huffman", "rans")
CODES_PER_BYTE = 1024


class Coded(NamedTuple):
    """A payload and the name, one of `CODINGS`, of what reads it."""

    coding: str
    payload: bytes


def encode(codes: np.ndarray, bits: int, levels: int) -> Coded:
    """The shortest payload of the codes, its tables included.

    Args:
        codes: uint8 [N], N at least 1, each below `levels`.
        bits: bits per code, 1 to 8.
        levels: number of levels, 2 to 2^bits.
    """
    counts = np.bincount(codes, minlength=levels)
    if np.count_nonzero(counts) == 1:
        payloads = [Coded("constant", codes[:1].tobytes())]
    else:
        payloads = [
            Coded("raw", packing.pack(codes, bits)),
            Coded("huffman", huffman_coding.encode(codes)),
            Coded("rans", rans.encode(codes, counts)),
        ]
    coding, payload = min(payloads, key=lambda coded: len(coded.payload))
    return Coded(coding, payload.ljust(_least_bytes(len(codes)), b"\0"))


def decode(coded: Coded, bits: int, levels: int, count: int) -> np.ndarray:
    """The codes of a payload that nobody vouches for.

    Memory is bounded by `CODES_PER_BYTE` times the payload, time is linear.

    Args:
        coded: what `encode` gave.
        bits, levels: as in `encode`.
        count: number of codes.

    Returns:
        uint8 [count].

    Raises:
        ValueError: when the payload does not hold exactly these codes.
    """
    coding, payload = coded
    if len(payload) < _least_bytes(count):
        raise ValueError(
            f"{count} weights need at least {_least_bytes(count)} bytes of codes "
            f"(one for {CODES_PER_BYTE}); got {len(payload)}"
        )
    if coding == "raw":
        return packing.unpack(payload, bits, count)
    if coding == "huffman":
        return huffman_coding.decode(payload, count)
    check_choice("coding", coding, CODINGS)
    if len(payload) > max(_least_bytes(count), 1 + len(payload[1:].rstrip(b"\0"))):
        raise ValueError("data is left over after the last code")
    if coding == "rans":
        return rans.decode(payload, levels, count)
    if payload[1:].strip(b"\0"):
        raise ValueError("data is left over after the constant")
    return np.full(count, payload[0], np.uint8)


def _least_bytes(count: int) -> int:
    return -(-count // CODES_PER_BYTE)
