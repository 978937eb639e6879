"""How channels pass through the layers of Keras 3.

A model's graph is run on `Channels` in place of tensors. Every rule says which channels a
layer gives, of which it takes, and what is known of them in inference.
"""

import collections
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import keras
import numpy as np

from tfqd.wrapping.channels import Channels, Ties
from tfqd.wrapping.keras3.activations import QuantizedActivation
from tfqd.wrapping.keras3.channel_constants import activated, folded, run_on
from tfqd.wrapping.keras3.insides import graph_of, run_graph

_layers = keras.layers
Value = Callable[[keras.Variable], np.ndarray]


class Visit(NamedTuple):
    """A call of a layer of the graph, and what it takes and gives.

    layer: or an operation, such as an addition.
    inputs: but for masks.
    reason: why the layer stays as it is; None where channels can be taken from it.
    """

    layer: keras.layers.Layer
    inputs: list[Channels]
    outputs: Channels
    reason: str | None = None


class Walk:
    """The channels of a model's graph.

    Args:
        model: a built Sequential or Functional model.
        value: what a variable counts as.
        sets_scale: which weights of a kernel make a scale of other inputs too.

    Attributes:
        visits: of the layers, in the order of their calls.
        ties: of the channels.
    """

    def __init__(self, model: keras.Model, value: Value, sets_scale: Value):
        self.ties, self.value, self.sets_scale = Ties(), value, sets_scale
        self.visits: list[Visit] = []
        graph = graph_of(model)
        self._calls: collections.Counter[int] = collections.Counter()
        run_graph(graph, graph.inputs, self._count)
        taken = [self.opaque(tensor, "an input of the model") for tensor in graph.inputs]
        given = run_graph(graph, taken, self._call)
        for channels in keras.tree.flatten(given):
            self.ties.keep(channels.ids, "an output of the model")
        self._leave_one_each()

    def _count(self, layer, *args, **kwargs):
        self._calls[id(layer)] += 1
        return layer.output

    def _call(self, layer, *args, **kwargs):
        masks = {name: kwargs.pop(name) for name in [*kwargs] if name.endswith("mask")}
        for each in _channels_in(masks):
            self.ties.keep(each.ids, "a mask")
        inputs = _channels_in([args, kwargs])
        rule, reason = RULES.get(type(layer)), self._obstacle(layer)
        fits = len(inputs) == 1 or rule in _JOINING
        outputs = rule(self, layer, inputs) if rule and fits and not reason else None
        if outputs is not None:
            self.visits.append(Visit(layer, inputs, outputs))
            return outputs
        taken = f"{type(layer).__name__} {layer.name!r} takes them as they are"
        for each in inputs:
            self.ties.keep(each.ids, taken)
        given = keras.tree.map_structure(lambda x: self.opaque(x, taken), layer.output)
        reason = reason or f"{type(layer).__name__} is not known here with its options"
        self.visits.append(Visit(layer, inputs, keras.tree.flatten(given)[0], reason))
        return given

    def _obstacle(self, layer) -> str | None:
        """Why a layer stays as it is; None where its rule is to say."""
        if isinstance(layer, keras.Model):
            return "a model in the model, which is not looked into"
        if type(layer) not in RULES:
            return f"{type(layer).__name__} is not known here"
        if self._calls[id(layer)] > 1 and not isinstance(layer, QuantizedActivation):
            return "called several times"
        if getattr(layer, "data_format", "channels_last") != "channels_last":
            return "its channels come first"
        return None

    def opaque(self, tensor, reason: str) -> Channels:
        """Channels of which nothing is known but that they stay."""
        count = tensor.shape[-1] if len(tensor.shape) > 1 and tensor.shape[-1] else 0
        channels = self.ties.fresh(np.full(count, np.nan, np.float32), places_of(tensor))
        self.ties.keep(channels.ids, reason)
        return channels

    def _leave_one_each(self) -> None:
        """Has one channel of every layer stay."""
        for ids in [visit.outputs.ids for visit in self.visits]:
            if not any(self.ties.kept(ids)):
                self.ties.keep(ids[:1], "the last one of its layer")


def _channels_in(arguments: Any) -> list[Channels]:
    """Those among the arguments of a call."""
    return [each for each in keras.tree.flatten(arguments) if isinstance(each, Channels)]


def places_of(tensor) -> int | None:
    """How many places have each of a tensor's channels; None where that varies."""
    between = tensor.shape[1:-1]
    return None if None in between else int(np.prod(between, dtype=np.int64))


def _multiplied(walk: Walk, layer, inputs: Sequence[Channels]) -> Channels | None:
    """Dense and convolutions: each output is a sum over all inputs.

    Outputs of an activation that may mix channels are not known, and all stay.
    """
    (taken,) = inputs
    kernel = walk.value(layer.kernel)
    alone = getattr(layer, "groups", 1) == 1 and not layer.quantization_mode
    if not alone or kernel.shape[-2] != len(taken):
        return None
    by_pair = kernel.reshape(-1, *kernel.shape[-2:])
    reads: np.ndarray = np.any(by_pair != 0, axis=0)
    varying = np.isnan(taken.constants)
    foldable = taken.constants == 0 if _pads(layer) else ~varying
    read = np.any(reads, axis=1) & ~foldable
    name = f"{type(layer).__name__} {layer.name!r}"
    walk.ties.keep(taken.ids[read & varying], f"{name} reads what depends on the input")
    walk.ties.keep(
        taken.ids[read & ~varying], f"{name} pads with zeros what is constant, but not zero"
    )
    _keep_scales(walk, layer, taken, reads)
    sums = folded(taken.constants, foldable, by_pair) + _bias(walk, layer)
    constants = np.where(np.any(reads & ~foldable[:, np.newaxis], axis=0), np.nan, sums)
    after = activated(layer, constants.astype(np.float32))
    if after is None:
        return walk.opaque(layer.output, f"the activation of {name} may mix channels")
    return walk.ties.fresh(after, places_of(layer.output))


def _keep_scales(walk: Walk, layer, taken: Channels, reads: np.ndarray) -> None:
    """Has the inputs stay whose weights make scales, but for those of empty outputs.

    Args:
        reads: which weights are not 0 anywhere, [inputs, outputs].
    """
    scaling = walk.sets_scale(layer.kernel).reshape(-1, *reads.shape).any(axis=0)
    walk.ties.keep(
        taken.ids[np.any(scaling & np.any(reads, axis=0), axis=1)],
        f"{type(layer).__name__} {layer.name!r} makes its scales of weights there",
    )


def _pads(layer) -> bool:
    """Whether a layer sees zeros at the border."""
    padding, size = getattr(layer, "padding", "valid"), getattr(layer, "kernel_size", ())
    return padding != "valid" and any(each > 1 for each in size)


def _bias(walk: Walk, layer) -> np.ndarray:
    return walk.value(layer.bias) if layer.use_bias else np.zeros((), np.float32)


def _depthwise(walk: Walk, layer, inputs: Sequence[Channels]) -> Channels | None:
    (taken,) = inputs
    if layer.depth_multiplier != 1 or layer.quantization_mode:
        return None
    kernel = walk.value(layer.kernel)[..., 0].reshape(-1, len(taken))
    _keep_scales(walk, layer, taken, np.any(kernel != 0, axis=0)[:, np.newaxis])
    known = (taken.constants == 0) | (~np.isnan(taken.constants) & (not _pads(layer)))
    sums = np.where(known, taken.constants, 0.0) * kernel.sum(axis=0) + _bias(walk, layer)
    constants = np.where(known | ~kernel.any(axis=0), sums, np.nan)
    after = activated(layer, constants.astype(np.float32))
    if after is None:
        return None
    return Channels(taken.ids, after, places_of(layer.output))


def _normalized(walk: Walk, layer, inputs: Sequence[Channels]) -> Channels | None:
    (taken,) = inputs
    if layer.axis not in (-1, len(layer.output.shape) - 1):
        return None
    # What inference computes; a training normalizes a constant by the batch, to its offset.
    scale = 1 / np.sqrt(walk.value(layer.moving_variance) + layer.epsilon)
    scale = scale * walk.value(layer.gamma) if layer.scale else scale
    constants = (taken.constants - walk.value(layer.moving_mean)) * scale
    constants = constants + walk.value(layer.beta) if layer.center else constants
    return Channels(taken.ids, constants.astype(np.float32), taken.places)


def _by_itself(walk: Walk, layer, inputs: Sequence[Channels]) -> Channels | None:
    """Layers that do the same to every number."""
    (taken,) = inputs
    return Channels(taken.ids, run_on(layer, taken.constants), taken.places)


def _activation(walk: Walk, layer, inputs: Sequence[Channels]) -> Channels | None:
    (taken,) = inputs
    constants = activated(layer, taken.constants)
    return None if constants is None else Channels(taken.ids, constants, taken.places)


def _scaled(walk: Walk, layer, inputs: Sequence[Channels]) -> Channels | None:
    alike = np.ndim(layer.scale) == np.ndim(layer.offset) == 0
    return _by_itself(walk, layer, inputs) if alike else None


def _moved(walk: Walk, layer, inputs: Sequence[Channels]) -> Channels:
    """Pooling, and layers that do nothing in inference: a constant stays what it is."""
    (taken,) = inputs
    return Channels(taken.ids, taken.constants, places_of(layer.output))


def _padded(walk: Walk, layer, inputs: Sequence[Channels]) -> Channels:
    (taken,) = inputs
    constants = np.where(taken.constants == 0, np.float32(0), np.float32(np.nan))
    return Channels(taken.ids, constants, places_of(layer.output))


def _flattened(walk: Walk, layer, inputs: Sequence[Channels]) -> Channels | None:
    (taken,) = inputs
    if taken.places is None or taken.places * len(taken) != layer.output.shape[-1]:
        return None
    return Channels(np.tile(taken.ids, taken.places), np.tile(taken.constants, taken.places), 1)


def _added(walk: Walk, layer, inputs: Sequence[Channels]) -> Channels | None:
    first = inputs[0]
    if any(len(each) != len(first) or each.places != first.places for each in inputs):
        return None
    for each in inputs[1:]:
        walk.ties.tie(each.ids, first.ids)
    constants = np.sum([each.constants for each in inputs], axis=0)
    return Channels(first.ids, constants, first.places)


def _concatenated(walk: Walk, layer, inputs: Sequence[Channels]) -> Channels | None:
    if layer.axis not in (-1, len(layer.output.shape) - 1):
        return None
    ids = np.concatenate([each.ids for each in inputs])
    constants = np.concatenate([each.constants for each in inputs])
    return Channels(ids, constants, places_of(layer.output))


_JOINING = (_added, _concatenated)
MULTIPLIED = (_layers.Dense, _layers.Conv1D, _layers.Conv2D, _layers.Conv3D)
DEPTHWISE = (_layers.DepthwiseConv1D, _layers.DepthwiseConv2D)

RULES: dict[type, Callable[[Walk, Any, Sequence[Channels]], Channels | None]] = {
    **dict.fromkeys(MULTIPLIED, _multiplied),
    **dict.fromkeys(DEPTHWISE, _depthwise),
    _layers.BatchNormalization: _normalized,
    _layers.Activation: _activation,
    **dict.fromkeys((_layers.ReLU, _layers.LeakyReLU, _layers.ELU), _by_itself),
    QuantizedActivation: _by_itself,
    _layers.Rescaling: _scaled,
    **dict.fromkeys(
        (
            *(_layers.Dropout, _layers.SpatialDropout1D, _layers.SpatialDropout2D),
            *(_layers.GaussianNoise, _layers.GaussianDropout, _layers.Identity),
            *(_layers.MaxPooling1D, _layers.MaxPooling2D, _layers.AveragePooling1D),
            *(_layers.AveragePooling2D, _layers.GlobalAveragePooling1D),
            *(_layers.GlobalAveragePooling2D, _layers.GlobalMaxPooling1D),
            *(_layers.GlobalMaxPooling2D, _layers.Cropping2D),
        ),
        _moved,
    ),
    _layers.ZeroPadding1D: _padded,
    _layers.ZeroPadding2D: _padded,
    _layers.Flatten: _flattened,
    _layers.Add: _added,
    _layers.Concatenate: _concatenated,
}
