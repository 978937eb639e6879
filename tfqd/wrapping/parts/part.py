"""What layers that are taken apart have in common."""

from collections.abc import Mapping
from typing import Any


class Part:
    """A layer as a graph of its operators.

    Args:
        layer: built.
        config: its configuration.
        graphs: a `tfqd.wrapping.placing.Graphs`.
    """

    def __init__(self, layer: Any, config: Mapping[str, Any], graphs: Any):
        self._layer, self._config, self._graphs = layer, config, graphs
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
        return f"{self._layer.name}_call{number}" if number else self._layer.name
