"""Weights that were asked for in bits and are floats in the file: said once, or refused."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

from tfqd.export.litert.lowering.rewriting import Row

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


def stayed_float(rows: Sequence[Row], packed: bool) -> str | None:
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


def _advice(floats: Sequence[Row], packed: bool) -> str:
    others = [row.spec for row in floats if not _is_for_kernels(row.spec)]
    if not others:
        return "Map their paths to None to have them float without this warning"
    found = {spec.get("bits") for spec in others}
    bits = found.pop() if len(found) == 1 else "bits"
    specs = f"tfqd.presets.deployable({bits}) or tfqd.LearnedStep(bits={bits}, layout='channel')"
    codebooks = any(spec.get("kind") == "codebook" for spec in others)
    pack = (
        ", and prefer='size' packs codebooks that have one scale a channel or tensor "
        "(layout='channel' or bucket_size=None) in kernels of some thousand weights or more"
    )
    pack = pack if codebooks and not packed else ""
    return f"Kernels of integers take {specs}{pack}"


def _is_for_kernels(spec: Mapping[str, Any]) -> bool:
    """Whether a spec is one symmetric scale a channel, with integers for levels."""
    return (
        spec.get("layout") == "channel"
        and spec.get("scaling") == "symmetric"
        and spec.get("bucket_size") is None
        and spec.get("grid", "integers") not in (None, "e4m3")
    )
