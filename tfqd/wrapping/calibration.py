"""Running a model with float activations, to see which ranges they have."""

import contextlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from tfqd.wrapping import calls
from tfqd.wrapping.activations import quantized_activations
from tfqd.wrapping.version import version_of

# How many of each batch's numbers at a place are kept; the smallest and largest come on top.
_SAMPLED = 2**14


def calibrate(model: Any, batches: Iterable[Any]) -> None:
    """Gives every range of a model the ends that the batches ask for.

    Args:
        model: with layers that round activations, of either Keras version.
        batches: inputs, as the model takes them.

    Raises:
        ValueError: when it has no such layer, or there is no batch.
    """
    layers = [layer for layer in quantized_activations(model) if layer.state]
    if not layers:
        raise ValueError(
            f"model {model.name!r} rounds no activations; tfqd.quantize_model(model, spec, "
            "activations=tfqd.Activations()) makes one that does"
        )
    seen: dict[int, list[np.ndarray]] = {id(layer): [] for layer in layers}
    generator = np.random.default_rng(0)
    infer = version_of(model).training.inference
    with contextlib.ExitStack() as watching:
        for layer in layers:
            observe = _observer(layer.name, seen[id(layer)], generator)
            watching.enter_context(calls.replaced(layer, observe))
        for batch in batches:
            infer(model, batch)
    for layer in layers:
        if not seen[id(layer)]:
            raise ValueError("data has no examples to calibrate by")
        layer.start_with(np.concatenate(seen[id(layer)]))


def _observer(name: str, seen: list[np.ndarray], generator: np.random.Generator):
    """A layer's call that notes some of its inputs, and leaves them as they are."""

    def observe(inputs, training=None, inside=False):
        values = np.asarray(inputs, np.float32).reshape(-1)
        if not np.isfinite(values).all():
            raise ValueError(f"the activations at {name!r} are NaN or infinite on this data")
        if values.size:
            sample = values if values.size <= _SAMPLED else generator.choice(values, _SAMPLED)
            seen.append(np.append(sample, [values.min(), values.max()]).astype(np.float32))
        return inputs

    return observe
