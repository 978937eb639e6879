"""What a Keras model takes and gives, by name."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfqd.wrapping.version import version_of


class Signature:
    """Names, shapes and dtypes of a model's inputs, and the names of its outputs.

    Inputs and outputs that the model takes and gives in a dict are called by
    their keys; the others after the Input layers and the layers that they come
    from. A subclassed model has no Input layers: its inputs are called after
    the arguments that it was built with, its outputs ``output_0``,
    ``output_1``, ... In an input's name, what may not stand in the name of an
    argument becomes an underscore, and one that does not begin with a letter gets
    ``arg_`` before it.

    Attributes:
        inputs: a `tf.TensorSpec` for each input, in the order in which
            ``keras.tree.flatten`` lists them; None for dimensions that are free.

    Args:
        model: a built Keras 3 model.
        example: inputs from which the dtypes of a subclassed model's inputs are
            taken, float32 without; Input layers say their own.
        argument: what the user knows them as, for the errors.

    Raises:
        ValueError: when the model does not say what it takes.
    """

    def __init__(self, model: keras.Model, example: Any = None, argument: str = "probes"):
        graph = _graph_of(model)
        if graph is None:
            self._arguments = _typed(_recorded_arguments(model), example, argument)
            self._output_names = []
        else:
            self._arguments = [_graph_inputs(graph)]
            self._output_names = graph.output_names
        self.inputs: list[tf.TensorSpec] = keras.tree.flatten(self._arguments)

    def call(self, model: keras.Model, inputs: Mapping[str, Any]) -> dict[str, tf.Tensor]:
        """The outputs of `model` in inference, by name.

        Args:
            model: the signature's model, or another of the same structure.
            inputs: tensors or arrays by name.
        """
        flat = [tf.convert_to_tensor(inputs[spec.name], spec.dtype) for spec in self.inputs]
        outputs = model(*keras.tree.pack_sequence_as(self._arguments, flat), training=False)
        return self._named(outputs)

    def check(self, inputs, argument: str) -> dict[str, np.ndarray]:
        """The inputs that a user has given, as arrays by name.

        Args:
            inputs: arrays as the model takes them (one, a list or a dict), or a
                dict by the signature's names.
            argument: what the user knows them as, for the errors.

        Raises:
            ValueError: when they do not fit the model.
        """
        arrays = _in_order(inputs, [spec.name for spec in self.inputs], argument)
        pairs = zip(self.inputs, arrays, strict=True)
        return {spec.name: _fitting(array, spec, argument) for spec, array in pairs}

    def _named(self, outputs) -> dict[str, tf.Tensor]:
        flat = keras.tree.flatten_with_path(outputs)
        fallback = [f"output_{index}" for index in range(len(flat))]
        if len(self._output_names) == len(flat):
            fallback = self._output_names
        names = [_key(path) or name for (path, _), name in zip(flat, fallback, strict=True)]
        tensors = [tensor for _, tensor in flat]
        return dict(zip(_unique(names), tensors, strict=True))


def _graph_of(model: keras.Model) -> keras.Model | None:
    """The model as a graph of layers that begins with Input layers, if it is one."""
    if not model.built:
        raise ValueError(f"model {model.name!r} has not been built; call it on data first")
    if isinstance(model, keras.Sequential):
        return keras.Model(model.inputs[0], model.outputs[0])
    return model if getattr(model, "inputs", None) else None


def _graph_inputs(graph: keras.Model):
    """The specs of a graph's inputs, in the structure in which it takes them."""
    flat = keras.tree.flatten_with_path(graph.input)
    layers = version_of(graph).serving.input_names(graph)
    names = _unique(
        _argument_name(_key(path) or layer) for (path, _), layer in zip(flat, layers, strict=True)
    )
    specs = [
        tf.TensorSpec(x.shape, x.dtype, name) for (_, x), name in zip(flat, names, strict=True)
    ]
    return keras.tree.pack_sequence_as(graph.input, specs)


def _recorded_arguments(model: keras.Model) -> list:
    """The float32 specs of the arguments that a subclassed model was built with."""
    config = model.get_build_config() or {}
    shapes = config.get("shapes_dict") or config
    if not shapes:
        raise ValueError(
            f"model {model.name!r} does not say which inputs it takes; call it on data first"
        )
    return [_specs(shape, name.removesuffix("_shape")) for name, shape in shapes.items()]


def _specs(shape, name: str):
    """Shape -> spec, in whatever structure of dicts and lists the shapes come."""
    if isinstance(shape, Mapping):
        return {key: _specs(part, key) for key, part in shape.items()}
    if all(size is None or isinstance(size, int) for size in shape):
        return tf.TensorSpec([None, *shape[1:]], tf.float32, _argument_name(name))
    return [_specs(part, f"{name}_{index}") for index, part in enumerate(shape)]


def _typed(arguments: list, example: Any, argument: str) -> list:
    """The arguments' specs with the dtypes of the example's arrays."""
    if example is None:
        return arguments
    specs = keras.tree.flatten(arguments)
    arrays = _in_order(example, [spec.name for spec in specs], argument)
    dtypes = [tf.as_dtype(np.asarray(array).dtype) for array in arrays]
    typed = [
        tf.TensorSpec(spec.shape, tf.float32 if dtype == tf.float64 else dtype, spec.name)
        for spec, dtype in zip(specs, dtypes, strict=True)
    ]
    return keras.tree.pack_sequence_as(arguments, typed)


def _key(path: Sequence) -> str:
    """The keys of the dicts that lead to a tensor; empty where there are none."""
    return "_".join(step for step in path if isinstance(step, str))


def _argument_name(name: str) -> str:
    """A name that TensorFlow's functions keep as it is; theirs begin with a letter."""
    name = re.sub(r"\W", "_", name, flags=re.ASCII)
    return name if name[:1].isalpha() else f"arg_{name}"


def _unique(names) -> list[str]:
    """The names, with ``_1``, ``_2``, ... on those that occurred before."""
    result: list[str] = []
    for name in names:
        count = 0
        candidate = name
        while candidate in result:
            count += 1
            candidate = f"{name}_{count}"
        result.append(candidate)
    return result


def _in_order(inputs, names: list[str], argument: str) -> list:
    """The arrays in the order of the names, however a user has put them together."""
    if isinstance(inputs, Mapping) and set(inputs) == set(names):
        return [inputs[name] for name in names]
    if len(names) == 1 and not isinstance(inputs, Mapping | list | tuple):
        return [inputs]
    arrays = keras.tree.flatten(inputs)
    if len(arrays) != len(names):
        raise ValueError(
            f"{argument} must be {len(names)} arrays, for {', '.join(names)}; got {len(arrays)}"
        )
    return arrays


def _fitting(array, spec: tf.TensorSpec, argument: str) -> np.ndarray:
    given, dtype = np.asarray(array), spec.dtype.as_numpy_dtype
    fits = spec.shape.is_compatible_with(given.shape)
    if fits and spec.dtype == tf.string:
        try:
            return tf.convert_to_tensor(array, tf.string).numpy()  # objects of ``bytes``
        except (TypeError, ValueError):
            fits = False
    if not fits or not np.can_cast(given.dtype, dtype, "same_kind"):
        raise ValueError(
            f"{argument}: input {spec.name!r} must be {spec.dtype.name} of shape {spec.shape}; "
            f"got {given.dtype} of shape {given.shape}"
        )
    return given.astype(dtype)
