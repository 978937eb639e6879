"""Bytes of a compressed model, by fixed-length codes and by the paper's account.

The paper's formula (section 4 of arXiv 1802.05668 and its reference code)
counts one Huffman code for the whole model over the pooled codes and two
float32 per bucket, and nothing else:

    bytes = 4 N_float + H N_quantized / 8 + 8 N_quantized / bucket_size

with no scale term for a bucket size of None. N_float counts parameters, to which
the moving statistics of BatchNormalization do not belong. It is an estimate of what
nobody stored; `fixed_bytes` is what packed codes, scales, offsets and points
take.
"""

import dataclasses
import re
from collections.abc import Iterable, Mapping

import numpy as np

from tfqd.compressed import code_lengths, points
from tfqd.compressed.model import CompressedModel
from tfqd.compressed.packing import packed_bytes
from tfqd.compressed.tensor import QuantizedTensor
from tfqd.spec.bucketing import Bucketing

_STATISTICS = re.compile(r"(^|/)moving_(mean|variance)(:\d+)?$")


@dataclasses.dataclass(frozen=True)
class Size:
    """The sizes of one tensor, or of all of a model's tensors together.

    weights: number of weights.
    bits: bits per code; their mean over the quantized weights for a model.
    entropy: bits per code that no code can undercut.
    huffman: mean length in bits of the Huffman code.
    float_bytes: 4 bytes a weight (the size of the array for what stayed float).
    fixed_bytes: packed codes, scales, offsets and points.
    paper_bytes: the paper's formula.
    """

    weights: int
    bits: float
    entropy: float
    huffman: float
    float_bytes: int
    fixed_bytes: int
    paper_bytes: float

    @property
    def ratio(self) -> float:
        """Float bytes over fixed-length bytes; 1 where there is nothing."""
        return self.float_bytes / self.fixed_bytes if self.fixed_bytes else 1.0


def fixed_length_bytes(
    bucketing: Bucketing, bits: int, numbers_per_bucket: int, point_bytes: int
) -> int:
    """Bytes of a tensor with packed codes of `bits` each.

    Args:
        bucketing: the tensor's buckets.
        bits: bits per code.
        numbers_per_bucket: how many of them, scale and offset, each in 4 bytes.
        point_bytes: of all points together, 0 for a uniform grid.
    """
    packed = packed_bytes(bucketing.size, bits)
    return packed + 4 * bucketing.count * numbers_per_bucket + point_bytes


def tensor_size(tensor: QuantizedTensor | np.ndarray) -> Size:
    """The sizes of one tensor, with a Huffman code of its own."""
    if not isinstance(tensor, QuantizedTensor):
        return Size(tensor.size, 8.0 * tensor.itemsize, 0.0, 0.0, *[tensor.nbytes] * 3)
    counts = code_counts(tensor)
    mean = code_lengths.mean_length(counts)
    return Size(
        weights=tensor.size,
        bits=tensor.bits,
        entropy=code_lengths.entropy(counts),
        huffman=mean,
        float_bytes=4 * tensor.size,
        fixed_bytes=fixed_bytes(tensor),
        paper_bytes=mean * tensor.size / 8 + paper_scale_bytes(tensor),
    )


def model_size(model: CompressedModel) -> Size:
    """The sizes of a whole model, with one Huffman code over the pooled codes."""
    quantized, rest = model.quantized.values(), model.rest.values()
    counts = pooled_counts(quantized)
    weights = sum(tensor.size for tensor in quantized)
    mean = code_lengths.mean_length(counts)
    float_rest = sum(array.nbytes for array in rest)
    return Size(
        weights=weights + sum(array.size for array in rest),
        bits=sum(tensor.bits * tensor.size for tensor in quantized) / max(1, weights),
        entropy=code_lengths.entropy(counts),
        huffman=mean,
        float_bytes=float_rest + 4 * weights,
        fixed_bytes=float_rest + sum(map(fixed_bytes, quantized)),
        paper_bytes=paper_rest_bytes(model.rest)
        + mean * weights / 8
        + sum(map(paper_scale_bytes, quantized)),
    )


def paper_rest_bytes(rest: Mapping[str, np.ndarray]) -> int:
    """What stayed float, by path, without the moving statistics of BatchNormalization."""
    return sum(array.nbytes for path, array in rest.items() if not _STATISTICS.search(path))


def fixed_bytes(tensor: QuantizedTensor) -> int:
    """Bytes of a tensor's packed codes, scales, offsets and points."""
    numbers = tensor.is_scaled + (tensor.offset is not None)
    point_bytes = 0
    if tensor.points is not None:
        point_bytes = tensor.points.size * points.BYTES[points.type_of(tensor.points)]
    return fixed_length_bytes(tensor.bucketing, tensor.bits, numbers, point_bytes)


def code_counts(tensor: QuantizedTensor) -> np.ndarray:
    """How often each of the tensor's levels occurs: int64 [256]."""
    return np.bincount(tensor.codes.reshape(-1), minlength=256)


def pooled_counts(tensors: Iterable[QuantizedTensor]) -> np.ndarray:
    """How often each level index occurs over all tensors: int64 [256]."""
    return sum((code_counts(tensor) for tensor in tensors), np.zeros(256, np.int64))


def paper_scale_bytes(tensor: QuantizedTensor) -> float:
    """Two float32 a bucket, the number of buckets not rounded up.

    Nothing for a bucket size of None, one bucket a tensor. The paper knows only
    the layout ``flat``; in others no bucket is longer than a channel or a tile.
    """
    bucketing = tensor.bucketing
    if bucketing.layout != "flat":
        return 8.0 * tensor.size / bucketing.length
    size = bucketing.bucket_size
    return 8.0 * tensor.size / size if isinstance(size, int) else 0.0


def paper_ratio(bits: int, bucket_size: int) -> float:
    """The paper's fixed-length ratio: 32 k / (k b + 64) for buckets of k.

    Example:

    >>> [round(paper_ratio(bits, bucket_size=256), 2) for bits in (2, 4, 8)]
    [14.22, 7.53, 3.88]
    """
    return 32 * bucket_size / (bits * bucket_size + 64)
