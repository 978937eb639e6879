"""Two recurrent layers over a sequence, one from its end, and what joins their answers."""

from collections.abc import Mapping
from typing import Any

from tfqd.wrapping.parts.part import Part
from tfqd.wrapping.parts.recurrent import RECURRENT, is_asked_for_more
from tfqd.wrapping.protocols import Graphs

# Layers by what the configuration calls joining. There is no kernel of integers for a mean.
_JOINS = {"concat": "Concatenate", "sum": "Add", "mul": "Multiply"}


class Bidirectional(Part):
    """Bidirectional LSTM or GRU layers with ``unroll=True`` (Schuster and Paliwal 1997)."""

    def __init__(self, layer: Any, config: Mapping[str, Any], graphs: Graphs):
        super().__init__(layer, config, graphs)
        self._directions = [
            RECURRENT[type(each).__name__](
                each, each.get_config(), graphs, f"{layer.name}_{direction}"
            )
            for each, direction in (
                (layer.forward_layer, "forward"),
                (layer.backward_layer, "backward"),
            )
        ]

    @staticmethod
    def computes(config: Mapping[str, Any]) -> bool:
        """See `Part`."""
        forward = config["layer"]
        both = (forward, config.get("backward_layer") or forward)
        return config["merge_mode"] in _JOINS and all(
            each["class_name"] in RECURRENT
            and RECURRENT[each["class_name"]].computes(each["config"])
            for each in both
        )

    def __call__(self, sequence: Any, *more: Any, **options: Any) -> Any:
        """What the layer gives: by its operators, or by itself where it does more."""
        if is_asked_for_more(sequence, more, options):
            return self._layer(sequence, *more, **options)
        name = self._name_of_call()
        forward, backward = self._directions
        names = f"{name}_forward", f"{name}_backward"
        both = forward.answers(sequence, names[0]), backward.answers(sequence, names[1])
        if self._layer.forward_layer.return_sequences:
            joined = forward.joined(both[0], names[0]), backward.joined(both[1][::-1], names[1])
        else:
            joined = both[0][-1], both[1][-1]
        join = getattr(self._graphs.layers, _JOINS[self._config["merge_mode"]])
        return join(name=name)(list(joined))
