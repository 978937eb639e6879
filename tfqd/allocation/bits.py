"""Bits where they matter, for a budget of bytes on disk or of bits on average."""

import math
from collections.abc import Sequence
from typing import Any

import keras

from tfqd.allocation.allocation import Allocation
from tfqd.allocation.choices import Weights, finer, variants
from tfqd.allocation.files import FILES, File
from tfqd.allocation.fitting import fit, smallest
from tfqd.allocation.menu import Item, Menu
from tfqd.allocation.sensitivity import mean_squared_gradients
from tfqd.batches import labelled_batches
from tfqd.export.suiting_probes import suiting_probes
from tfqd.spec import Spec
from tfqd.spec.bucketing import BucketSize
from tfqd.spec.budget import parse_bytes
from tfqd.spec.checks import (
    check_choice,
    checked_optional_count,
    is_bits,
    is_number,
    one_or_several,
)
from tfqd.spec.preferences import PREFERENCES
from tfqd.spec.selection import Selection
from tfqd.wrapping import quantize_model
from tfqd.wrapping.gradients import loss_function
from tfqd.wrapping.quantized import find_quantized


class OverBudget(ValueError):
    """That the smallest of all choices takes more than the budget."""


def allocate_bits(
    model: keras.Model,
    data: Any,
    *,
    budget: int | str | None = None,
    average_bits: float | None = None,
    file: str = "archive",
    prefer: str = "speed",
    spec: Selection | None = None,
    loss: Any = None,
    bits: int | Sequence[int] = range(1, 9),
    bucket_sizes: int | Sequence[int] | None = None,
    batch_size: int = 32,
    steps: int | None = 16,
) -> Allocation:
    """Bits for each tensor such that the loss rises least within a budget.

    Every tensor is quantized in each of its ways and weighed as the file
    does, which gives bytes; the rise of the loss is expected to be half the sum
    of the mean squared gradients times the squared errors (the diagonal of the
    empirical Fisher information for the Hessian). One way a tensor is then
    chosen, by dynamic programming, so that the whole file, which is written for
    it, keeps to the budget.

    The budget holds for the model right after `tfqd.quantize_model`. Training
    changes how often each code occurs, and so the bytes, by some percent. A
    budget is used up to a percent or two; in a model of few tensors not so with
    a spec whose buckets are whole tensors or channels, which leaves only bits.
    The file is what its writer makes without `probes`. Where the model needs them, as one of
    logarithms, they are the first two examples of `data`: give these to the writer.

    Args:
        model: a built float model of Keras 3 or tf_keras; it is not changed.
        data: a tuple of inputs, targets and perhaps sample weights; or a
            ``tf.data.Dataset``, PyDataset or other iterable of such tuples.
        budget: bytes of the file: a number, or a text such as ``"120 kB"``.
        average_bits: or bits per weight, on average over the quantized weights;
            then only `bits` differ between tensors.
        file: whose bytes the budget counts, each as its writer makes it:
            ``"archive"`` (`tfqd.save`), ``"tflite"`` (`tfqd.export.tflite`),
            ``"tflite_gzip"``, the same after gzip, or ``"saved_model"``
            (`tfqd.export.saved_model`, all files of the folder). TFLite files have
            integers of 4 and 8 bits; after gzip each bit counts. Where there is none of
            a free batch size it is one of ``batch_size=1``, and a warning says so.
        prefer: ``"size"`` for TFLite files written with ``prefer="size"``, in which
            convolutions take 4 bits too; export the model in the same way.
        spec: the method, a spec or a mapping as for `tfqd.quantize_model`; its
            bits do not count. None for `tfqd.Uniform` with buckets of 256, or for
            TFLite files `tfqd.presets.deployable`.
        loss: a Keras loss or its name; None for the one that the model was
            compiled with.
        bits: which bits a tensor may get, one or several; those that its spec cannot have
            are left out, as a single one where zeros are to be kept. Parts of bits lie between
            two of these, or below 1.
        bucket_sizes: which bucket sizes a tensor may get, one or several. None for a quarter to
            four times the spec's own, and finer ones where these leave more than a
            percent or two of a budget; of a spec without a bucket size, and for TFLite
            files, only bits vary, and the number of points of codebooks.
        batch_size: of arrays; other data has its batches.
        steps: number of batches to use for the gradients; None for all. Of arrays
            that have more examples, as many are taken from all over them, as they may be sorted.

    Returns:
        A mapping for `tfqd.quantize_model`, with the `size` of the file.

    Raises:
        TypeError: when `data` is nothing of this, or as `tfqd.quantize_model`.
        ValueError: as `tfqd.quantize_model`; when not exactly one of `budget`
            and `average_bits` is given; `tfqd.allocation.OverBudget`, which is one, when
            no choice keeps to it; when the file cannot hold the spec in bits; when there
            is no loss or no batch, a gradient is NaN or infinite, or the model answers neither
            random inputs nor the first examples.

    Example:

    >>> import tensorflow as tf
    >>> data = tf.random.stateless_normal((64, 8), (1, 2)), tf.ones((64, 4))
    >>> allocation = tfqd.allocate_bits(model, data, average_bits=3, loss="mse")
    >>> allocation.average_bits <= 3
    True
    >>> quantized = tfqd.quantize_model(model, allocation)
    """
    widths, sizes = _checked_bits(bits), _checked_sizes(bucket_sizes)
    if (budget is None) == (average_bits is None):
        raise ValueError(
            f"give either budget or average_bits; got budget={budget!r}, "
            f"average_bits={average_bits!r}"
        )
    check_choice("file", file, tuple(FILES))
    if average_bits is not None and file != "archive":
        raise ValueError(f"file={file!r} needs budget; average_bits counts bits of no file")
    check_choice("prefer", prefer, PREFERENCES)
    if prefer == "size" and not FILES[file].takes_size:
        raise ValueError(f"prefer='size' is about TFLite files; got file={file!r}")
    capacity = _checked_average(average_bits) if budget is None else parse_bytes(budget)
    copy = quantize_model(model, FILES[file].default if spec is None else spec)
    entries = find_quantized(copy)
    specs = {entry.path: entry.quantizer.spec for entry in entries}
    probes = None
    if budget is not None:
        probes, data = suiting_probes(copy, data)
    kind = FILES[file].of(specs, lambda selection: quantize_model(model, selection), prefer, probes)
    batches = labelled_batches(data, batch_size, steps)
    costs = mean_squared_gradients(copy, entries, batches, loss_function(model, loss))
    menu = Menu(entries, costs, kind.payload)
    if average_bits is not None:
        menu.add(lambda item: _variants(item, widths, [item.template.bucket_size]))
        return Allocation(menu.shares(menu.choose_bits(int(capacity * menu.weights))))

    def bytes_of(chosen):
        return kind.size(quantize_model(model, Allocation(menu.shares(chosen))))

    def sizes_for(template):
        return sizes if kind.any_buckets or sizes else [template.bucket_size]

    menu.add(lambda item: _variants(item, widths, sizes_for(item.template)))
    least = smallest(menu, bytes_of)
    if least.size > capacity:
        raise OverBudget(
            f"the smallest {kind.name} that these choices give takes {least.size} bytes, more "
            f"than the budget of {capacity}"
        )
    best = fit(menu, bytes_of, int(capacity), kind.close, least)
    if sizes is None and best.size < kind.close * capacity:
        chosen = {item.path: each.spec for item, each in zip(menu, best.chosen, strict=True)}
        if menu.add(lambda item: _finer(kind, chosen[item.path], item.largest, widths)):
            best = fit(menu, bytes_of, int(capacity), kind.close, best)
    return Allocation(menu.shares(best.chosen), best.size)


def _variants(item: Item, widths: Sequence[int], sizes: Sequence[BucketSize] | None) -> list[Spec]:
    return variants(item.template, item.largest, widths, sizes)


def _finer(kind: File, spec: Spec, weights: Weights, widths: Sequence[int]) -> list[Spec]:
    if not kind.any_buckets and spec.bucket_size is not None:
        return [spec]
    return [each for each in finer(spec, weights) if _is_between(each.nominal_bits, widths)]


def _is_between(bits: float, widths: Sequence[int]) -> bool:
    """Whether parts of bits lie between two widths that are allowed."""
    return math.ceil(bits) in widths and (bits < 1 or math.floor(bits) in widths)


def _checked_bits(bits) -> list[int]:
    widths = one_or_several(bits)
    if not widths or not all(is_bits(each) for each in widths):
        raise ValueError(f"bits must be integers from 1 to 8; got {bits!r}")
    return sorted(set(map(int, widths)))


def _checked_sizes(sizes) -> list[int | None] | None:
    if sizes is None:
        return None
    found = [checked_optional_count("each of bucket_sizes", each) for each in one_or_several(sizes)]
    if not found:
        raise ValueError("bucket_sizes must not be empty")
    return found


def _checked_average(bits) -> float:
    if not is_number(bits, 1, 8):
        raise ValueError(f"average_bits must be a number from 1 to 8; got {bits!r}")
    return float(bits)
