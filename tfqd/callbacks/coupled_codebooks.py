"""Codebooks that hold the centers of clusters exactly."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from tfqd.spec import Codebook

# What a codebook of clusters, whose centers it is to hold exactly, leaves no choice of.
_DECIDED = ("bits", "points", "init", "bucket_size", "layout", "channels_per_codebook")


def codebooks_of(
    clusters: Iterable[tuple[str, int]], options: Mapping[str, Any]
) -> dict[str, Codebook]:
    """A selection of codebooks with a point for each cluster.

    Args:
        clusters: paths of tensors, and how many clusters each has. Of tensors of one path,
            which a selection does not tell apart, the largest number counts.
        options: further arguments of `tfqd.Codebook`.

    Raises:
        ValueError: for options that the clusters decide, or a codebook cannot have.
        TypeError: for an option that codebooks do not know.
    """
    most: dict[str, int] = {}
    for path, count in clusters:
        most[path] = max(count, most.get(path, 0))
    return {f"^{re.escape(path)}$": _codebook(count, options) for path, count in most.items()}


def _codebook(points: int, options: Mapping[str, Any]) -> Codebook:
    decided = [name for name in options if name in _DECIDED]
    if decided:
        raise ValueError(
            f"settle takes no {decided[0]}, which the clusters decide; got "
            f"{decided[0]}={options[decided[0]]!r}"
        )
    bits = (points - 1).bit_length()
    return Codebook(bits=bits, bucket_size=None, init="kmeans", **options).with_levels(points)
