"""Bytes of a file, and how a model is quantized and trained to them."""

import gzip
import pathlib
from collections.abc import Sequence
from typing import Any

from absl import flags

from tfqd_command.command import UsageError
from tfqd_command.data import Data
from tfqd_command.models import keras_of
from tfqd_command.outputs import Written, kind_of
from tfqd_command.starting import warn
from tfqd_command.task import Task

# What --file may name, and the kind of output that it is.
FILES = {
    "archive": "tfqd",
    "tflite": "tflite",
    "tflite_gzip": "tflite",
    "saved_model": "saved_model",
}


def define_flags(values: flags.FlagValues) -> None:
    """--budget and --file."""
    flags.DEFINE_string(
        "budget", None, 'bytes of --file, as "200 kB", in the place of --bits', flag_values=values
    )
    flags.DEFINE_enum(
        "file", "archive", [*FILES], "whose bytes --budget counts", flag_values=values
    )


def check(values: flags.FlagValues) -> None:
    """Raises UsageError for a --file without its budget or its output."""
    if values["file"].present and values.budget is None:
        raise UsageError("--file says whose bytes --budget counts, and needs it")
    if values.file != "archive" and FILES[values.file] not in map(kind_of, values.to):
        raise UsageError(f"--file={values.file} counts a file that --to does not name")
    if values.slowdown is not None and FILES[values.file] == "tflite":
        raise UsageError(f"--file={values.file} counts bytes with --prefer, not with --slowdown")


def check_text(budget: str | None) -> None:
    """Raises UsageError for a budget that is no size."""
    from tfqd.spec.budget import parse_bytes

    if budget is not None:
        try:
            parse_bytes(budget)
        except ValueError as error:
            raise UsageError(f"--budget: {error}") from error


def examples(model: Any, data: Data, task: Task) -> dict[str, Any]:
    """Labelled data and the loss, by which tfqd tells sensitivities; nothing without labels."""
    if data.y is None:
        return {}
    return {"data": (data.x, data.y), "loss": task.loss(keras_of(model).losses)}


def allotted(
    model: Any, data: Data, task: Task, spec: Any, values: flags.FlagValues
) -> tuple[Any, str]:
    """Bits by tensor such that --file keeps to --budget, and what a TFLite file is to prefer.

    Where --prefer does not say it, that is speed as far as the budget allows.

    Raises:
        OverBudget: a ValueError, when no bits keep to the budget.
        ValueError: without labels.
    """
    import tfqd

    if data.y is None:
        raise ValueError(
            "--budget needs labels y in --data, to tell which weights matter; "
            "--method=distill does without for --file=archive"
        )

    def bits(prefer: str) -> Any:
        return tfqd.allocate_bits(
            model,
            **examples(model, data, task),
            budget=values.budget,
            file=values.file,
            prefer=prefer,
            spec=spec,
        )

    try:
        return bits(values.prefer or "speed"), values.prefer or "speed"
    except tfqd.allocation.OverBudget:
        if values.prefer is not None or FILES[values.file] != "tflite":
            raise
    warn(f"{values.budget} need --prefer=size, with which convolutions may be slower")
    return bits("size"), "size"


def warn_beyond(budget: str | None, file: str, written: Sequence[Written]) -> None:
    """Says when training has made a file larger than its budget."""
    from tfqd.spec.budget import parse_bytes

    for each in written:
        if budget is None or each.kind != FILES[file]:
            continue
        size = each.bytes
        if file == "tflite_gzip":
            size = len(gzip.compress(pathlib.Path(each.path).read_bytes()))
        if size > parse_bytes(budget):
            warn(f"{each.path} has {size:,} bytes after training, more than {budget}")
