"""Recurrent layers as products, sums and activations of each of their steps."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfqd.wrapping.parts.part import Part
from tfqd.wrapping.parts.products import Product, is_plain, is_used, weights_of
from tfqd.wrapping.protocols import Graphs

# No operators of a step.
_MORE = ("dropout", "recurrent_dropout", "return_state", "stateful", "time_major")


def is_asked_for_more(sequence: Any, more: Sequence[Any], options: Mapping[str, Any]) -> bool:
    """Whether a recurrent layer is called with more than a sequence of known length.

    Args:
        sequence: the first argument; in tf_keras a list where it comes with initial states.
        more: the other arguments by position, of which initial states are the first.
        options: the arguments by name.
    """
    given = any(each is not None for each in more) or is_used(options)
    return given or isinstance(sequence, (list, tuple)) or not sequence.shape[1]


class Recurrent(Part):
    """A recurrent layer with ``unroll=True`` as a graph of its steps' operators."""

    def __init__(
        self, layer: Any, config: Mapping[str, Any], graphs: Graphs, name: str | None = None
    ):
        super().__init__(layer, config, graphs, name)
        self._units = config["units"]
        weights = weights_of(layer, 1)
        of_inputs, of_states = self._biases(weights.get("bias"))
        fixed = layer, config, graphs
        self._of_inputs = Product(f"{self._name}_input", weights["kernel"], of_inputs, *fixed)
        self._of_states = Product(
            f"{self._name}_recurrent",
            weights["recurrent_kernel"],
            of_states,
            *fixed,
            "recurrent_regularizer",
        )

    @staticmethod
    def computes(config: Mapping[str, Any]) -> bool:
        """See `Part`."""
        activations = (config["activation"], config["recurrent_activation"])
        usual = activations == ("tanh", "sigmoid")
        return config["unroll"] and usual and is_plain(config, _MORE)

    def __call__(self, sequence: Any, *more: Any, **options: Any) -> Any:
        """What the layer gives: by its operators, or by itself where it does more."""
        if is_asked_for_more(sequence, more, options):
            return self._layer(sequence, *more, **options)
        name = self._name_of_call()
        answers = self.answers(sequence, name)
        if self._config["return_sequences"]:
            return self.joined(answers, name)
        return self._graphs.layers.Identity(name=name)(answers[-1])

    def answers(self, sequence: Any, name: str) -> list[Any]:
        """What each step gives, in the order of the steps: tensors of [batch, units].

        Args:
            sequence: [batch, steps, inputs].
            name: with which the names of the steps' layers begin.
        """
        steps = sequence.shape[1]
        order = range(steps)[::-1] if self._config["go_backwards"] else range(steps)
        state, answers = None, []
        for number, place in enumerate(order):
            gates = self._of_inputs(sequence[:, place])
            state = self._step(f"{name}_{number}", gates, state)
            answers.append(state[0])
        return answers

    def joined(self, answers: list[Any], name: str) -> Any:
        """Answers as a sequence: [batch, steps, units], by a layer of this name."""
        rows = [self._graphs.layers.Reshape((1, self._units))(answer) for answer in answers]
        return self._graphs.layers.Concatenate(axis=1, name=name)(rows)

    def _biases(self, bias: np.ndarray | None) -> tuple[np.ndarray | None, np.ndarray | None]:
        """The biases of the product with inputs and of the product with states, or None."""
        raise NotImplementedError

    def _step(self, name: str, gates: Any, state: Any) -> tuple[Any, ...]:
        """The state after a step, of which the first tensor is the answer.

        Args:
            name: with which the names of the step's layers begin.
            gates: what is made of the inputs: [batch, gates times units].
            state: before the step; None for zeros.
        """
        raise NotImplementedError

    def _gate(self, gates: Any, place: int) -> Any:
        return gates[:, place * self._units : (place + 1) * self._units]

    def _of_two(self, kind: str, name: str, one: Any, other: Any) -> Any:
        """A sum, difference or product: a layer of the class `kind`."""
        return getattr(self._graphs.layers, kind)(name=name)([one, other])

    def _activation(self, kind: str, name: str, tensor: Any) -> Any:
        return self._graphs.layers.Activation(kind, name=name)(tensor)


class Lstm(Recurrent):
    """c = f c + i tanh(g), h = o tanh(c) (Hochreiter and Schmidhuber 1997, with forget gates)."""

    def _biases(self, bias):
        return bias, None

    def _step(self, name, gates, state):
        if state is not None:
            gates = self._of_two("Add", f"{name}_gates", gates, self._of_states(state[0]))
        inputs, forget, output = (
            self._activation("sigmoid", f"{name}_{role}", self._gate(gates, place))
            for role, place in (("input", 0), ("forget", 1), ("output", 3))
        )
        new = self._activation("tanh", f"{name}_new", self._gate(gates, 2))
        cell = self._of_two("Multiply", f"{name}_taken", inputs, new)
        if state is not None:
            kept = self._of_two("Multiply", f"{name}_kept", forget, state[1])
            cell = self._of_two("Add", f"{name}_cell", kept, cell)
        squashed = self._activation("tanh", f"{name}_tanh", cell)
        return self._of_two("Multiply", f"{name}_hidden", output, squashed), cell


class Gru(Recurrent):
    """h = n + z (h - n), n = tanh(x + r (U h + b)) (Cho et al. 2014, with `reset_after`)."""

    @staticmethod
    def computes(config):
        return Recurrent.computes(config) and config["reset_after"]

    def _biases(self, bias):
        return (None, None) if bias is None else (bias[0], bias[-1])

    def _step(self, name, gates, state):
        if state is None:
            some = self._gate(gates, 0)
            state = (self._of_two("Subtract", f"{name}_zeros", some, some),)
        (hidden,) = state
        recurrent = self._of_states(hidden)
        update, reset = (
            self._activation(
                "sigmoid",
                f"{name}_{role}",
                self._of_two(
                    "Add",
                    f"{name}_{role}_gate",
                    self._gate(gates, place),
                    self._gate(recurrent, place),
                ),
            )
            for role, place in (("update", 0), ("reset", 1))
        )
        kept = self._of_two("Multiply", f"{name}_kept", reset, self._gate(recurrent, 2))
        new = self._of_two("Add", f"{name}_sum", self._gate(gates, 2), kept)
        new = self._activation("tanh", f"{name}_new", new)
        apart = self._of_two("Subtract", f"{name}_apart", hidden, new)
        moved = self._of_two("Multiply", f"{name}_moved", update, apart)
        return (self._of_two("Add", f"{name}_hidden", new, moved),)


# By the names of their layers' classes.
RECURRENT: dict[str, type[Recurrent]] = {"GRU": Gru, "LSTM": Lstm}
