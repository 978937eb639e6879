"""`tfqd.wrapping.protocols.Serving` for Keras 3."""

import contextlib
import pathlib
from collections.abc import Collection, Iterator, Sequence

import keras
import tensorflow as tf

from tfqd.wrapping.keras3.signature import zero_inputs as zero_inputs
from tfqd.wrapping.keras3.substitution import SubstitutionScope


def input_names(model: keras.Model) -> list[str]:
    """The names of the layers that a graph's inputs come from, in their order."""
    layers = {
        id(layer.output): layer.name
        for layer in model.layers
        if isinstance(layer, keras.layers.InputLayer)
    }
    return [layers[id(x)] for x in keras.tree.flatten(model.input)]


@contextlib.contextmanager
def reading(
    model: keras.Model,
    values: Sequence[tuple[keras.Variable, tf.Tensor]],
    moved: Collection[keras.Variable],
) -> Iterator[None]:
    """While it is open, the model computes with the values in place of the variables.

    Seeds are constants too, but for those among `moved`.
    """
    with _ReadingScope(values, _seeds(model, moved)):
        yield


def load_keras_file(path: pathlib.Path) -> keras.Model:
    """The model in a ``.keras`` or ``.h5`` file, not compiled, of Keras 3."""
    return keras.saving.load_model(path, compile=False)


class _ReadingScope(SubstitutionScope):
    """As that, but that some seeds are constants too, of which draws leave no trace.

    Recurrent layers with dropout draw even in inference, and use nothing of it.
    """

    def __init__(self, values, seeds: Sequence[tuple[keras.Variable, tf.Tensor]]):
        typed = [(variable, _in_own_type(variable, value)) for variable, value in values]
        super().__init__([*typed, *seeds])
        self._seeds = {id(variable) for variable, _ in seeds}

    def add_update(self, update):
        variable, value = update
        if id(variable) in self._seeds:
            self.state_mapping[id(variable)] = value
        elif id(variable) in self.state_mapping:
            raise ValueError(
                f"{variable.path} is assigned by its own layer during the call, but the probes "
                "leave it as it is; pass probes= that move it"
            )
        else:
            super().add_update(update)


def _in_own_type(variable: keras.Variable, value: tf.Tensor) -> tf.Tensor:
    """As a layer takes it, which casts for itself what is float32 and nothing else."""
    return value if variable.dtype == "float32" else tf.cast(value, variable.dtype)


def _seeds(
    model: keras.Model, moved: Collection[keras.Variable]
) -> list[tuple[keras.Variable, tf.Tensor]]:
    """The variables that are no weights, and none of those that move, with their values."""
    others = {id(variable) for variable in [*model.weights, *moved]}
    with tf.init_scope():  # the call may be under way of being traced
        values = [(v, v.numpy()) for v in model.variables if id(v) not in others]
    return [(variable, tf.constant(value)) for variable, value in values]
