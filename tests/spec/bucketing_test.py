"""Where the buckets of a tensor lie."""

import numpy as np
import pytest
from hypothesis import given
from numpy_quantization import bucket_indices, bucketings

from tfqd.spec.bucketing import Bucketing


@given(bucketings())
def test_counts_are_those_of_the_buckets_themselves(bucketing):
    buckets = bucket_indices(bucketing)
    assert bucketing.count == len(buckets)
    assert bucketing.length == max(map(len, buckets))
    padded = (
        bucketing.row_length + bucketing.padding,
        bucketing.channels + bucketing.channel_padding,
    )
    assert padded == (
        bucketing.width * bucketing.buckets_per_row,
        bucketing.height * bucketing.rows,
    )
    assert bucketing.channels * bucketing.row_length == bucketing.size == sum(map(len, buckets))


@pytest.mark.parametrize(
    ("shape", "bucket_size", "count", "padding"),
    [((3, 5), 4, 4, 1), ((16, 16), 256, 1, 0), ((16, 17), 256, 2, 240), ((7,), 256, 1, 0)],
)
def test_flat_buckets_by_hand(shape, bucket_size, count, padding):
    bucketing = Bucketing(shape, bucket_size)
    assert (bucketing.count, bucketing.padding) == (count, padding)


def test_channel_buckets_by_hand():
    bucketing = Bucketing((3, 3, 4, 10), 16, layout="channel")
    assert (bucketing.rows, bucketing.row_length) == (10, 36)
    assert (bucketing.buckets_per_row, bucketing.count, bucketing.padding) == (3, 30, 12)


@pytest.mark.parametrize(
    ("axes", "rows"), [((-1,), 8), ((-2, -1), 32), ((0,), 2), ((1,), 3), ((2, 0), 8), ((), 1)]
)
def test_no_bucket_size_gives_one_bucket_a_channel(axes, rows):
    bucketing = Bucketing((2, 3, 4, 8), None, "channel", axes)
    assert bucketing.count == rows
    assert bucketing.padding == 0


def test_no_bucket_size_gives_one_bucket_a_tensor():
    assert Bucketing((2, 3, 4, 8), None).count == 1


def test_a_tensor_shorter_than_the_bucket_is_one_bucket_of_its_own_length():
    bucketing = Bucketing((5, 2), 256)
    assert (bucketing.count, bucketing.length, bucketing.padding) == (1, 10, 0)


def test_a_scalar_is_one_bucket_in_either_layout():
    for layout in ("flat", "channel"):
        bucketing = Bucketing((), 256, layout)
        assert (bucketing.size, bucketing.count, bucketing.length) == (1, 1, 1)


def test_numpy_integers_and_lists_are_kept_as_pythons():
    bucketing = Bucketing([np.int64(4), 6], np.int32(3), "channel", [1])
    assert bucketing == Bucketing((4, 6), 3, "channel", (-1,))
    assert type(bucketing.bucket_size) is type(bucketing.shape[0]) is int


@pytest.mark.parametrize("bucket_size", [0, -1, 1.5, 256.0, True, np.bool_(True), "256"])
def test_refuses_a_bucket_size_that_is_no_positive_integer(bucket_size):
    with pytest.raises(ValueError, match="bucket_size must be None or a positive integer; got"):
        Bucketing((4,), bucket_size)


@pytest.mark.parametrize("shape", [(None, 3), (0,), (3, -1), (2.5,), ("3",)])
def test_refuses_unknown_and_empty_dimensions(shape):
    with pytest.raises(ValueError, match="must be known and at least 1; got shape"):
        Bucketing(shape)


@pytest.mark.parametrize("layout", ["rows", None, 1])
def test_refuses_an_unknown_layout(layout):
    with pytest.raises(ValueError, match="layout must be one of 'flat', 'channel', 'tile'; got"):
        Bucketing((4,), 4, layout)


@pytest.mark.parametrize("axes", [(2,), (-3,), (0, 0), (0, -2)])
def test_refuses_channel_axes_outside_the_tensor_or_named_twice(axes):
    with pytest.raises(ValueError, match=r"channel_axes must be different axes .*\(3, 4\); got"):
        Bucketing((3, 4), 4, "channel", axes)


def test_tiles_by_hand():
    # 10 output channels, 8 + 2, of 3 x 3 x 4 = 36 weights, 16 + 16 + 4.
    bucketing = Bucketing((3, 3, 4, 10), (8, 16), "tile")
    assert (bucketing.rows, bucketing.buckets_per_row, bucketing.count) == (2, 3, 6)
    assert (bucketing.length, bucketing.padding, bucketing.channel_padding) == (128, 12, 6)
    assert Bucketing((5, 2), (8, 64), "tile") == Bucketing((5, 2), [8, np.int64(64)], "tile")
    assert Bucketing((5, 2), (8, 64), "tile").length == 10


@pytest.mark.parametrize("size", [None, 64, (8,), (8, 64, 2), (0, 64), (8, -1), (8, 6.0), "8x64"])
def test_refuses_tiles_that_are_no_pair_of_positive_integers(size):
    with pytest.raises(ValueError, match=r"layout='tile' needs bucket_size=.*two positive"):
        Bucketing((40, 30), size, "tile")


@pytest.mark.parametrize("shape", [(), (40,)])
def test_refuses_tiles_of_what_is_no_matrix(shape):
    with pytest.raises(ValueError, match="cuts a matrix, a tensor of two axes or more; got one"):
        Bucketing(shape, (8, 64), "tile")


def test_refuses_a_pair_in_other_layouts():
    with pytest.raises(ValueError, match="bucket_size must be None or a positive integer; got"):
        Bucketing((4, 4), (2, 2), "channel")


def test_points_are_of_one_codebook_or_one_row_for_each():
    channels = Bucketing((3, 5), None, "channel")
    assert channels.points_shape(4, None) == Bucketing((3, 5)).points_shape(4, None) == (4,)
    assert channels.points_shape(4, 2) == (3, 4)
    assert Bucketing((3, 5), (4, 2), "tile").points_shape(4, None) == (4, 4)
