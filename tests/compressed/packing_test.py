"""Packed codes: their bits, their bytes, and what is refused."""

import tracemalloc

import hypothesis
import hypothesis.extra.numpy
import numpy as np
import pytest
from hypothesis import strategies

from tfqd.compressed.packing import pack, packed_bytes, unpack

BITS = range(1, 9)


@strategies.composite
def bits_and_codes(draw):
    bits = draw(strategies.integers(1, 8))
    codes = hypothesis.extra.numpy.arrays(
        np.uint8, strategies.integers(0, 100), elements=strategies.integers(0, 2**bits - 1)
    )
    return bits, draw(codes)


def test_codes_fill_bytes_from_the_low_bit():
    # 1 + 2 * 2^3 + 3 * 2^6 = 209; the third code's high bit is bit 0 of the next byte.
    assert pack(np.array([1, 2, 3], np.uint8), 3) == bytes([209, 0])
    assert pack(np.array([0xA, 0x5, 0xF], np.uint8), 4) == bytes([0x5A, 0x0F])


@hypothesis.settings(max_examples=60, deadline=None)
@hypothesis.given(bits_and_codes())
def test_packed_codes_are_the_digits_of_one_number(case):
    bits, codes = case
    number = sum(int(code) << (bits * i) for i, code in enumerate(codes))
    packed = pack(codes, bits)
    assert len(packed) == packed_bytes(len(codes), bits) == -(-len(codes) * bits // 8)
    assert int.from_bytes(packed, "little") == number
    np.testing.assert_array_equal(unpack(packed, bits, len(codes)), codes)


@pytest.mark.parametrize("bits", BITS)
@pytest.mark.parametrize("count", [65_535, 65_536, 200_003])
def test_round_trip_over_several_blocks(bits, count):
    codes = np.random.default_rng(bits).integers(0, 2**bits, count, np.uint8)
    packed = pack(codes, bits)
    assert len(packed) == packed_bytes(count, bits)
    np.testing.assert_array_equal(unpack(packed, bits, count), codes)


def test_little_memory_beside_the_result():
    codes = np.zeros(4_000_000, np.uint8)
    tracemalloc.start()
    packed = pack(codes, 4)
    _, packing_peak = tracemalloc.get_traced_memory()
    tracemalloc.reset_peak()
    unpack(packed, 4, len(codes))
    _, unpacking_peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert packing_peak < 2 * len(packed) + 2_000_000  # the blocks, then their joint copy
    assert unpacking_peak < len(packed) + len(codes) + 2_000_000


@pytest.mark.parametrize("bits", [0, 9, True, 4.0, None])
def test_other_bits_are_refused(bits):
    with pytest.raises(ValueError, match="bits must be an integer from 1 to 8"):
        pack(np.zeros(3, np.uint8), bits)
    with pytest.raises(ValueError, match="bits must be an integer from 1 to 8"):
        unpack(b"", bits, 0)


def test_codes_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="below 8 to fit 3 bits; got 8"):
        pack(np.array([7, 8], np.uint8), 3)
    with pytest.raises(ValueError, match="must be uint8"):
        pack(np.array([1, 2], np.int64), 3)
    with pytest.raises(ValueError, match="must be uint8"):
        pack(np.zeros((2, 2), np.uint8), 3)


@pytest.mark.parametrize("count", [8, 11, -1, 10**15])
def test_data_of_another_length_is_refused(count):
    with pytest.raises(ValueError, match="do not take 4 bytes"):
        unpack(bytes(4), 3, count)


@pytest.mark.parametrize("bit", [6, 7])
def test_padding_bits_must_be_zero(bit):
    packed = pack(np.array([1, 2], np.uint8), 3)
    with pytest.raises(ValueError, match="padding bits"):
        unpack(bytes([packed[0] | 1 << bit]), 3, 2)
