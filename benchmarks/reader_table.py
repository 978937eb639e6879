"""The table of `docs/tflite.md` that says which programs read which networks."""

from collections.abc import Mapping
from typing import Any

_READERS = ("LiteRT", "tf.lite", "LiteRT.js", "OpenVINO", "ai-edge-quantizer", "tflite-micro")


def table(results: Mapping[str, Any]) -> str:
    """Rows of networks, columns of readers, and under it the reasons of refusals.

    Args:
        results: what `benchmarks/readers.py` writes.

    Raises:
        KeyError: when a reader was not tried on a network.
    """
    rows = {(row["network"], row["reader"]): row for row in results["rows"]}
    reasons: list[str] = []
    lines = [_line("network", *_READERS), "|---" * (len(_READERS) + 1) + "|"]
    for network in dict.fromkeys(network for network, _ in rows):
        lines.append(_line(network, *(_cell(rows[network, each], reasons) for each in _READERS)))
    lines += ["", *(f"({number}) {reason}" for number, reason in enumerate(reasons, 1))]
    return "\n".join(lines).rstrip() + "\n"


def _line(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(row: Mapping[str, Any], reasons: list[str]) -> str:
    if "refused" in row:
        if row["refused"] not in reasons:
            reasons.append(row["refused"])
        return f"refused ({reasons.index(row['refused']) + 1})"
    if not row["floats"]:
        return "agrees"
    some = "" if row["floats"] == row["weights"] else f"{row['floats']} of {row['weights']} "
    return f"agrees, {some}weights float32"
