"""`tfqd.size_report` and `tfqd.compute_report`: from a model to its bytes and multiply-adds."""

from typing import Any

import keras

from tfqd import report
from tfqd.compressed import CompressedModel
from tfqd.export.archive_file import archive_size
from tfqd.wrapping import compress, float_form, quantize_model
from tfqd.wrapping.fitting import student_or_self
from tfqd.wrapping.plain_values import as_floats
from tfqd.wrapping.quantized import is_quantized
from tfqd.wrapping.version import version_of

BITS = (8, 4, 3, 2)


def size_report(model: keras.Model | CompressedModel, *, probes: Any = None) -> report.ModelSizes:
    """The sizes of a model: what it is, or what 8, 4, 3 and 2 bits would make of it.

    The bytes of archives are those of whole `.tfqd` files, which are encoded in
    memory for it. Those of a float model are of post-training quantization: its
    kernels and embeddings in buckets of 256 weights. Training makes archives
    smaller by some percent, and 2 and 3 bits usable.

    Args:
        model: a quantized or float Keras model, of a Distiller its student, or what
            `tfqd.compress` made of one.
        probes: see `tfqd.save`; they lie in the archive.

    Returns:
        A `tfqd.ModelSizes`, which prints as a table; `to_dict()` gives it as JSON values:
        float bytes, bits, entropy, Huffman mean length, fixed-length bytes, the
        paper's formula and the ratio, by variable and in total, and
        ``archive_bytes``. Of a float model ``bytes_at_bits`` has the bytes of its
        archives by bits.

    Raises:
        TypeError, ValueError: as `tfqd.compress`, `tfqd.quantize_model` and
            `tfqd.save`; for a plain model that trained under
            `tfqd.callbacks.QuantizeWeights`, which has a quantized form.

    Example:

    >>> report = tfqd.size_report(quantized)
    >>> report.total.float_bytes, report.total.fixed_bytes
    (848, 192)
    >>> round(report.to_dict()["total"]["ratio"], 2)
    4.42
    >>> [*tfqd.size_report(model).bytes_at_bits]
    [8, 4, 3, 2]
    """
    model = student_or_self(model)
    if isinstance(model, CompressedModel):
        compressed = model
    elif is_quantized(model) or as_floats(model) is not None:
        compressed = compress(model)
    else:
        quantized = ((bits, quantize_model(model, bits)) for bits in BITS)
        found = {bits: archive_size(each, probes=probes) for bits, each in quantized}
        return report.sizes_of(float_form(model), bytes_at_bits=found)
    return report.sizes_of(compressed, archive_size(compressed, probes=probes))


def compute_report(model: keras.Model) -> report.ModelCompute:
    """The multiply-adds of a model for one example, by bits of weights and of activations.

    Counted are Dense, EinsumDense, convolutions, also depthwise, separable and transposed
    ones, and LSTM, GRU and SimpleRNN, at each of their time steps, also in Bidirectional. A
    convolution counts each weight at each place, where it pads too. So are products of two
    tensors, as in attention that `tfqd.Activations` takes apart. Whatever else the model calls
    is named in ``uncounted``: normalization and pooling, but also attention that is one layer,
    and layers whose shapes are not known. Bits of activations are those of the ranges of
    `tfqd.Activations`, 32 where a layer computes with floats.

    Args:
        model: a built Sequential or Functional model, float or quantized, of Keras 3 or
            tf_keras; of a Distiller its student. It is not run.

    Returns:
        A `tfqd.ModelCompute`, which prints as a table; ``kernels`` has the rows, ``by_bits``
        and ``total`` the sums, and `to_dict()` gives it as JSON values.

    Raises:
        TypeError: when `model` is no Keras model.
        ValueError: for a subclassed model, and for activations that tfmot's quantizers round.

    Example:

    >>> report = tfqd.compute_report(tfqd.quantize_model(model, 4))
    >>> report.by_bits
    {(4, 32): 192}
    """
    model = student_or_self(model)
    return version_of(model).building.compute_of(model)
