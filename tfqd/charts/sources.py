"""Where the tensors of charts come from: a model, or its compressed form."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from tfqd.compressed import CompressedModel
from tfqd.wrapping import compress
from tfqd.wrapping.fitting import student_or_self
from tfqd.wrapping.naming import quantized_by_name


class Source(NamedTuple):
    """A quantized model to draw.

    compressed: its compressed form.
    weights: the float weights that it trains, by their names in the compressed form; none of
        such a form alone.
    """

    compressed: CompressedModel
    weights: Mapping[str, np.ndarray]


def source_of(model: Any) -> Source:
    """What there is to draw of a model.

    Args:
        model: a quantized model of Keras 3 or tf_keras, of a Distiller its student, or a
            `tfqd.CompressedModel`.

    Raises:
        TypeError: when it is neither.
        ValueError: when it is not quantized.
    """
    if isinstance(model, CompressedModel):
        if not model.quantized:
            raise ValueError("model holds no quantized tensor; it is a compressed float model")
        return Source(model, {})
    compressed = compress(model)
    entries = quantized_by_name(student_or_self(model))
    return Source(compressed, {name: entry.value().numpy() for name, entry in entries.items()})


def chosen(
    sizes: Mapping[str, int], paths: str | Sequence[str] | None, most: int = 12
) -> list[str]:
    """The tensors to draw: those asked for, or the largest.

    Args:
        sizes: number of weights by path.
        paths: what was asked for, one or several; None for the `most` largest, in their
            order in `sizes`.

    Raises:
        ValueError: for a path that there is not.
    """
    if paths is None:
        largest = sorted(sizes, key=lambda path: -sizes[path])[:most]
        return [path for path in sizes if path in largest]
    paths = [paths] if isinstance(paths, str) else paths
    unknown = [path for path in paths if path not in sizes]
    if unknown or not paths:
        raise ValueError(f"paths must be some of {', '.join(sizes)}; got {', '.join(unknown)}")
    return [*paths]
