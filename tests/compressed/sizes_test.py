"""Sizes: worked by hand, and the paper's ratios."""

import numpy as np
import pytest
from compressed_examples import quantized_tensor

from tfqd.compressed import CompressedModel, QuantizedTensor
from tfqd.compressed.sizes import (
    Size,
    fixed_length_bytes,
    model_size,
    paper_ratio,
    paper_scale_bytes,
    pooled_counts,
    tensor_size,
)
from tfqd.spec.bucketing import Bucketing

PAPERS_RATIOS = {2: 14.22, 4: 7.53, 8: 3.88}


def affine_tensor(codes, bucket_size, bits=2):
    bucketing = Bucketing(np.shape(codes), bucket_size)
    zeros = np.zeros(bucketing.count, np.float32)
    return QuantizedTensor(np.array(codes, np.uint8), bits, 2**bits, bucketing, zeros, zeros)


@pytest.fixture
def two_tensors():
    """Codes 0 five times and 1, 2, 3 once each; one tensor in buckets of 2, one in one bucket."""
    return CompressedModel(
        {
            "first/kernel": affine_tensor([[0, 0], [1, 2]], 2),
            "first/bias": np.zeros(3, np.float32),
            "second/kernel": affine_tensor([[0, 0], [0, 3]], None),
        }
    )


@pytest.mark.parametrize("bits", PAPERS_RATIOS)
def test_ratios_at_bucket_256_are_the_papers(bits):
    assert round(paper_ratio(bits, 256), 2) == PAPERS_RATIOS[bits]


@pytest.mark.parametrize("bits", PAPERS_RATIOS)
@pytest.mark.parametrize("shape", [(256,), (32, 24), (3, 3, 64, 12)])
def test_a_tensor_of_whole_buckets_has_exactly_the_papers_ratio(bits, shape):
    size = tensor_size(quantized_tensor(shape, bits, bucket_size=256))
    assert size.ratio == pytest.approx(paper_ratio(bits, 256), rel=1e-12)


def test_fixed_length_bytes_by_hand():
    # 1000 weights in 4 buckets.
    bucketing = Bucketing((10, 100), 256)
    assert fixed_length_bytes(bucketing, 4, 2, point_bytes=0) == 500 + 4 * 8
    assert fixed_length_bytes(bucketing, 4, 1, point_bytes=0) == 500 + 4 * 4
    assert fixed_length_bytes(bucketing, 2, 2, point_bytes=16) == 250 + 4 * 8 + 16
    assert fixed_length_bytes(Bucketing((3,)), 3, 2, point_bytes=0) == 2 + 8


def test_one_tensor_by_hand(two_tensors):
    size = tensor_size(two_tensors.tensors["first/kernel"])
    # Huffman: code 0 one bit, 1 and 2 two bits; two float32 for each of two buckets.
    assert size == Size(
        weights=4,
        bits=2,
        entropy=1.5,
        huffman=1.5,
        float_bytes=16,
        fixed_bytes=1 + 16,
        paper_bytes=6 / 8 + 16,
    )
    assert size.ratio == 16 / 17


def test_a_model_pools_its_codes_for_one_huffman_code(two_tensors):
    size = model_size(two_tensors)
    # Counts 5, 1, 1, 1: lengths 1, 2, 3, 3 make 13 bits; the bias 3 float32; two buckets' scales.
    assert pooled_counts(two_tensors.quantized.values())[:5].tolist() == [5, 1, 1, 1, 0]
    assert size.huffman == 13 / 8
    assert size.paper_bytes == 4 * 3 + 13 / 8 + 8 * 4 / 2
    assert size.entropy == pytest.approx(5 / 8 * np.log2(8 / 5) + 3 / 8 * 3)
    assert (size.weights, size.bits) == (11, 2)
    assert size.float_bytes == 4 * 11
    assert size.fixed_bytes == (1 + 16) + 4 * 3 + (1 + 8)


@pytest.mark.parametrize(
    "path", ["norm/moving_mean", "moving_variance", "block/norm/moving_variance:1"]
)
def test_the_paper_counts_no_moving_statistics(two_tensors, path):
    statistics = {path: np.zeros(5, np.float32), "norm/gamma": np.zeros(5, np.float32)}
    size = model_size(CompressedModel({**two_tensors.tensors, **statistics}))
    before = model_size(two_tensors)
    assert size.paper_bytes == before.paper_bytes + 4 * 5
    assert size.fixed_bytes == before.fixed_bytes + 4 * 10
    assert size.float_bytes == before.float_bytes + 4 * 10


def test_bits_of_a_model_are_the_mean_over_its_quantized_weights():
    tensors = {"a": quantized_tensor((10, 30), 2), "b": quantized_tensor((10, 10), 8)}
    assert model_size(CompressedModel(tensors)).bits == 3.5


def test_paper_counts_two_floats_for_a_fraction_of_a_bucket():
    assert paper_scale_bytes(affine_tensor(np.zeros(64), 256)) == 2
    assert paper_scale_bytes(affine_tensor(np.zeros(384), 256)) == 12
    assert paper_scale_bytes(affine_tensor(np.zeros(384), None)) == 0


@pytest.mark.parametrize(("bucket_size", "count"), [(None, 16), (256, 16), (12, 32)])
def test_paper_counts_every_bucket_of_layout_channel(bucket_size, count):
    tensor = quantized_tensor((24, 16), layout="channel", bucket_size=bucket_size)
    assert tensor.bucketing.count == count
    assert paper_scale_bytes(tensor) == 8 * count


@pytest.mark.parametrize("dtype", [np.float32, np.float16, np.int64])
def test_what_is_not_quantized_counts_as_it_is(dtype):
    array = np.zeros((5, 3), dtype)
    assert tensor_size(array) == Size(
        weights=15,
        bits=8 * array.itemsize,
        entropy=0,
        huffman=0,
        float_bytes=array.nbytes,
        fixed_bytes=array.nbytes,
        paper_bytes=array.nbytes,
    )


def test_nothing_has_ratio_1():
    assert model_size(CompressedModel({})) == Size(0, 0, 0, 0, 0, 0, 0)
    assert model_size(CompressedModel({})).ratio == 1
