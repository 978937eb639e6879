"""What layers that are taken apart have in common."""

from collections.abc import Mapping
from typing import Any

from tfqd.wrapping.protocols import Graphs


class Part:
    """A layer as a graph of its operators.

    Args:
        layer: built.
        config: its configuration.
        graphs: those of its Keras version.
        name: with which the names of its operators begin; None for the layer's.
    """

    def __init__(
        self, layer: Any, config: Mapping[str, Any], graphs: Graphs, name: str | None = None
    ):
        self._layer, self._config, self._graphs = layer, config, graphs
        self._name = name or layer.name
        self._calls = 0

    @staticmethod
    def computes(config: Mapping[str, Any]) -> bool:
        """Whether a layer of this configuration is one of these."""
        raise NotImplementedError

    def __call__(self, *tensors: Any, **options: Any) -> Any:
        """What the layer gives: by its operators, or by itself where it is asked for more."""
        raise NotImplementedError

    def _name_of_call(self) -> str:
        """With what the names of the layers of a call begin, which is counted."""
        number, self._calls = self._calls, self._calls + 1
        return f"{self._name}_call{number}" if number else self._name
