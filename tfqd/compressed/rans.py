"""Codes by asymmetric numeral systems, within a few bytes of their entropy.

The coder is constriction's ANS (64 bits of state, words of 32, frequencies that
add up to 2^24). A payload is one byte, resolution | decay << 4, and the coder's
words, little endian, without the zero bytes at their end. Read from the end,
they hold the differences of the histogram's steps, then the codes by the
frequencies that the steps stand for. Their number is not stored: whoever reads
knows the tensor's shape.

The coder starts at state 2^24 - 1. Decoding must end there, with no words left.
A decoder that has run out of data only counts down from there, so that missing
data is found out as surely as data left over. A start at 0 would save a byte at
most, since the first code alone lifts the state to about 2^24.
"""

import functools

import constriction
import numpy as np

from tfqd.compressed import histogram
from tfqd.compressed.histogram import PRECISION, Histogram

_START = np.array([2**PRECISION - 1], np.uint32)
_BLOCK = 2**16  # codes at a time: constriction takes and gives int32


def encode(codes: np.ndarray, counts: np.ndarray) -> bytes:
    """The codes as a payload.

    Args:
        codes: uint8 [N] with at least two different values.
        counts: how often each level occurs in them, int64 [levels].
    """
    table = histogram.fit(counts)
    levels, model = _code_model(table)
    index = np.zeros(len(counts), np.int32)
    index[levels] = np.arange(len(levels))

    coder = constriction.stream.stack.AnsCoder(_START)
    for start in reversed(range(0, len(codes), _BLOCK)):  # a stack: last in, first out
        coder.encode_reverse(index[codes[start : start + _BLOCK]], model)
    differences = table.differences().astype(np.int32)
    coder.encode_reverse(differences, _difference_model(table.resolution, table.decay))
    words = coder.get_compressed().astype("<u4").tobytes()
    return bytes([table.resolution | table.decay << 4]) + words.rstrip(b"\0")


def decode(payload: bytes, levels: int, count: int) -> np.ndarray:
    """The codes of a payload: uint8 [count].

    Args:
        payload: what `encode` gave; zero bytes at its end do no harm.
        levels: number of levels, 2 to 256.
        count: number of codes.

    Raises:
        ValueError: when the payload does not hold exactly these codes.
    """
    resolution, decay = payload[0] & 15, payload[0] >> 4
    if resolution not in histogram.RESOLUTIONS or decay >= len(histogram.DECAYS):
        raise ValueError(f"unknown histogram parameters {payload[0]:#04x}")
    stream = payload[1:].rstrip(b"\0")
    words = np.frombuffer(stream.ljust(-(-len(stream) // 4) * 4, b"\0"), "<u4")
    coder = constriction.stream.stack.AnsCoder(words.astype(np.uint32))

    steps = _decode_steps(coder, levels, resolution, decay)
    occurring, model = _code_model(Histogram(steps, resolution, decay))
    codes = np.empty(count, np.uint8)
    for start in range(0, count, _BLOCK):
        block = codes[start : start + _BLOCK]
        block[:] = occurring[coder.decode(model, len(block))]
    if not np.array_equal(coder.get_compressed(), _START):
        raise ValueError("the data does not end with the last code")
    return codes


def _decode_steps(coder, levels: int, resolution: int, decay: int) -> np.ndarray:
    differences = coder.decode(_difference_model(resolution, decay), levels)
    steps = histogram.steps_of(differences.astype(np.int64))
    if steps.min() < 0 or steps.max() >= histogram.step_count(resolution):
        raise ValueError("the histogram's steps leave their range")
    if np.count_nonzero(steps) < 2:
        raise ValueError("the histogram has fewer than two levels")
    return steps


def _code_model(table: Histogram):
    """The levels that occur, uint8, and the model of an index into them."""
    return np.flatnonzero(table.steps).astype(np.uint8), _model(table.frequencies())


@functools.cache
def _difference_model(resolution: int, decay: int):
    return _model(histogram.difference_frequencies(resolution, decay))


def _model(frequencies: np.ndarray):
    """constriction's model with exactly these integer frequencies.

    It gives each of the n symbols one unit and shares the other 2^24 - n out in
    proportion to floats; these are integers with just that sum, so the
    proportion is 1 and nothing is rounded, on any machine.
    """
    if frequencies.sum() != 2**PRECISION:
        raise ValueError(f"frequencies must add up to 2^{PRECISION}; got {frequencies.sum()}")
    shares = (frequencies - 1).astype(np.float64)
    return constriction.stream.model.Categorical(shares, perfect=False)
