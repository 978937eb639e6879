"""Cutting tensors into buckets and putting them together again."""

import numpy as np
import tensorflow as tf
from hypothesis import given
from hypothesis import strategies as st
from numpy_quantization import bucket_indices, bucketings

from tfqd import ops
from tfqd.ops.buckets import bucket_axis
from tfqd.spec.bucketing import Bucketing

FLAT = Bucketing((4, 3), 5)
CHANNEL = Bucketing((3, 2), 2, "channel")


def numbered(bucketing):
    """1, 2, 3, ... in row-major order: float32, so that a filled-in 0 stands out."""
    return np.arange(1, bucketing.size + 1, dtype=np.float32).reshape(bucketing.shape)


def as_matrix(cut, bucketing):
    """The cut tensor as [buckets, length], channel by channel."""
    last = np.moveaxis(np.asarray(cut), bucket_axis(bucketing), -1)
    if bucketing.channels_last:
        last = np.swapaxes(last, 0, 1)
    return last.reshape(bucketing.count, bucketing.length)


@given(bucketings(), st.sampled_from(["last", "zero"]))
def test_round_trip(bucketing, fill):
    tensor = numbered(bucketing)
    again = ops.from_buckets(ops.to_buckets(tensor, bucketing, fill), bucketing)
    np.testing.assert_array_equal(again, tensor)


@given(bucketings())
def test_buckets_hold_the_weights_that_the_layout_says(bucketing):
    rows = as_matrix(ops.to_buckets(numbered(bucketing), bucketing), bucketing)
    for row, indices in zip(rows, bucket_indices(bucketing), strict=True):
        expected = indices + 1
        if bucketing.layout == "tile":  # padded below and beside, by what is there
            assert set(row) == set(expected)
            continue
        padding = np.full(bucketing.length - len(expected), expected[-1])
        np.testing.assert_array_equal(row, [*expected, *padding])


@given(bucketings())
def test_zero_fills_only_the_padding(bucketing):
    rows = as_matrix(ops.to_buckets(numbered(bucketing), bucketing, fill="zero"), bucketing)
    assert np.count_nonzero(rows == 0) == bucketing.count * bucketing.length - bucketing.size
    for row, indices in zip(rows, bucket_indices(bucketing), strict=True):
        np.testing.assert_array_equal(row[row != 0], indices + 1)


@given(bucketings(), st.integers(0, 2**32 - 1))
def test_padding_leaves_the_range_of_each_bucket_alone(bucketing, seed):
    tensor = np.random.default_rng(seed).normal(size=bucketing.shape).astype(np.float32)
    cut, axis = ops.to_buckets(tensor, bucketing), bucket_axis(bucketing)
    low = ops.per_bucket(tf.reduce_min(cut, axis, keepdims=True), bucketing)
    high = ops.per_bucket(tf.reduce_max(cut, axis, keepdims=True), bucketing)
    buckets = [tensor.reshape(-1)[indices] for indices in bucket_indices(bucketing)]
    np.testing.assert_array_equal(low, [bucket.min() for bucket in buckets])
    np.testing.assert_array_equal(high, [bucket.max() for bucket in buckets])


def test_flat_buckets_by_hand():
    cut = ops.to_buckets(tf.constant([[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]]), FLAT)
    assert cut.numpy().tolist() == [[[1, 2, 3, 4, 5], [6, 7, 8, 9, 10], [11, 12, 12, 12, 12]]]


def test_channel_buckets_by_hand():
    cut = ops.to_buckets(tf.constant([[1, 10], [2, 20], [3, 30]]), CHANNEL)
    assert as_matrix(cut, CHANNEL).tolist() == [[1, 2], [3, 3], [10, 20], [30, 30]]
