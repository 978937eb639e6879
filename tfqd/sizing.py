"""`tfqd.size_report`: from any quantized model to its sizes."""

import keras

from tfqd import report
from tfqd.compressed import CompressedModel
from tfqd.wrapping import compress


def size_report(model: keras.Model | CompressedModel) -> report.ModelSizes:
    """The sizes of a quantized or compressed model, by variable and in total.

    Args:
        model: a quantized Keras model, or what `tfqd.compress` made of it.

    Returns:
        A report that prints as a table; `to_dict()` gives it as JSON values:
        float bytes, bits, entropy, Huffman mean length, fixed-length bytes, the
        paper's formula and the ratio.

    Raises:
        TypeError, ValueError: as `tfqd.compress`.

    Example:

    >>> report = tfqd.size_report(quantized)
    >>> report.total.float_bytes, report.total.fixed_bytes
    (848, 192)
    >>> round(report.to_dict()["total"]["ratio"], 2)
    4.42
    """
    compressed = model if isinstance(model, CompressedModel) else compress(model)
    return report.size_report(compressed)
