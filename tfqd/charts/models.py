"""Charts of what a compressed model holds, tensor by tensor."""

from collections.abc import Mapping

import numpy as np

from tfqd.charts.chart import Bar, Bars, Histogram, Mark, Marks
from tfqd.compressed import CompressedModel, QuantizedTensor
from tfqd.compressed.mean_bucket import levels_in_mean_bucket, weights_in_mean_bucket
from tfqd.compressed.records import payload_bytes
from tfqd.compressed.sizes import code_counts, tensor_size

_BINS = 80


def tradeoff(results: Mapping[str, tuple[float, float]], metric: str) -> Marks:
    """Scores against bytes.

    Args:
        results: (bytes, score) by name.
        metric: what the score is called.
    """
    marks = [Mark(name, size, score) for name, (size, score) in results.items()]
    return Marks(f"{metric} against bytes".capitalize(), "bytes", metric, marks)


def bits(model: CompressedModel) -> Bars:
    """Bits per code of each quantized tensor, and the bits after entropy coding."""
    sizes = {path: tensor_size(tensor) for path, tensor in model.quantized.items()}
    bars = [
        Bar(path, size.bits, f"{size.bits:g}, entropy {size.entropy:.2f}")
        for path, size in sizes.items()
    ]
    return Bars("Bits by tensor", "bits per weight", bars)


def sizes(model: CompressedModel) -> Bars:
    """Bytes of each quantized tensor in the archive, and of what stayed float together."""
    bars = [
        Bar(path, size, f"{size:,} of {4 * tensor.size:,}")
        for path, tensor in model.quantized.items()
        for size in [payload_bytes(tensor)]
    ]
    rest = sum(array.nbytes for array in model.rest.values())
    bars.append(Bar("all that stayed float", rest, f"{rest:,}"))
    return Bars("Bytes by tensor", "bytes in the archive", bars)


def histogram(path: str, tensor: QuantizedTensor, weights: np.ndarray | None) -> Histogram:
    """The weights of a tensor, and the levels that occur.

    Args:
        path: of the variable.
        tensor: what it is quantized to.
        weights: its float weights, of the tensor's shape; None where only the tensor is
            known, whose codes are counted then.
    """
    levels, occurring = levels_in_mean_bucket(tensor), code_counts(tensor)[: tensor.levels] > 0
    shown = weights_in_mean_bucket(tensor.dequantize() if weights is None else weights, tensor)
    counts, edges = np.histogram(shown, bins=_BINS)
    one_bucket = tensor.bucketing.count == 1
    label = "weight" if one_bucket else "weight, at the mean scale of its buckets"
    return Histogram(path, label, edges.tolist(), counts.tolist(), levels[occurring].tolist())
