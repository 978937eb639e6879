"""Files to write, by what their names end in."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from absl import flags

from tfqd_command.command import UsageError
from tfqd_command.starting import warn

BATCH = 256
_KINDS = {
    ".tfqd": "tfqd",
    ".tflite": "tflite",
    ".keras": "keras",
    ".safetensors": "safetensors",
}


class Written(NamedTuple):
    """A file that was written and run.

    path: of the file; of a SavedModel, the folder of its version.
    kind: ``"tfqd"``, ``"tflite"``, ``"keras"``, ``"safetensors"`` or ``"saved_model"``.
    bytes: on disk.
    largest_difference: between its answers and the model's, relative to the largest; of
        safetensors between the weights.
    """

    path: str
    kind: str
    bytes: int
    largest_difference: float


def kind_of(target: str) -> str:
    """What is to be written at a path, by its ending: a SavedModel where that is ``/``.

    Raises:
        UsageError: for another ending.
    """
    if target.endswith("/"):
        return "saved_model"
    ending = pathlib.PurePath(target).suffix
    # Keras knows its own in small letters alone.
    kind = _KINDS.get(ending if ending.lower() == ".keras" else ending.lower())
    if kind is None:
        raise UsageError(
            f"an output must end in {', '.join(_KINDS)} or, for a SavedModel, in /; got {target!r}"
        )
    return kind


def check_apart(target: str, sources: Mapping[str, str | None], flag: str = "") -> None:
    """Raises UsageError when a command would write over what it reads.

    Args:
        target: what is to be written.
        sources: what is read -> its path, by whatever spelling or link; None for none.
        flag: what gives `target`, for the error.
    """
    for what, source in sources.items():
        if source is not None and os.path.realpath(source) == os.path.realpath(target):
            raise UsageError(f"{flag}{target} is {what} itself; give another name")


def check_page(target: str, sources: Mapping[str, str | None], flag: str) -> None:
    """Raises UsageError for a page that does not end in .html, or as `check_apart`."""
    if not target.lower().endswith(".html"):
        raise UsageError(f"{flag} must end in .html; got {target!r}")
    check_apart(target, sources, f"{flag}=")


def check_writable(target: str) -> None:
    """Raises OSError when `target` cannot be made where it is to be."""
    path = pathlib.Path(target)
    folder = path.absolute().parent
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {str(folder)!r} to write {target!r} into")
    if not os.access(folder, os.W_OK):
        raise PermissionError(f"folder {str(folder)!r} is not writable")
    if path.is_dir() != target.endswith("/") and path.exists():
        raise OSError(f"{target!r} is {'a folder' if path.is_dir() else 'no folder'}")


def define_flags(values: flags.FlagValues) -> None:
    """--prefer and --slowdown."""
    flags.DEFINE_enum(
        "prefer", None, ["speed", "size"], "what counts in .tflite files", flag_values=values
    )
    flags.DEFINE_float(
        "slowdown",
        None,
        "small .tflite files of at most so many times the time of --prefer=speed",
        1.0,
        flag_values=values,
    )


def check_flags(values: flags.FlagValues, targets: Sequence[str]) -> None:
    """Raises UsageError for --prefer and --slowdown that contradict, or concern no target."""
    given = [name for name in ("prefer", "slowdown") if values[name].value is not None]
    if len(given) > 1:
        raise UsageError("give either --prefer or --slowdown")
    if given and "tflite" not in map(kind_of, targets):
        raise UsageError(f"--{given[0]} is about .tflite files, and none is to be written")


def tflite_options(values: flags.FlagValues) -> dict[str, Any]:
    """What the flags say to `tfqd.export.tflite`."""
    return {"prefer": values.prefer or "speed", "slowdown": values.slowdown}


def write(model: Any, target: str, tflite: Mapping[str, Any]) -> Written:
    """Writes a quantized model, or a `tfqd.CompressedModel`, and runs what was written.

    Args:
        model: what is written.
        target: where to.
        tflite: further arguments of `tfqd.export.tflite`.

    Raises:
        TypeError, ValueError, OSError: as the writers of `tfqd.export` and `tfqd.save`.
    """
    import tfqd
    from tfqd.export.paths import bytes_on_disk

    kind = kind_of(target)
    found: tfqd.export.Verification | None
    if kind == "saved_model":
        version = _next_version(pathlib.Path(target))
        found = tfqd.export.saved_model(model, target, version=version)
        target = str(pathlib.Path(target, str(version)))
    elif kind == "tfqd":
        found = tfqd.save(model, target)
    elif kind == "tflite":
        found = _write_tflite(model, target, tflite)
    else:
        found = getattr(tfqd.export, kind)(model, target)
    difference = 0.0 if found is None else found.largest_difference
    return Written(target, kind, bytes_on_disk(pathlib.Path(target)), difference)


def _write_tflite(model: Any, target: str, options: Mapping[str, Any]) -> Any:
    # Its schema is in a package that is optional.
    from tfqd.export.litert.one_example import write_free_or_one

    found, batch_size = write_free_or_one(model, target, **options)
    if batch_size is not None:
        warn(f"{target} takes one example at a time, as the model's layers need it")
    return found


def answers(model: Any, x: Any) -> Any:
    """What a model answers to all of `x`, or a file or SavedModel of one input and output.

    Args:
        model: of Keras, or the path of a file.
        x: array whose first axis counts examples.
    """
    from tfqd.evaluation.contenders import contender

    return contender(model).answers(x, BATCH)


def _next_version(folder: pathlib.Path) -> int:
    there = [each.name for each in folder.iterdir()] if folder.is_dir() else []
    return 1 + max((int(name) for name in there if name.isdecimal()), default=0)
