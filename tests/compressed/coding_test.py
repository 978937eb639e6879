"""Entropy-coded codes: exact, close to the entropy, and safe to read from anywhere."""

import zlib

import hypothesis
import hypothesis.extra.numpy
import numpy as np
import pytest
from compressed_examples import random_codes
from hypothesis import strategies

from tfqd.compressed import code_lengths, coding, histogram, huffman_coding, packing, rans
from tfqd.compressed.coding import Coded

NORMAL = hypothesis.settings(max_examples=50, deadline=None)

# Sampled codes of quantized weights: name -> (bits, sampler of `count` reals).
DISTRIBUTIONS = {
    "1 bit, skewed": (1, lambda random, count: random.random(count) < 0.2),
    "2 bits, normal": (2, lambda random, count: random.normal(1.5, 0.8, count)),
    "2 bits, skewed": (2, lambda random, count: random.exponential(0.5, count)),
    "4 bits, normal": (4, lambda random, count: random.normal(7.5, 2.6, count)),
    "4 bits, skewed": (4, lambda random, count: random.exponential(1.5, count)),
    "4 bits, peaked": (4, lambda random, count: random.laplace(7.5, 1, count)),
    "8 bits, normal": (8, lambda random, count: random.normal(127, 43, count)),
    "8 bits, narrow": (8, lambda random, count: random.normal(127, 10, count)),
    "8 bits, skewed": (8, lambda random, count: random.exponential(20, count)),
    "8 bits, peaked": (8, lambda random, count: random.laplace(127, 15, count)),
}


def sample(name, count):
    bits, sampler = DISTRIBUTIONS[name]
    values = sampler(np.random.default_rng(5), count)
    return bits, np.clip(np.rint(values), 0, 2**bits - 1).astype(np.uint8)


def entropy_bytes(codes):
    return code_lengths.entropy(np.bincount(codes)) * len(codes) / 8


def encode_rans(codes, levels):
    return rans.encode(codes, np.bincount(codes, minlength=levels))


@strategies.composite
def bits_and_codes(draw):
    bits = draw(strategies.integers(1, 8))
    count = draw(strategies.integers(1, 400))
    codes = hypothesis.extra.numpy.arrays(
        np.uint8, count, elements=strategies.integers(0, 2**bits - 1)
    )
    return bits, draw(codes)


@NORMAL
@hypothesis.given(bits_and_codes())
def test_every_coding_gives_the_codes_back(case):
    bits, codes = case
    coded = coding.encode(codes, bits, 2**bits)
    np.testing.assert_array_equal(coding.decode(coded, bits, 2**bits, len(codes)), codes)
    deflated = huffman_coding.encode(codes)
    np.testing.assert_array_equal(huffman_coding.decode(deflated, len(codes)), codes)
    if len(set(codes.tolist())) > 1:
        payload = encode_rans(codes, 2**bits)
        np.testing.assert_array_equal(rans.decode(payload, 2**bits, len(codes)), codes)


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("count", [10_000, 300_000])
def test_rans_is_within_one_percent_of_the_entropy(name, count):
    bits, codes = sample(name, count)
    payload = encode_rans(codes, 2**bits)
    assert len(payload) >= entropy_bytes(codes)
    assert len(payload) <= 1.01 * entropy_bytes(codes)
    np.testing.assert_array_equal(rans.decode(payload, 2**bits, count), codes)


def test_counts_without_any_pattern_cost_more_only_at_8_bits_and_10000_weights():
    # 256 unrelated frequencies cannot be told in the 90 bytes that 1 % would leave.
    random = np.random.default_rng(5)
    frequencies = random.dirichlet(np.ones(256))
    for count, excess in ((10_000, 1.02), (30_000, 1.01)):
        codes = random.choice(256, count, p=frequencies).astype(np.uint8)
        assert len(encode_rans(codes, 256)) < excess * entropy_bytes(codes)


@pytest.mark.parametrize("name", ["4 bits, normal", "8 bits, normal", "8 bits, skewed"])
def test_huffman_is_within_one_percent_of_its_mean_length(name):
    _, codes = sample(name, 100_000)
    mean = code_lengths.mean_length(np.bincount(codes))
    assert len(huffman_coding.encode(codes)) <= 1.01 * mean * len(codes) / 8


def test_huffman_payloads_are_rfc_1951():
    _, codes = sample("4 bits, skewed", 50_000)
    assert zlib.decompress(huffman_coding.encode(codes), -15) == codes.tobytes()


def reference_rans(payload, levels, count):
    """The documented format, read one symbol at a time in Python's integers."""
    resolution, decay = payload[0] & 15, payload[0] >> 4
    stack = payload[1:] + bytes(-len(payload[1:]) % 4)
    words = [int.from_bytes(stack[i : i + 4], "little") for i in range(0, len(stack), 4)]
    state = 0

    def refill():
        nonlocal state
        while state < 2**32 and words:
            state = state << 32 | words.pop()

    def pop(frequencies):
        nonlocal state
        refill()
        slot, symbol, below = state % 2**24, 0, 0
        while slot >= below + frequencies[symbol]:
            below += frequencies[symbol]
            symbol += 1
        state = (state >> 24) * frequencies[symbol] + slot - below
        return symbol

    changes = histogram.difference_frequencies(resolution, decay).tolist()
    steps = [1]
    for _ in range(levels):
        zigzagged = pop(changes)
        steps.append(steps[-1] + (-zigzagged // 2 if zigzagged % 2 == 0 else (zigzagged + 1) // 2))
    occurring = [level for level, step in enumerate(steps[1:]) if step]
    table = histogram.Histogram(np.array(steps[1:]), resolution, decay).frequencies().tolist()
    codes = [occurring[pop(table)] for _ in range(count)]
    refill()
    assert state == 2**24 - 1
    assert words == []
    return codes


@pytest.mark.parametrize("name", ["1 bit, skewed", "4 bits, normal", "8 bits, peaked"])
def test_rans_payloads_read_as_documented(name):
    bits, codes = sample(name, 3000)
    payload = encode_rans(codes, 2**bits)
    assert reference_rans(payload, 2**bits, len(codes)) == codes.tolist()


def test_frequencies_are_exact_integers():
    # Steps 1 and 2 weigh 1 : 2. Each has one unit; 2^24 - 2 units go by thirds.
    table = histogram.Histogram(np.array([1, 0, 2]), resolution=0, decay=0)
    third = (2**24 - 2) // 3
    assert table.frequencies().tolist() == [1 + third, 2**24 - 1 - third]
    # One step of resolution 1 is a factor of sqrt(2): 65536 and 92681 = isqrt(2^33).
    table = histogram.Histogram(np.array([1, 2]), resolution=1, decay=0)
    assert table.frequencies()[0] == 1 + 65536 * (2**24 - 2) // (65536 + 92681)


@NORMAL
@hypothesis.given(
    hypothesis.extra.numpy.arrays(
        np.int64, strategies.integers(2, 256), elements=strategies.integers(0, 2**33)
    )
)
def test_histograms_hold_every_code_that_occurs(counts):
    hypothesis.assume(np.count_nonzero(counts) > 1)
    table = histogram.fit(counts)
    assert (table.steps[counts > 0] > 0).all()
    assert table.steps.min() >= 0
    assert table.steps.max() < histogram.step_count(table.resolution)
    frequencies = table.frequencies()
    assert frequencies.min() >= 1
    assert frequencies.sum() == 2**24


@pytest.mark.parametrize("name", DISTRIBUTIONS)
@pytest.mark.parametrize("count", [60, 1000, 20_000])
def test_the_shortest_coding_is_chosen(name, count):
    bits, codes = sample(name, count)
    lengths = {
        "raw": len(packing.pack(codes, bits)),
        "huffman": len(huffman_coding.encode(codes)),
        "rans": len(encode_rans(codes, 2**bits)),
    }
    coded = coding.encode(codes, bits, 2**bits)
    assert len(coded.payload) == min(lengths.values()) == lengths[coded.coding]


def test_evenly_spread_codes_are_stored_raw():
    codes = np.random.default_rng(0).integers(0, 16, 5000, np.uint8)
    assert coding.encode(codes, 4, 16).coding == "raw"


def test_huffman_wins_where_the_parts_of_a_tensor_differ():
    random = np.random.default_rng(0)
    parts = [np.full(40_000, 3), random.integers(0, 256, 40_000)]
    assert coding.encode(np.concatenate(parts).astype(np.uint8), 8, 256).coding == "huffman"


@pytest.mark.parametrize("count", [1, 1024, 1025, 1_000_000])
def test_constant_codes_take_a_byte_for_every_1024(count):
    coded = coding.encode(np.full(count, 5, np.uint8), 3, 8)
    assert coded == ("constant", b"\5".ljust(-(-count // 1024), b"\0"))
    np.testing.assert_array_equal(coding.decode(coded, 3, 8, count), np.full(count, 5))


@pytest.mark.parametrize("rare", [0, 255])
def test_almost_constant_codes_still_back_their_count(rare):
    codes = np.full(3_000_000, 255 - rare, np.uint8)
    codes[[17, 2_000_000]] = rare
    coded = coding.encode(codes, 8, 256)
    assert coded.coding == "rans"
    assert len(coded.payload) == -(-len(codes) // 1024)
    np.testing.assert_array_equal(coding.decode(coded, 8, 256, len(codes)), codes)


@pytest.mark.parametrize("name", [*coding.CODINGS, "unknown"])
def test_counts_that_the_payload_cannot_back_are_refused(name):
    for count in (5 * 1024 + 1, 10**12, 10**30):
        with pytest.raises(ValueError, match="need at least"):
            coding.decode(Coded(name, bytes(5)), 4, 16, count)


@pytest.mark.parametrize("name", ["2 bits, skewed", "4 bits, peaked", "8 bits, normal"])
@pytest.mark.parametrize("coding_name", ["raw", "huffman", "rans"])
def test_missing_and_leftover_data_is_refused(name, coding_name):
    bits, codes = sample(name, 5000)
    payload = {
        "raw": packing.pack(codes, bits),
        "huffman": huffman_coding.encode(codes),
        "rans": encode_rans(codes, 2**bits),
    }[coding_name]
    for damaged in (
        payload[:-1],
        payload[: len(payload) // 2],
        payload + b"\0",
        payload + b"x" * 9,
    ):
        with pytest.raises(ValueError, match=r"."):
            coding.decode(Coded(coding_name, damaged), bits, 2**bits, len(codes))
    for count in (len(codes) - 8, len(codes) + 8):
        with pytest.raises(ValueError, match=r"."):
            coding.decode(Coded(coding_name, payload), bits, 2**bits, count)


def test_constants_with_leftover_data_are_refused():
    for payload in (b"\3\0", b"\3\1", b"\3" + bytes(9)):
        with pytest.raises(ValueError, match="left over"):
            coding.decode(Coded("constant", payload), 4, 16, 1000)


@hypothesis.settings(max_examples=400, deadline=None)
@hypothesis.given(
    name=strategies.sampled_from(coding.CODINGS),
    payload=strategies.binary(max_size=60),
    bits=strategies.integers(1, 8),
    count=strategies.integers(1, 3000),
)
def test_any_bytes_give_codes_or_a_value_error(name, payload, bits, count):
    try:
        codes = coding.decode(Coded(name, payload), bits, 2**bits, count)
    except ValueError:
        return
    assert codes.shape == (count,)
    assert codes.dtype == np.uint8


@pytest.mark.parametrize("coding_name", ["huffman", "rans"])
def test_flipped_bits_give_codes_or_a_value_error(coding_name):
    random = np.random.default_rng(0)
    codes = random_codes(random, 600, 16)
    encoder = huffman_coding.encode if coding_name == "huffman" else encode_rans
    payload = encoder(codes) if coding_name == "huffman" else encoder(codes, 16)
    refused = 0
    for bit in range(8 * len(payload)):
        damaged = bytearray(payload)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            decoded = coding.decode(Coded(coding_name, bytes(damaged)), 4, 16, len(codes))
            assert decoded.shape == codes.shape
        except ValueError:
            refused += 1
    assert refused > 0
