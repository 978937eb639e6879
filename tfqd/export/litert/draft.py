"""A model in the converter's file, before its trained integers are put into it."""

from typing import Any, NamedTuple

import keras

from tfqd.compressed import CompressedModel, Probes
from tfqd.export.litert.checking.checks import ExpectedFloats
from tfqd.export.litert.checking.io_spans import input_spans
from tfqd.export.litert.file.flatbuffer import File
from tfqd.export.litert.lowering.conversion import converted
from tfqd.export.litert.lowering.examples import RepresentativeDataset
from tfqd.export.litert.lowering.float_constants import FloatConstants
from tfqd.export.origin import Origin, asked_within, in_float32, origin_of
from tfqd.export.precision import tolerance_of
from tfqd.export.probes import first_example
from tfqd.export.trained_ranges import ROUNDED_BIASES, asked_in_floats, tolerance_in_floats

# Tolerance for the answers of the file's float form, whose operators add in another order.
_EXACT = 1e-4
# Tolerance for the file's own answers, whose kernels round activations layer after layer.
_ROUNDED = 0.1


class Draft(NamedTuple):
    """The converter's file, and what the finished one is held against.

    origin: the model, which computes in float32, and what it answers.
    kept: the probes that stay in the file.
    file: of integers where activations are some, else of floats; rewritten on the way.
    constants: the float weights of a file of integers; None of one of floats.
    trained: whether the model rounds and clips its activations as the file does.
    activation_bits: of activations that are integers; None where they are floats.
    exact: how far the answers of the file's float form may be off; None where `trained`.
    tolerance: how far the file's own may be.
    """

    origin: Origin
    kept: Probes
    file: File
    constants: FloatConstants | None
    trained: bool
    activation_bits: int | None
    exact: float | None
    tolerance: float


def drafted(
    model: keras.Model | CompressedModel,
    probes: Any,
    examples: RepresentativeDataset | None,
    batch_size: int | None,
    io_dtype: str,
    tolerance: float | None,
) -> Draft:
    """A model asked and converted.

    Args:
        model, probes, batch_size, io_dtype, tolerance: see `write_tflite`.
        examples: its `representative_dataset`.

    Raises:
        TypeError, ValueError: as `write_tflite`, of what is no model or cannot be converted.
    """
    asked = _asked(model, probes, examples)
    rounding = max(_EXACT, tolerance_of(asked.compressed.architecture))
    allowed = tolerance or max(_ROUNDED, rounding)
    origin = in_float32(asked)
    batches = None if examples is None else examples.by_name(origin.signature)
    floats, integers, trained, bits = converted(origin, batch_size, batches, io_dtype)
    file = File(floats)
    if integers is None:
        return Draft(origin, origin.probes, file, None, trained, bits, rounding, allowed)
    constants, file = FloatConstants(file), File(integers)
    if trained and probes is None:
        origin = asked_within(origin, input_spans(file))
    exact = None if trained else max(rounding, ROUNDED_BIASES)
    kept = first_example(origin.probes)
    return Draft(origin, kept, file, constants, trained, bits, exact, allowed)


def expected_floats(draft: Draft) -> ExpectedFloats | None:
    """What a file's float form must answer; None where nothing of it is known."""
    if draft.exact is not None:
        return ExpectedFloats(draft.kept, draft.exact)
    probes = asked_in_floats(draft.origin)
    return None if probes is None else ExpectedFloats(probes, tolerance_in_floats(draft.origin))


def _asked(
    model: keras.Model | CompressedModel, probes: Any, examples: RepresentativeDataset | None
) -> Origin:
    """The model, and what it answers to the probes that are given, or to its first examples."""
    if examples is None or probes is not None:
        return origin_of(model, probes)
    return origin_of(model, examples.first, argument="representative_dataset", coarse=True)
