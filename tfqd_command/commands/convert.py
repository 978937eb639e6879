"""Makes another file of a quantized model.

A is a .tfqd archive of any name or a quantized .keras file. B ends in .tfqd, .tflite or .keras,
in / for a SavedModel, which becomes the next version in that folder, or in .safetensors
for the weights alone. B is run on probe inputs before it appears, or read where it has
no model, and holds the very weights of A.
"""

from typing import Any

from absl import flags

from tfqd_command import outputs
from tfqd_command.command import Result
from tfqd_command.models import load_for_export
from tfqd_command.outputs import Written, check_apart, check_writable, kind_of, write

ARGUMENTS = ("A", "B")


def define_flags(values: flags.FlagValues) -> None:
    outputs.define_flags(values)


def check(arguments: list[str], values: flags.FlagValues) -> None:
    source, target = arguments
    kind_of(target)
    check_apart(target, {"the quantized model": source})
    outputs.check_flags(values, [target])


def run(arguments: list[str], values: flags.FlagValues) -> Result:
    source, target = arguments
    check_writable(target)
    written = write(_quantized_in(source), target, outputs.tflite_options(values))
    return Result(
        {"source": source, **written._asdict()},
        f"{written.path}: {written.bytes:,} bytes; {_comparison(written, source)}",
    )


def _quantized_in(source: str) -> Any:
    """What the file holds; ValueError for floats, of which another file would be no smaller."""
    from tfqd.compressed import CompressedModel
    from tfqd.wrapping.quantized import is_quantized

    model = load_for_export(source)
    if not isinstance(model, CompressedModel) and not is_quantized(model):
        raise ValueError(f"{source} is not quantized; tfqd compress makes files of float models")
    return model


def _comparison(written: Written, source: str) -> str:
    if written.kind == "safetensors":
        return f"it holds the weights of {source}"
    return f"it answers as {source} does, to {written.largest_difference:.2g} of the largest output"
