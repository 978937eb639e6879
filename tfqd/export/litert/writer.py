"""TFLite files that hold the trained integers, for LiteRT and TensorFlow Lite."""

import contextlib
import functools
import gzip
import os
import pathlib
from collections import Counter
from collections.abc import Sequence
from typing import Any

import keras

from tfqd.compressed import CompressedModel
from tfqd.compressed.atomic import new_file
from tfqd.export.comparison import Verification, VerificationError
from tfqd.export.endings import check_ending
from tfqd.export.litert.checking.checks import check, few
from tfqd.export.litert.checking.disagreement import first_disagreement
from tfqd.export.litert.checking.metadata import put_metadata, sealed
from tfqd.export.litert.checking.runtimes import RuntimeRefusal
from tfqd.export.litert.draft import Draft, drafted, expected_floats
from tfqd.export.litert.file.flatbuffer import File, op_name
from tfqd.export.litert.file.readers import MICRO, check_operators, checked_readers
from tfqd.export.litert.floats import say_or_refuse, stayed_float
from tfqd.export.litert.lowering.complaints import FreeBatchError
from tfqd.export.litert.lowering.examples import RepresentativeDataset
from tfqd.export.litert.lowering.float_ranges import widen_ranges
from tfqd.export.litert.lowering.reshapes import simplify_reshapes
from tfqd.export.litert.lowering.rewriting import Preferences, TfliteWeight, lower
from tfqd.export.litert.lowering.selection import choose_by_arithmetic
from tfqd.export.litert.report import TfliteExport, TfliteReport
from tfqd.export.origin import Origin
from tfqd.spec.checks import check_choice, checked_optional_count, checked_optional_positive
from tfqd.spec.preferences import PREFERENCES
from tfqd.wrapping.plain_values import as_floats

IO_DTYPES = ("float32", "int8", "int16")


class _FreeBatchRefused(VerificationError, FreeBatchError):
    """A runtime does not run the file of a free batch size."""


def write_tflite(
    model: keras.Model | CompressedModel,
    path: str | os.PathLike,
    *,
    prefer: str = "speed",
    slowdown: float | None = None,
    int2: bool = False,
    expected_batch: int | None = None,
    representative_dataset: Any = None,
    io_dtype: str = "float32",
    batch_size: int | None = None,
    probes: Any = None,
    tolerance: float | None = None,
    strict: bool = False,
    readers: str | Sequence[str] = ("litert",),
) -> TfliteExport:
    """Writes a TFLite file that computes with the very integers that were trained.

    TensorFlow's converter makes a float file; its weights are then replaced by
    the codes and scales of the model, without a second quantization. Weights of
    4 bits and fewer become INT4 where a kernel takes it, others INT8; what no
    kernel of integers computes exactly stays float, the report says so and why,
    and a warning names it. Activations are float between the layers.

    The file is run on every runtime that is installed (``tf.lite``, and LiteRT
    from ``ai-edge-litert``) before it appears: its structure against the model,
    each operator's weights as its kernel reads them, and its answers.

    Args:
        model: a quantized, mixed or float Keras model, of a Distiller its student, or a
            `tfqd.CompressedModel`.
        path: file to write or replace, ``*.tflite``.
        prefer: where two forms are exact, the faster (``"speed"``: convolutions
            in INT8 kernels, which compress to the bits that they have) or the
            smaller (``"size"``: convolutions as patches and INT4 products).
        slowdown: what bytes may cost between the two: convolutions take the forms that
            save most bytes while the file is expected to take at most so many times the
            time of ``"speed"``, 1 or more. Expected is what forms took on one processor
            (`docs/tflite.md`); None leaves the choice to `prefer`.
        int2: whether fully connected weights of 2 bits are stored as INT2, which LiteRT
            runs as fast as INT4 or in twice the time, TensorFlow Lite in that of floats
            or more. With ``prefer="speed"`` those that meet a batch of several examples
            are INT4.
        expected_batch: examples of a call; None for `batch_size`, or 1 where that is free.
        representative_dataset: some hundred inputs such as the model will see, to
            choose the ranges of activations by: arrays, a ``tf.data.Dataset`` or
            another iterable of batches, or a function that yields ``[array]`` and
            the like, as TensorFlow's converter takes it. None leaves activations
            float where their ranges were not trained.
        io_dtype: of the inputs and outputs of a file of integer activations,
            ``"float32"``, or the activations' own, ``"int8"`` or ``"int16"``; with
            these, the caller converts by the scales that the file names.
        batch_size: to be fixed in the file, as recurrent layers need it; None
            leaves it free.
        probes: inputs to hold the file against the model by, as the model takes
            them; when None, the first 32 examples of `representative_dataset`, or
            without that random ones that fit its inputs: 32 in the ranges of those,
            where ranges were trained. They are kept in the file for `verify`, of a file
            of integer activations the first alone. Of a subclassed model they, or the examples,
            say the inputs' dtypes, float32 when both are None.
        tolerance: the difference of answers to let pass, relative to the largest
            output; of outputs of integers the root mean square, relative to the range of
            their integers (with trained ranges, of ten standard deviations of the
            answers where that is less), and an eighth of the largest. None for 0.1. It is
            what 8 bits of activations cost on the probes; weights must be exact whatever it is.
        strict: whether weights that were quantized, and would be floats in the file,
            are an error, before anything is written.
        readers: what is to read the file, of ``"litert"`` (and TensorFlow Lite),
            ``"openvino"``, ``"ai-edge-quantizer"`` and ``"tflite-micro"``: weights get
            only types and scales that all of them take, and are float where there are
            none. `docs/tflite.md` says what that costs. The file is run by LiteRT and
            TensorFlow Lite whatever it says.

    Returns:
        A `TfliteExport`: how exactly the file answers, and a `report` of bytes, operators and
        types.

    Raises:
        TypeError: when `model` or `representative_dataset` is something else.
        ValueError: for another suffix, bad arguments, examples that do not fit the
            model, a model that cannot be rebuilt or converted, operators that one of
            `readers` has not, or floats where `strict` asks for bits.
        VerificationError: a ValueError, when a runtime does not run the file or
            computes something else.
        OSError: when the file cannot be written.

    Example:

    >>> result = tfqd.export.tflite(quantized, "digits.tflite")
    >>> result.report.weight_error < 1e-6
    True
    """
    check_ending(path, ".tflite")
    check_choice("prefer", prefer, PREFERENCES)
    names = checked_readers(readers)
    _check_slowdown(slowdown, prefer)
    checked_optional_count("expected_batch", expected_batch)
    check_choice("io_dtype", io_dtype, IO_DTYPES)
    check_choice("strict", strict, (False, True))
    checked_optional_count("batch_size", batch_size)
    checked_optional_positive("tolerance", tolerance)
    batch = expected_batch or batch_size or 1
    preferences = Preferences(prefer == "size", int2, names, slowdown, batch)
    say_or_refuse(as_floats(model), strict)
    examples = None
    if representative_dataset is not None:
        examples = RepresentativeDataset(representative_dataset)
    with new_file(pathlib.Path(path)) as staged:  # Converting takes long: not for no folder.
        draft = drafted(model, probes, examples, batch_size, io_dtype, tolerance)
        tensors = draft.origin.compressed.quantized
        rows = lower(draft.file, tensors, preferences, draft.constants, draft.trained)
        say_or_refuse(stayed_float(rows, preferences.size), strict)
        _fit_to_readers(draft.file, names, batch_size is not None)
        named, data = _sealed(draft, rows)
        verification, weight_error = _verified(data, named, draft, batch_size is not None)
        staged.write_bytes(data)
    report = _report(data, draft, rows, weight_error, verification.largest_difference)
    return TfliteExport("tflite", verification.largest_difference, draft.tolerance, report)


def _fit_to_readers(file: File, readers: tuple[str, ...], fixed: bool) -> None:
    """Simplifies a lowered file and mends what kernels get wrong; refuses what a reader has not."""
    simplify_reshapes(file)
    widen_ranges(file)
    if MICRO in readers:
        choose_by_arithmetic(file)
    check_operators(file, readers, fixed)


def _sealed(draft: Draft, rows: Sequence[TfliteWeight]) -> tuple[bytes, bytes]:
    """The finished file, with the converter's names, and as it is to be written."""
    file = draft.file
    weights = [(row.path, row.spec, row.type) for row in rows]
    put_metadata(file, weights, draft.exact, few(draft.kept), draft.tolerance)
    named = file.to_bytes()
    file.shorten_names()
    return named, sealed(file.to_bytes())


def _verified(data: bytes, named: bytes, draft: Draft, fixed: bool) -> tuple[Verification, float]:
    """What `check` says of the file.

    Args:
        data: the file.
        named: the same with the converter's names.
        draft: what it is held against.
        fixed: whether its batch size is.
    """
    remedy = functools.partial(_remedy, named, draft.origin, draft.tolerance)
    floats = expected_floats(draft)
    try:
        return check(data, draft.origin.probes, draft.exact, draft.tolerance, floats, remedy)
    except VerificationError as error:
        if fixed or not isinstance(error.__cause__, RuntimeRefusal):
            raise
        raise _FreeBatchRefused(
            f"{error}; pass batch_size=1, which fixes the shapes in the file"
        ) from error.__cause__


def _report(
    data: bytes,
    draft: Draft,
    rows: Sequence[TfliteWeight],
    weight_error: float,
    activation_error: float,
) -> TfliteReport:
    file = draft.file
    codes = [file.code(operator) for graph in file.graphs for operator in graph.operators]
    return TfliteReport(
        bytes=len(data),
        gzip_bytes=len(gzip.compress(data, 9, mtime=0)),
        weights=tuple(rows),
        operators=dict(Counter(map(op_name, codes)).most_common()),
        activation_bits=draft.activation_bits,
        weight_error=weight_error,
        activation_error=activation_error,
    )


def _check_slowdown(slowdown: float | None, prefer: str) -> None:
    checked_optional_positive("slowdown", slowdown)
    if slowdown is None:
        return
    if slowdown < 1:
        raise ValueError(
            f"slowdown must be at least 1, the time of the fastest forms; got {slowdown}"
        )
    if prefer != "speed":
        raise ValueError(
            f"slowdown={slowdown} bounds the time; prefer={prefer!r} does not: pass one"
        )


def _remedy(named: bytes, origin: Origin, tolerance: float) -> str:
    """What to do about a file of integers that answers otherwise than the model.

    Args:
        named: the file, with the converter's names.
    """
    layer = None
    with contextlib.suppress(RuntimeRefusal):
        layer = first_disagreement(
            named, origin.plain, origin.signature, origin.probes.inputs, tolerance
        )
    place = "" if layer is None else f"layer {layer!r} is the first that disagrees; "
    return (
        f"{place}pass probes= such as the model will see, or a larger tolerance= where its "
        "activations need more than their bits"
    )
