"""From Keras 3 to tf_keras (Keras 2): the same layers, graph and weights.

The Keras 3 model's own graph is run on tf_keras' symbolic tensors, each layer
replaced by the tf_keras layer of the same name and configuration. Nothing is
carried half: a layer or a setting that tf_keras does not know is an error.
"""

import inspect
from typing import Any

import keras

from tfqd.extras import needing
from tfqd.wrapping.bridge_masks import check_masks
from tfqd.wrapping.keras3.insides import (
    Functional,
    graph_of,
    own_variables,
    run_graph,
    set_own_trainable,
)
from tfqd.wrapping.keras3.masks import GivenMask, masks_given

_SERIALIZED = ("_regularizer", "_constraint")
# Activations that tf_keras knows by the same name as another function.
_OTHER_FUNCTIONS = ("hard_sigmoid",)


def to_tf_keras(model: keras.Model) -> Any:
    """A tf_keras model with the layers, graph and weights of a Keras 3 model.

    For those who need the tfmot toolchain, or another one that stayed with
    Keras 2. Needs the package tf-keras (``pip install 'tfqd[tfmot]'``).

    Args:
        model: a built Sequential or Functional Keras 3 model without
            quantization; nested models of these kinds may be among its layers.

    Returns:
        A ``tf_keras.Model``, not compiled, that gives the same outputs. One thing
        differs: where a masked query has nothing to attend to, MultiHeadAttention
        with dropout sums no values in Keras 3, and their mean in tf_keras.

    Raises:
        TypeError: when `model` is no Keras 3 model.
        ValueError: when it is subclassed or unbuilt, or has a layer, operation
            or setting that tf_keras does not know or takes for another, or a mask
            that it does not pass along as Keras 3 does; names it.
        ModuleNotFoundError: without tf-keras.
    """
    if not isinstance(model, keras.Model):
        raise TypeError(f"model must be a Keras 3 model; got {type(model).__name__}")
    return _Bridge().model(model)


class _Bridge:
    """Converts layers once each, so that shared layers stay shared."""

    def __init__(self):
        with needing("tfmot", "tf_keras (Keras 2) models"):
            import tf_keras

        self._tf_keras = tf_keras
        self._converted: dict[int, Any] = {}

    def model(self, model: keras.Model):
        graph = _graph_of(model)
        for mask in masks_given(graph):
            raise _mask_cannot_be_given(mask)
        inputs = [
            self._tf_keras.Input(batch_shape=tensor.shape, dtype=tensor.dtype, name=tensor.name)
            for tensor in graph.inputs
        ]
        outputs = run_graph(graph, inputs, self._call)
        structured = keras.tree.pack_sequence_as(graph._inputs_struct, inputs)
        for output in keras.tree.flatten(outputs):
            if isinstance(output, _Unknown):
                raise _cannot_be_given(output, f"which model {model.name!r} takes its output from")
        converted = self._tf_keras.Model(structured, outputs, name=model.name)
        for layer in graph.layers:
            self._copy_weights(layer)
        return converted

    def _call(self, operation, *args, **kwargs):
        layer = self.layer(operation)
        if isinstance(layer, _Unknown):
            return layer
        passed = isinstance(kwargs.get("mask"), _Unknown)
        kwargs = {key: value for key, value in kwargs.items() if value is not None}
        if passed:
            del kwargs["mask"]
        for argument in keras.tree.flatten([args, kwargs]):
            if isinstance(argument, _Unknown):
                raise _cannot_be_given(argument, f"which layer {layer.name!r} takes its input from")
        _check_names(layer, kwargs)
        check_masks(layer, operation, passed, args, kwargs)
        return layer(*args, **kwargs)

    def layer(self, layer):
        """The tf_keras layer for one of Keras 3, the same one at each call."""
        if not isinstance(layer, keras.layers.Layer):
            return _Unknown(layer)
        if id(layer) not in self._converted:
            convert = self.model if isinstance(layer, keras.Model) else self._from_configuration
            self._converted[id(layer)] = convert(layer)
        return self._converted[id(layer)]

    def _from_configuration(self, layer):
        name = type(layer).__name__
        target = getattr(self._tf_keras.layers, name, None)
        theirs = type(layer).__module__.split(".")[0] == "keras"
        # A wrapper is carried with the layer in it, but not with weights of its own.
        adds_weights = isinstance(layer, keras.layers.Wrapper) and own_variables(layer)
        if target is None or not theirs or isinstance(layer, keras.layers.Lambda) or adds_weights:
            raise ValueError(
                f"tf_keras cannot be given layer {layer.name!r}, a {_name(type(layer))}"
            )
        if isinstance(layer, keras.layers.Bidirectional):
            # Their own names count on reload only.
            parts = [
                self._from_configuration(getattr(layer, part)) for part in _names_of_wrapped(layer)
            ]
            return target(parts[0], layer.merge_mode, backward_layer=parts[1], name=layer.name)
        if isinstance(layer, keras.layers.Wrapper):
            return target(self.layer(layer.layer), name=layer.name)
        settings = _settings(layer, target)
        try:
            return target(**settings)
        except Exception as error:  # whatever a class of tf_keras raises
            raise ValueError(
                f"tf_keras cannot be given layer {layer.name!r}, a {_name(type(layer))}, as it is "
                f"set: {error!s:.300}"
            ) from error

    def _copy_weights(self, layer) -> None:
        converted = self._converted.get(id(layer))
        if converted is not None:
            _copy(layer, converted)


def _copy(layer: keras.layers.Layer, converted: Any) -> None:
    """Copies the weights and the flags of a layer, and of those in it.

    Of these each by itself: tf_keras has all that is trained before the rest. A model's were
    copied when it was converted.
    """
    if isinstance(layer, keras.Model):
        return
    names = _names_of_wrapped(layer)
    for name in names:
        _copy(getattr(layer, name), getattr(converted, name))
    if names:
        # Keras 3 trains what was not frozen itself, also in a wrapper that was made frozen.
        trained = any(variable.trainable for variable in layer.variables)
        set_own_trainable(converted, layer.trainable or trained)
    else:
        _copy_whole(layer, converted)


def _copy_whole(layer: keras.layers.Layer, converted: Any) -> None:
    ours = [tuple(variable.shape) for variable in layer.weights]
    theirs = [tuple(variable.shape) for variable in converted.weights]
    if ours != theirs:
        raise ValueError(
            f"layer {layer.name!r} has weights of shapes {ours} in Keras 3 and {theirs} in tf_keras"
        )
    converted.set_weights([variable.numpy() for variable in layer.weights])
    converted.trainable = layer.trainable


def _names_of_wrapped(layer: keras.layers.Layer) -> tuple[str, ...]:
    """The attributes that hold the layers which a layer wraps, in both Kerases."""
    if isinstance(layer, keras.layers.Bidirectional):
        return "forward_layer", "backward_layer"
    return ("layer",) if isinstance(layer, keras.layers.Wrapper) else ()


def _graph_of(model: keras.Model):
    """The model as a graph that begins with Input layers."""
    if not model.built:
        raise ValueError(f"model {model.name!r} is not built; call it on data first")
    graph = graph_of(model)
    if not isinstance(graph, Functional):
        raise ValueError(
            f"model {model.name!r} is subclassed ({type(model).__name__}); only Sequential and "
            "Functional models have a graph that tf_keras can be given"
        )
    return graph


class _Unknown:
    """An operation that is no layer, and what it gives.

    Keras 3 computes masks by such operations in the graph; tf_keras passes its
    masks along by itself. Only one whose result a layer needs otherwise is an error.
    """

    def __init__(self, operation: keras.Operation):
        self.operation = operation


def _check_names(layer, kwargs) -> None:
    unknown = kwargs.keys() - {"training", *inspect.signature(layer.call).parameters}
    if unknown:
        raise ValueError(
            f"tf_keras' {type(layer).__name__} takes no {min(unknown)}, which layer {layer.name!r} "
            "is given"
        )


def _mask_cannot_be_given(mask: GivenMask) -> ValueError:
    operation = mask.operation
    return ValueError(
        f"tf_keras cannot give layer {mask.layer.name!r} the {mask.name} that operation "
        f"{operation.name!r}, a {_name(type(operation))}, computes; make the mask an input of the "
        "model, or leave it to mask_zero=True or Masking"
    )


def _cannot_be_given(unknown: _Unknown, use: str) -> ValueError:
    operation = unknown.operation
    return ValueError(
        f"tf_keras cannot be given operation {operation.name!r}, a {_name(type(operation))}, {use}"
    )


def _name(cls: type) -> str:
    return f"{cls.__module__}.{cls.__name__}"


def _settings(layer: keras.layers.Layer, target: type) -> dict[str, Any]:
    """The layer's configuration as the tf_keras class takes it.

    Initializers are left out: the weights are copied.
    """
    config = layer.get_config()
    known = _parameters(target)
    # Without this, tf_keras lets large scores of attention through a mask.
    settings = dict.fromkeys(known & {"softmax_robust_masking"}, True)
    for key, value in config.items():
        if key.endswith("_initializer") or key == "build_config":
            continue
        if key == "dtype":
            value = layer.dtype_policy.name
        elif key.endswith(_SERIALIZED) and isinstance(value, dict):
            value = {"class_name": value["class_name"], "config": value["config"]}
        elif key.endswith("activation") and value in _OTHER_FUNCTIONS:
            raise ValueError(
                f"{key} {value!r} of layer {layer.name!r} is another function in tf_keras; "
                "give the layer an activation that is the same in both, such as 'sigmoid'"
            )
        if key in known:
            settings[key] = value
        elif (key, value) == ("data_format", "channels_last"):
            continue  # What layers of tf_keras without a choice compute.
        elif value != (default := _default(type(layer), key)) and (value or default):
            raise ValueError(
                f"tf_keras' {target.__name__} has no {key}, which layer {layer.name!r} sets to "
                f"{value!r}"
            )
    return settings


def _parameters(cls: type) -> set[str]:
    """The keyword arguments of a layer class and of those it hands the rest to."""
    # The last is taken by recurrent layers without being in a signature.
    names = {"name", "trainable", "dtype", "zero_output_for_mask"}
    for base in cls.__mro__:
        if "__init__" in vars(base):
            names.update(inspect.signature(vars(base)["__init__"]).parameters)
    return names - {"self", "args", "kwargs"}


def _default(cls: type, key: str):
    for base in cls.__mro__:
        if "__init__" in vars(base):
            parameter = inspect.signature(vars(base)["__init__"]).parameters.get(key)
            if parameter is not None:
                return parameter.default
    return None
