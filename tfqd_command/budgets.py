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
from tfqd_command.training_task import TrainingTask

# What --file may name, and the kind of output that it is. Where --file is not given, it is the
# first of those that --to names.
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
        "file",
        None,
        [*FILES],
        "whose bytes --budget counts; default archive, or the one other kind of file in --to",
        flag_values=values,
    )


def check(values: flags.FlagValues) -> None:
    """Raises UsageError for a --file without its budget, and for a budget of no output."""
    if values.budget is None:
        if values.file is not None:
            raise UsageError("--file says whose bytes --budget counts, and needs it")
        return
    file = counted(values)
    if FILES[file] not in map(kind_of, values.to):
        raise UsageError(f"--file={file} counts a file that --to does not name")
    if values.slowdown is not None and FILES[file] == "tflite":
        raise UsageError(f"--file={file} counts bytes with --prefer, not with --slowdown")


def counted(values: flags.FlagValues) -> str:
    """Whose bytes --budget counts: a key of `FILES`.

    Without --file that is the archive where --to names one, else the one file there that counts.

    Raises:
        UsageError: when neither says it.
    """
    if values.file is not None:
        return values.file
    kinds = {*map(kind_of, values.to)}
    written = [file for file, kind in FILES.items() if kind in kinds]
    if not written:
        raise UsageError(
            "--budget counts the bytes of a .tfqd or .tflite file or of a SavedModel, and --to "
            "names none"
        )
    if written[0] != "archive" and len({FILES[file] for file in written}) > 1:
        raise UsageError(f"--file must say whose bytes --budget counts: {', '.join(written)}")
    return written[0]


def check_text(budget: str | None) -> None:
    """Raises UsageError for a budget that is no size."""
    from tfqd.spec.budget import parse_bytes

    if budget is not None:
        try:
            parse_bytes(budget)
        except ValueError as error:
            raise UsageError(f"--budget: {error}") from error


def examples(model: Any, data: Data, task: TrainingTask) -> dict[str, Any]:
    """Labelled data and the loss, by which tfqd tells sensitivities; nothing without labels."""
    if data.y is None:
        return {}
    return {"data": (data.x, data.y), "loss": task.loss(keras_of(model).losses)}


def allotted(
    model: Any, data: Data, task: TrainingTask, spec: Any, values: flags.FlagValues
) -> tuple[Any, str]:
    """Bits by tensor such that a file keeps to --budget, and what a TFLite file is to prefer.

    Where --prefer does not say it, that is speed as far as the budget allows.

    Raises:
        OverBudget: a ValueError, when no bits keep to the budget.
        ValueError: without labels.
    """
    import tfqd

    file = counted(values)
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
            file=file,
            prefer=prefer,
            spec=spec,
        )

    try:
        return bits(values.prefer or "speed"), values.prefer or "speed"
    except tfqd.allocation.OverBudget:
        if values.prefer is not None or FILES[file] != "tflite":
            raise
    warn(f"{values.budget} need --prefer=size, with which convolutions may be slower")
    return bits("size"), "size"


def warn_beyond(values: flags.FlagValues, written: Sequence[Written]) -> None:
    """Says when training has made a file larger than its budget."""
    from tfqd.spec.budget import parse_bytes

    budget = values.budget
    if budget is None:
        return
    file = counted(values)
    for each in written:
        if each.kind != FILES[file]:
            continue
        size = each.bytes
        if file == "tflite_gzip":
            size = len(gzip.compress(pathlib.Path(each.path).read_bytes()))
        if size > parse_bytes(budget):
            warn(f"{each.path} has {size:,} bytes after training, more than {budget}")
