"""Products with weights of a layer that was taken apart."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfqd.wrapping.protocols import Graphs


class Product:
    """A Dense layer of given weights.

    Args:
        name: the layer's.
        kernel, bias: its weights: arrays of [inputs, outputs] and of [outputs], or None.
        layer: the one that was taken apart; it says whether they are trained.
        config: that layer's.
        regularizer: the name in `config` of what regularizes the kernel.
        graphs: those of its Keras version.
    """

    def __init__(
        self,
        name: str,
        kernel: np.ndarray,
        bias: np.ndarray | None,
        layer: Any,
        config: Mapping[str, Any],
        graphs: Graphs,
        regularizer: str = "kernel_regularizer",
    ):
        self._dense = graphs.layers.Dense(
            kernel.shape[1],
            use_bias=bias is not None,
            kernel_regularizer=config[regularizer],
            bias_regularizer=config["bias_regularizer"],
            dtype=config["dtype"],
            name=name,
        )
        self._weights: list[np.ndarray] = [kernel] if bias is None else [kernel, bias]
        self._trainable = layer.trainable

    def __call__(self, tensor: Any) -> Any:
        is_built = self._dense.built
        result = self._dense(tensor)
        if not is_built:
            self._dense.set_weights(self._weights)
            self._dense.trainable = self._trainable
        return result


def weights_of(layer: Any, depth: int) -> dict[str, np.ndarray]:
    """A layer's weights by the last `depth` parts of their names, as in ``query/kernel``."""
    names = [getattr(each, "path", each.name).split(":")[0] for each in layer.weights]
    return {
        "/".join(name.split("/")[-depth:]): np.asarray(each)
        for name, each in zip(names, layer.weights, strict=True)
    }


def is_plain(config: Mapping[str, Any], more: Sequence[str]) -> bool:
    """Whether a configuration has none of the features `more`, and no constraints or penalties."""
    constraints = (each for each in config if each.endswith("_constraint"))
    return not any(config.get(each) for each in ("activity_regularizer", *constraints, *more))


def is_used(options: Mapping[str, Any]) -> bool:
    """Whether a call asks for more than its tensors, by arguments such as a mask."""
    return any(each is not None and each is not False for each in options.values())
