"""What a Keras model takes and gives, by name."""

import inspect
import re
import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from tfqd.export.given_inputs import Path, in_order
from tfqd.spec.unique_names import unique_names
from tfqd.wrapping.version import version_of


class Signature:
    """Names, shapes and dtypes of a model's inputs, and the names of its outputs.

    Inputs and outputs that the model takes and gives in a dict are called by
    their keys; the others after the Input layers and the layers that they come
    from. A subclassed model has no Input layers: its inputs are called after
    the arguments that it was built with, its outputs ``output_0``,
    ``output_1``, ... Keras keeps the shape of the first argument alone, unless the model
    has a method ``build`` that takes the shapes of all: a warning names the others. In an
    input's name, what may not stand in the name of an argument becomes an underscore, and
    one that does not begin with a letter gets ``arg_`` before it.

    Args:
        model: a built Keras 3 model.
        example: inputs from which the dtypes of a subclassed model's inputs are
            taken, float32 without; Input layers say their own.
        argument: what the user knows them as, for the errors.

    Attributes:
        inputs: a `tf.TensorSpec` for each input, in the order in which
            ``keras.tree.flatten`` lists them; None for dimensions that are free.
        has_input_layers: whether the model says its inputs' dtypes.

    Raises:
        ValueError: when the model does not say what it takes, or not all that it must be given.
    """

    def __init__(self, model: keras.Model, example: Any = None, argument: str = "probes"):
        graph = _graph_of(model)
        self.has_input_layers = graph is not None
        if graph is None:
            recorded = _recorded_arguments(model)
            _check_whole(model, len(recorded))
            self._known_as = _ways(list(recorded.values()), _paths_by_argument(recorded))
            self._arguments = _typed(list(recorded.values()), example, self._known_as, argument)
            self._output_names = []
        else:
            self._arguments = [_graph_inputs(graph)]
            layers = version_of(graph).serving.input_names(graph)
            self._known_as = _ways(self._arguments, [(layer,) for layer in layers])
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
                dict by the signature's names, by those of the Input layers, or by those of a
                subclassed model's arguments.
            argument: what the user knows them as, for the errors.

        Raises:
            ValueError: when they do not fit the model.
        """
        arrays = in_order(inputs, self._known_as, argument)
        pairs = zip(self.inputs, arrays, strict=True)
        return {spec.name: _fitting(array, spec, argument) for spec, array in pairs}

    def _named(self, outputs) -> dict[str, tf.Tensor]:
        flat = keras.tree.flatten_with_path(outputs)
        fallback = [f"output_{index}" for index in range(len(flat))]
        if len(self._output_names) == len(flat):
            fallback = self._output_names
        names = [_key(path) or name for (path, _), name in zip(flat, fallback, strict=True)]
        tensors = [tensor for _, tensor in flat]
        return dict(zip(unique_names(names, "_"), tensors, strict=True))


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
    known = zip(flat, layers, strict=True)
    names = unique_names((_argument_name(_key(path) or layer) for (path, _), layer in known), "_")
    specs = [
        tf.TensorSpec(x.shape, x.dtype, name) for (_, x), name in zip(flat, names, strict=True)
    ]
    return keras.tree.pack_sequence_as(graph.input, specs)


def _recorded_arguments(model: keras.Model) -> dict[str, Any]:
    """The float32 specs of the arguments that a subclassed model was built with, by name."""
    config = model.get_build_config() or {}
    shapes = config.get("shapes_dict") or config
    if not shapes:
        raise ValueError(
            f"model {model.name!r} does not say which inputs it takes; call it on data first"
        )
    named = {name.removesuffix("_shape"): shape for name, shape in shapes.items()}
    return {name: _specs(shape, name) for name, shape in named.items()}


def _check_whole(model: keras.Model, recorded: int) -> None:
    """Warns of arguments of a subclassed model whose shapes it does not know; refuses needed ones.

    Args:
        model: the model.
        recorded: of how many arguments, the first ones, the shapes are known.
    """
    parameters = inspect.signature(model.call).parameters.values()
    taken = [each for each in parameters if each.kind is each.POSITIONAL_OR_KEYWORD]
    others = [each for each in taken[recorded:] if each.name not in ("training", "mask")]
    needed = [each.name for each in others if each.default is each.empty]
    possible = [each.name for each in others if each.default is None]
    first = [each.name for each in taken[:recorded]]
    shapes = ", ".join(f"{name}_shape" for name in [*first, *needed, *possible])
    remedy = f"give it a method build(self, {shapes}), and call it on all of them"
    if needed:
        raise ValueError(
            f"model {model.name!r} does not say the shape of argument {', '.join(needed)}, which "
            f"it must be given; {remedy}"
        )
    if possible:
        warnings.warn(
            f"argument {', '.join(possible)} of model {model.name!r} is left out, as the model "
            f"does not say its shape. If it is an input, {remedy}",
            stacklevel=2,
        )


def _specs(shape, name: str):
    """Shape -> spec, in whatever structure of dicts and lists the shapes come."""
    if isinstance(shape, Mapping):
        return {key: _specs(part, key) for key, part in shape.items()}
    if all(size is None or isinstance(size, int) for size in shape):
        return tf.TensorSpec([None, *shape[1:]], tf.float32, _argument_name(name))
    return [_specs(part, f"{name}_{index}") for index, part in enumerate(shape)]


def _ways(arguments: list, others: Sequence[Path]) -> list[Sequence[Path]]:
    """How a dict may call the inputs: by the signature's names, by others, as the model does."""
    flat = keras.tree.flatten_with_path(arguments)
    names: list[Path] = [(spec.name,) for _, spec in flat]
    ways: list[Sequence[Path]] = [names, others]
    return ways if len(arguments) > 1 else [*ways, [path[1:] for path, _ in flat]]


def _paths_by_argument(recorded: Mapping[str, Any]) -> list[Path]:
    flat = keras.tree.flatten_with_path(list(recorded.values()))
    return [(list(recorded)[place], *rest) for (place, *rest), _ in flat]


def _typed(
    arguments: list, example: Any, known_as: Sequence[Sequence[Path]], argument: str
) -> list:
    """The arguments' specs with the dtypes of the example's arrays."""
    if example is None:
        return arguments
    specs = keras.tree.flatten(arguments)
    arrays = in_order(example, known_as, argument)
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


def _fitting(array, spec: tf.TensorSpec, argument: str) -> np.ndarray:
    given, dtype = np.asarray(array), spec.dtype.as_numpy_dtype
    fits = spec.shape.is_compatible_with(given.shape)
    if fits and spec.dtype == tf.string:
        try:
            return tf.convert_to_tensor(array, tf.string).numpy()  # objects of ``bytes``
        except (TypeError, ValueError):
            fits = False
    if fits and not given.size:
        raise ValueError(
            f"{argument}: input {spec.name!r} must have examples; got none, of shape {given.shape}"
        )
    if not fits or not np.can_cast(given.dtype, dtype, "same_kind"):
        raise ValueError(
            f"{argument}: input {spec.name!r} must be {spec.dtype.name} of shape {spec.shape}; "
            f"got {given.dtype} of shape {given.shape}"
        )
    return given.astype(dtype)
