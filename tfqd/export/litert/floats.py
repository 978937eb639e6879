"""Weights that were asked for in bits and are floats in the file: said once, or refused."""

import contextlib
import warnings
from collections.abc import Sequence

from tfqd.export.litert.lowering.rewriting import TfliteWeight
from tfqd.spec import Spec, from_dict

_NAMED = 3


def say_or_refuse(message: str | None, strict: bool) -> None:
    """Warns whoever called the writer of a file of it.

    Args:
        message: what to say; None for nothing.
        strict: whether it is an error.

    Raises:
        ValueError: where it is.
    """
    if message is None:
        return
    if strict:
        raise ValueError(message)
    warnings.warn(message, stacklevel=3)


def stayed_float(rows: Sequence[TfliteWeight], packed: bool) -> str | None:
    """Which quantized weights a file holds as floats, why, and what would hold them in bits.

    Args:
        rows: what became of each weight.
        packed: whether codebooks were packed where they can be.

    Returns:
        One line; None when all of them lie in bits.
    """
    floats = {row.path: row for row in rows if row.type == "float32"}
    if not floats:
        return None
    reasons: dict[str, list[str]] = {}
    for path, row in floats.items():
        reasons.setdefault(row.reason, []).append(path)
    named = [f"{_first(paths)} ({reason})" for reason, paths in reasons.items()]
    return (
        f"{len(floats)} of {len({row.path for row in rows})} quantized weights are float32 in the "
        f"TFLite file: {'; '.join(named)}. {_advice(list(floats.values()), packed)}"
    )


def _first(paths: Sequence[str]) -> str:
    more = len(paths) - _NAMED
    return ", ".join(paths[:_NAMED]) + (f" and {more} more" if more > 0 else "")


def _advice(floats: Sequence[TfliteWeight], packed: bool) -> str:
    specs = [(row, _spec_of(row)) for row in floats]
    others = [(row, spec) for row, spec in specs if spec is None or not spec.fits_integer_kernels]
    if not others:
        return "Map their paths to None to have them float without this warning"
    found = {row.spec.get("bits") for row, _ in others}
    bits = found.pop() if len(found) == 1 else "bits"
    advice = (
        f"Kernels of integers take tfqd.presets.deployable({bits}) or "
        f"tfqd.LearnedStep(bits={bits}, layout='channel')"
    )
    if packed or all(spec is None or spec.on_integers for _, spec in others):
        return advice
    return (
        f"{advice}, and prefer='size' packs codebooks that have one scale a channel or tensor "
        "(layout='channel' or bucket_size=None) in kernels of some thousand weights or more"
    )


def _spec_of(row: TfliteWeight) -> Spec | None:
    """What a weight was quantized by; None for a method that is not registered."""
    with contextlib.suppress(ValueError):
        return from_dict(row.spec)
    return None
