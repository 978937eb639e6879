"""A Keras 3 model without the channels that say nothing."""

from typing import Any

import keras
import numpy as np

from tfqd.wrapping.activations import check_ranges
from tfqd.wrapping.keras3.activations import QuantizedActivation
from tfqd.wrapping.keras3.channel_constants import folded, mixes_channels
from tfqd.wrapping.keras3.channel_rules import DEPTHWISE, MULTIPLIED, Visit, Walk
from tfqd.wrapping.keras3.cloning import copy_model, in_copy
from tfqd.wrapping.keras3.insides import (
    Functional,
    graph_of,
    run_graph,
    seed_generators,
    set_own_trainable,
    set_path,
)
from tfqd.wrapping.keras3.model import QuantizedModel
from tfqd.wrapping.keras3.own_steps import of_class, warn_of_lost
from tfqd.wrapping.quantized import QuantizedVariable
from tfqd.wrapping.shrunk import (
    Cut,
    LayerChannels,
    check_buckets,
    loses_scale,
    sets_scale,
    take_over,
)

_NORM = ("gamma", "beta", "moving_mean", "moving_variance")


def shrunk(model: keras.Model) -> tuple[keras.Model, list[LayerChannels]]:
    """See `tfqd.shrink`; the model is not verified.

    Raises:
        ValueError: for a model without a graph, activations whose ranges are not known yet,
            and quantizers that channels cannot be taken from.
    """
    quantized = isinstance(model, QuantizedModel)
    inner = model.model if quantized else model
    if not isinstance(graph_of(inner), Functional):
        raise ValueError(
            "shrink needs a Sequential or Functional model, whose graph tells which channels "
            f"belong together; {model.name!r} is a {type(inner).__name__}"
        )
    check_ranges(model)
    copy = copy_model(inner)
    copies = in_copy(inner, copy)
    entries = model.quantized_variables if quantized else []
    smaller = _Smaller(copy, {id(copies[id(entry.variable)]): entry for entry in entries})
    if type(smaller.model) is not type(inner):
        warn_of_lost(inner, smaller.model, "its shrunk model")
    return (smaller.quantized() if quantized else smaller.model), smaller.layers


class _Smaller:
    """A model, made again without some of its channels.

    Args:
        model: Sequential or Functional, from which layers are taken.
        entries: by the ids of the model's variables, what quantizes them.

    Attributes:
        model: the new one, float, of the same class where that is made of a graph.
        layers: what has become of its layers.
    """

    def __init__(self, model: keras.Model, entries: dict[int, QuantizedVariable]):
        self._entries = entries
        self._walk = Walk(model, self._value, self._sets_scale)
        self._cuts: dict[int, Cut] = {}
        self._variables = {id(variable): variable for variable in model.weights}
        visits = [visit for visit in self._walk.visits if _changes(visit)]
        made = {id(visit.layer): self._made(visit) for visit in visits}
        self.model = of_class(_rebuilt(model, made), type(model))
        set_own_trainable(self.model, model.trainable)
        for visit in visits:
            self._fill(visit, made[id(visit.layer)])
        rows = {id(visit.layer): visit for visit in self._walk.visits if _has_channels(visit)}
        self.layers = [self._row(visit) for visit in rows.values()]

    def quantized(self) -> QuantizedModel:
        """The model quantized as the one before, with what its quantizers had learned."""
        places = {id(variable): i for i, variable in enumerate(self.model.weights)}
        olds = {places[id(self._variables[key])]: key for key in self._entries}
        quantizers = {place: self._entries[key].quantizer for place, key in olds.items()}
        model = QuantizedModel(self.model, quantizers)
        for place, entry in zip(sorted(olds), model.quantized_variables, strict=True):
            key = olds[place]
            take_over(self._entries[key], entry, self._cuts.get(key, Cut({})))
        return model

    def _value(self, variable: keras.Variable) -> np.ndarray:
        """What a variable counts as in inference."""
        entry = self._entries.get(id(variable))
        return np.asarray(variable if entry is None else entry.quantize(False), np.float32)

    def _sets_scale(self, variable: keras.Variable) -> np.ndarray:
        entry = self._entries.get(id(variable))
        return np.zeros(variable.shape, bool) if entry is None else sets_scale(entry)

    def _stays(self, ids: np.ndarray) -> np.ndarray:
        return np.array([reason is not None for reason in self._walk.ties.kept(ids)], bool)

    def _made(self, visit: Visit) -> keras.layers.Layer:
        """A layer of as many channels as stay, not built."""
        layer, config = visit.layer, visit.layer.get_config()
        if isinstance(layer, MULTIPLIED):
            units = "units" if isinstance(layer, keras.layers.Dense) else "filters"
            config[units] = int(np.sum(self._stays(visit.outputs.ids)))
            config["activation"] = layer.activation  # also the user's own
            config["use_bias"] = layer.use_bias or bool(np.any(self._added(visit)))
        return type(layer).from_config(config)

    def _added(self, visit: Visit) -> np.ndarray:
        """What input channels that go, each a constant, add to the outputs: [outputs]."""
        (taken,) = visit.inputs
        kernel = self._value(visit.layer.kernel)
        goes = ~self._stays(taken.ids) & ~np.isnan(taken.constants)
        return folded(taken.constants, goes, kernel.reshape(-1, *kernel.shape[-2:]))

    def _fill(self, visit: Visit, new: keras.layers.Layer) -> None:
        """Gives a layer that was made the weights that stay."""
        old, outputs = visit.layer, self._stays(visit.outputs.ids)
        if isinstance(old, MULTIPLIED):
            inputs = self._stays(visit.inputs[0].ids)
            added = self._added(visit)[outputs]
            self._move(old.kernel, new.kernel, Cut({-2: inputs, -1: outputs}))
            if old.use_bias:
                self._move(old.bias, new.bias, Cut({-1: outputs}), changed=bool(np.any(added)))
                new.bias.assign_add(added)
            elif new.use_bias:
                new.bias.assign(added)
        elif isinstance(old, DEPTHWISE):
            self._move(old.kernel, new.kernel, Cut({-2: outputs}))
            if old.use_bias:
                self._move(old.bias, new.bias, Cut({-1: outputs}))
        elif isinstance(old, keras.layers.BatchNormalization):
            for name in _NORM:
                if getattr(old, name, None) is not None:
                    self._move(getattr(old, name), getattr(new, name), Cut({-1: outputs}))

    def _move(
        self, old: keras.Variable, new: keras.Variable, cut: Cut, changed: bool = False
    ) -> None:
        """Gives a new variable what stays of an old one.

        Args:
            changed: whether other values are added to it than its quantizer gives.
        """
        value, entry = np.asarray(old), self._entries.get(id(old))
        if entry is not None:
            check_buckets(entry, cut)
            if changed or (value.ndim == 1 and loses_scale(entry, cut)):
                value = self._value(old)
                del self._entries[id(old)]
        new.assign(cut(value))
        set_path(new, old.path)
        self._variables[id(old)], self._cuts[id(old)] = new, cut

    def _row(self, visit: Visit) -> LayerChannels:
        if visit.reason is not None:
            count = len(visit.outputs)
            return LayerChannels(visit.layer.name, count, count, visit.reason)
        reasons = self._walk.ties.kept(visit.outputs.ids)
        constant = ~np.isnan(visit.outputs.constants)
        shown = constant | (isinstance(visit.layer, MULTIPLIED) and mixes_channels(visit.layer))
        why = [reason for reason, each in zip(reasons, shown, strict=True) if each and reason]
        after = sum(reason is not None for reason in reasons)
        return LayerChannels(visit.layer.name, len(reasons), after, why[0] if why else None)


def _changes(visit: Visit) -> bool:
    """Whether a layer is made anew, of fewer channels."""
    if visit.reason is not None:
        return False
    return not (isinstance(visit.layer, QuantizedActivation) or seed_generators(visit.layer))


def _has_channels(visit: Visit) -> bool:
    """Whether a layer has weights that make its output channels, or may have."""
    if visit.reason is None:
        return isinstance(visit.layer, MULTIPLIED + DEPTHWISE)
    return bool(getattr(visit.layer, "weights", ()))


def _rebuilt(model: keras.Model, made: dict[int, keras.layers.Layer]) -> keras.Model:
    """The model with layers that were made in the places of those of these ids."""
    if isinstance(model, keras.Sequential):
        (entry,) = model.inputs
        first = keras.Input(batch_shape=entry.shape, dtype=entry.dtype, name=entry.name)
        layers = [made.get(id(layer), layer) for layer in model.layers]
        return keras.Sequential([first, *layers], name=model.name)

    def call(layer, *args, **kwargs) -> Any:
        return made.get(id(layer), layer)(*args, **kwargs)

    outputs = run_graph(model, model.inputs, call)
    return Functional(model.input, outputs, name=model.name)
