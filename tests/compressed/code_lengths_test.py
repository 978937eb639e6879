"""Huffman code lengths and entropy."""

import itertools
import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfqd.compressed import code_lengths

counts_of_several = (
    st.lists(st.integers(0, 10_000), min_size=2, max_size=256)
    .filter(lambda counts: np.count_nonzero(counts) > 1)
    .map(np.array)
)


def bits_of_the_best_code(counts):
    """Bits of the shortest prefix-free code, by trying every set of lengths that Kraft allows."""
    lengths = itertools.product(range(1, len(counts)), repeat=len(counts))
    allowed = (chosen for chosen in lengths if sum(2.0**-length for length in chosen) <= 1)
    return min(int(np.dot(counts, chosen)) for chosen in allowed)


def test_known_lengths():
    uneven, doubling = np.array([45, 13, 12, 16, 9, 5]), np.array([1, 1, 2, 4, 8, 16])
    assert code_lengths.code_lengths(uneven).tolist() == [1, 3, 3, 3, 4, 4]
    assert code_lengths.code_lengths(doubling).tolist() == [5, 5, 4, 3, 2, 1]


@given(st.lists(st.integers(1, 50), min_size=2, max_size=5))
def test_no_prefix_free_code_is_shorter(counts):
    lengths = code_lengths.code_lengths(np.array(counts))
    assert int(np.dot(counts, lengths)) == bits_of_the_best_code(counts)


@given(counts_of_several)
def test_lengths_fill_the_code_tree(counts):
    lengths = code_lengths.code_lengths(counts)
    assert sum(Fraction(1, 2 ** int(length)) for length in lengths[counts > 0]) == 1
    assert (lengths[counts == 0] == 0).all()


@given(counts_of_several)
def test_more_frequent_symbols_are_never_longer(counts):
    counts = counts[counts > 0]
    lengths = code_lengths.code_lengths(counts)
    assert not ((counts[:, None] > counts) & (lengths[:, None] > lengths)).any()


@given(counts_of_several)
def test_mean_length_is_less_than_a_bit_above_the_entropy(counts):
    mean, entropy = code_lengths.mean_length(counts), code_lengths.entropy(counts)
    assert entropy - 1e-9 <= mean < entropy + 1


@pytest.mark.parametrize("bits", range(1, 9))
def test_equal_counts_need_all_bits(bits):
    counts = np.full(2**bits, 7)
    assert code_lengths.code_lengths(counts).tolist() == [bits] * 2**bits
    assert code_lengths.mean_length(counts) == bits
    assert code_lengths.entropy(counts) == pytest.approx(bits)


def test_powers_of_two_reach_the_entropy():
    counts = np.array([8, 4, 2, 1, 1])
    assert code_lengths.mean_length(counts) == pytest.approx(code_lengths.entropy(counts)) == 1.875


def test_entropy_by_hand():
    expected = -(0.75 * math.log2(0.75) + 0.25 * math.log2(0.25))
    assert code_lengths.entropy(np.array([3, 0, 1])) == pytest.approx(expected)


@pytest.mark.parametrize("counts", [[0, 9, 0], [1], [0, 0], []])
def test_at_most_one_symbol_needs_no_bits(counts):
    counts = np.array(counts, np.int64)
    assert code_lengths.code_lengths(counts).tolist() == [0] * len(counts)
    assert code_lengths.mean_length(counts) == code_lengths.entropy(counts) == 0


def test_counts_of_a_large_model_do_not_overflow():
    counts = np.array([3_000_000_000, 1_000_000_000, 1])
    assert code_lengths.code_lengths(counts).tolist() == [1, 2, 2]
    assert code_lengths.mean_length(counts) == pytest.approx(1.25)
