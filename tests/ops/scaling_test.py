"""The range of a bucket."""

import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given
from numpy_quantization import bucket_indices, cases, scale_and_offset

from tfqd import ops
from tfqd.ops.buckets import bucket_axis
from tfqd.ops.scaling import bucket_range, scale_down, scale_up


@given(cases())
def test_scale_and_offset_are_those_of_each_bucket(case):
    cut = ops.to_buckets(case.weights, case.bucketing)
    found = bucket_range(cut, bucket_axis(case.bucketing), case.scaling)
    flat = case.weights.reshape(-1)
    expected = [scale_and_offset(flat[i], case.scaling) for i in bucket_indices(case.bucketing)]
    scale, offset = np.transpose(expected)
    np.testing.assert_allclose(ops.per_bucket(found.scale, case.bucketing), scale, rtol=1e-6)
    if case.scaling == "symmetric":
        assert found.offset is None
    else:
        np.testing.assert_array_equal(ops.per_bucket(found.offset, case.bucketing), offset)


@given(cases())
def test_scaled_weights_fill_the_domain_and_scale_back(case):
    cut = ops.to_buckets(case.weights, case.bucketing)
    axis = bucket_axis(case.bucketing)
    found = bucket_range(cut, axis, case.scaling)
    scaled = scale_down(cut, found)
    ends = np.abs(scaled).max(axis), np.min(scaled, axis)
    expected = np.sign(np.squeeze(found.scale, axis))
    np.testing.assert_allclose(ends[0], expected, atol=1e-6)
    assert (ends[1] >= (-1 if case.scaling == "symmetric" else 0) * 1.000001).all()
    tolerance = 1e-6 * np.abs(cut).max()
    np.testing.assert_allclose(scale_up(scaled, found), cut, atol=tolerance)


@pytest.mark.parametrize(
    ("weights", "scaling", "scale", "offset"),
    [
        ([-1.0, 0.0, 3.0], "affine", 4.0, -1.0),
        ([-5.0, 0.0, 3.0], "symmetric", 5.0, None),
        ([2.0, 2.0], "affine", 0.0, 2.0),
        ([2.0, 2.0], "symmetric", 2.0, None),
        ([0.0, 0.9e-10], "affine", 0.0, 0.0),
        ([0.0, 1.1e-10], "affine", 1.1e-10, 0.0),
        ([-0.9e-10, 0.0], "symmetric", 0.0, None),
        ([-1.1e-10, 0.0], "symmetric", 1.1e-10, None),
    ],
)
def test_range_by_hand(weights, scaling, scale, offset):
    found = bucket_range(tf.constant([weights]), 1, scaling)
    assert found.scale.numpy().tolist() == [[np.float32(scale)]]
    assert (found.offset is None) == (offset is None)
    if offset is not None:
        assert found.offset.numpy().tolist() == [[offset]]
