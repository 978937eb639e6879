"""Running a layer with quantized values in place of its variables.

``keras.StatelessScope`` lets a variable read as another tensor. Inside such a
scope the untouched layer runs with the quantized values, so any layer, nested
or subclassed model is quantizable and gradients reach the float variables
through the quantizers. What the layer assigns meanwhile (BatchNormalization
statistics, seeds of Dropout) is assigned as it would be outside; its losses are
handed to the owner.
"""

import functools
import inspect
from collections.abc import Callable, Iterable
from typing import Any

import keras
import tensorflow as tf

from tfqd.quantizers import Quantizer
from tfqd.wrapping import quantized
from tfqd.wrapping.keras3.candidates import owned_variables
from tfqd.wrapping.keras3.flags import SetsFlags
from tfqd.wrapping.keras3.insides import AutocastScope
from tfqd.wrapping.quantized import find_quantized as find_quantized


class SubstitutedVariable(quantized.QuantizedVariable):
    """A Keras 3 variable with its quantizer.

    layer: whose variable it is, where that is known.
    was_frozen: whether it was frozen when it was quantized: then its quantizer's variables
        are trained only while it is not. Points that moved would change what a frozen
        layer computes.
    """

    variable: keras.Variable
    layer: keras.layers.Layer | None = None
    was_frozen = False

    @property
    def is_frozen(self) -> bool:
        """Whether its layer is frozen, or the variable alone though its quantizer trains it."""
        by_layer = self.layer is not None and not self.layer.trainable
        return by_layer or (self.quantizer.trains_weights and not self.variable.trainable)

    @property
    def path(self) -> str:
        return self.variable.path

    def value(self) -> tf.Tensor:
        return float_value(self.variable)

    def in_own_type(self, training) -> tf.Tensor:
        """The quantized value in the variable's own type: what its layer computes with."""
        return tf.cast(self.quantize(training), self.variable._dtype)

    def add_penalty(self, kind: str, penalty: Callable[[], tf.Tensor]) -> Callable[[], None]:
        over = self.variable.regularizer
        if not isinstance(over, _Penalized):
            over = self.variable.regularizer = _Penalized(over)
        over.penalties[kind] = penalty
        return functools.partial(over.take_away, kind, penalty, self.variable)


class _Penalized:
    """A variable's regularizer as long as there are penalties on top of it.

    They may be taken away in any order; with the last the variable has its own again.
    """

    def __init__(self, own: Callable | None):
        self._own = own
        self.penalties: dict[str, Callable[[], tf.Tensor]] = {}

    def __call__(self, value):
        added = sum(penalty() for penalty in self.penalties.values())
        return added if self._own is None else self._own(value) + added

    def take_away(
        self, kind: str, penalty: Callable[[], tf.Tensor], variable: keras.Variable
    ) -> None:
        if self.penalties.get(kind) is not penalty:
            return  # Another has taken its place.
        del self.penalties[kind]
        if not self.penalties:
            variable.regularizer = self._own


def float_value(variable: keras.Variable) -> tf.Tensor:
    """The variable's own value, float32, as the quantizers take it."""
    with AutocastScope(None):
        return tf.cast(tf.convert_to_tensor(variable), tf.float32)


def initial_value(variable: keras.Variable) -> tf.Tensor | None:
    """The value that a quantizer's variables start from, when they are created.

    None while Keras only infers shapes and the variable has no value yet; it
    creates the quantizer's variables for real afterwards, in the same order.
    """
    return float_value(variable) if tf.executing_eagerly() else None


class Substitution:
    """Quantized values in place of some of a layer's variables.

    A plain object, so that Keras does not list the inner layer's variables as
    its owner's.

    Args:
        owner: the layer that holds the quantizers' own variables.
        inner: the layer that is quantized.
        chosen: the variables to be quantized, with their quantizers.
    """

    def __init__(
        self,
        owner: keras.layers.Layer,
        inner: keras.layers.Layer,
        chosen: list[tuple[keras.Variable, Quantizer]],
    ):
        self._owner = owner
        self.variables = []
        layers = {id(variable): layer for variable, layer in owned_variables(inner)}
        for variable, quantizer in chosen:
            name = variable.path.replace("/", ".")
            value = functools.partial(initial_value, variable)
            state = quantizer.build(variable.shape, name, owner, value)
            entry = SubstitutedVariable(variable, quantizer, state)
            entry.layer = layers.get(id(variable))
            entry.was_frozen = entry.is_frozen
            if not quantizer.trains_weights:
                variable.trainable = False
            self.variables.append(entry)

    def run(self, layer: keras.layers.Layer, args, kwargs, training):
        """Calls `layer`, any layer over the same variables, with quantized values.

        Args:
            layer: what to call.
            args: its positional arguments.
            kwargs: its keyword arguments.
            training: whether the quantizers are training.
        """
        # Not cast here: under mixed precision every inner layer casts what it reads.
        with AutocastScope(None):
            scope = SubstitutionScope(
                [(entry.variable, entry.in_own_type(training)) for entry in self.variables]
            )
        with scope:
            outputs = layer(*args, **kwargs)
        if scope.original_scope is None:
            for loss in scope.losses:
                self._owner.add_loss(loss)
        return outputs


class SubstitutionScope(keras.StatelessScope):
    """Replaces the values of some variables; leaves all others as they are outside.

    Assignments take place at once, not after the scope as with Keras' own, so
    that those inside a loop (a random seed in an RNN's cell) and those to
    variables on no layer's list (the states of a stateful RNN) work too. Inside
    another scope, assignments and losses go to that one.

    Args:
        values: variables with their values, in whatever type; Keras' own scope would cast it
            to what it takes for the variable's type where no autocast is in force.
    """

    def __init__(self, values: Iterable[tuple[keras.Variable, tf.Tensor]]):
        super().__init__(collect_losses=True)
        self.state_mapping = {id(variable): value for variable, value in values}

    def __enter__(self):
        super().__enter__()
        if self.original_scope is not None:
            self.collect_losses = self.original_scope.collect_losses
            self.losses = self.original_scope.losses
        return self

    def get_current_value(self, variable):
        value = super().get_current_value(variable)
        if value is None and self.original_scope is not None:
            return self.original_scope.get_current_value(variable)
        return value

    def add_update(self, update):
        variable, value = update
        if id(variable) in self.state_mapping:
            raise ValueError(
                f"{variable.path} is assigned by its own layer during the call, so it cannot "
                "be quantized; map its path to None"
            )
        if self.original_scope is None:
            variable._direct_assign(value)
        else:
            self.original_scope.add_update(update)


class SubstitutedCall(SetsFlags):
    """Mixin: a Keras layer whose `call` runs an inner layer quantized.

    The class that mixes it in calls `_wrap` in its constructor and `_quantize`
    once the inner layer has its variables.
    """

    _track_trackable: Callable[..., Any]  # Keras'

    def _wrap(self, inner: keras.layers.Layer) -> None:
        """Makes Keras treat this layer's call arguments like the inner layer's."""
        self._inner = inner
        self._substitution = Substitution(self, inner, [])
        signature = inner._call_signature
        self._inner_takes_training = "training" in signature.parameters
        if not self._inner_takes_training:
            signature = _with_training(signature)
        self._call_signature = signature
        self.call_signature_parameters = list(signature.parameters)
        self._call_has_training_arg = True
        self._call_has_mask_arg = "mask" in signature.parameters
        self._call_context_args = set(inner._call_context_args)
        self._call_has_context_arg = {
            name: name in signature.parameters for name in self._call_context_args
        }
        self._allow_non_tensor_positional_args = inner._allow_non_tensor_positional_args
        self.supports_masking = True

    def _quantize(self, chosen: list[tuple[keras.Variable, Quantizer]]) -> None:
        """Builds the quantizers of the chosen variables of the inner layer."""
        self._substitution = Substitution(self, self._inner, chosen)
        # tf.saved_model.save knows of no variable that is no attribute.
        for i, entry in enumerate(self._substitution.variables):
            for role, variable in entry.state.items():
                self._track_trackable(variable, name=f"{role}_{i}")

    @property
    def quantized_variables(self) -> list[SubstitutedVariable]:
        """The quantized variables of the inner layer, in its own order."""
        return list(self._substitution.variables)

    @property
    def _kept(self) -> list[dict[str, Any]]:
        """What a file is to keep of each quantized variable besides values and specs."""
        return [
            {
                "bits": entry.bits,
                "trainable": {role: each.trainable for role, each in entry.state.items()},
                "was_frozen": entry.was_frozen,
            }
            for entry in self.quantized_variables
        ]

    @_kept.setter
    def _kept(self, kept: list[dict[str, Any]]) -> None:
        for entry, old in zip(self.quantized_variables, kept, strict=True):
            entry.set_bits(old["bits"])
            entry.was_frozen = old["was_frozen"]
            for role, trainable in old["trainable"].items():
                entry.state[role].trainable = trainable

    def call(self, *args, training=None, **kwargs):
        kwargs = self._inner_keywords(training, kwargs)
        return self._substitution.run(self._inner, args, kwargs, training)

    def compute_output_spec(self, *args, training=None, **kwargs):
        """The inner layer's: quantization changes neither shapes nor dtypes."""
        return self._inner.compute_output_spec(*args, **self._inner_keywords(training, kwargs))

    def compute_output_shape(self, *args, **kwargs):
        """The inner layer's."""
        return self._inner.compute_output_shape(*args, **kwargs)

    def compute_mask(self, *args, **kwargs):
        """None: the inner layer has already put its mask on the outputs."""
        return

    def _inner_keywords(self, training, kwargs):
        return {**kwargs, "training": training} if self._inner_takes_training else kwargs


def _with_training(signature: inspect.Signature) -> inspect.Signature:
    training = inspect.Parameter("training", inspect.Parameter.KEYWORD_ONLY, default=None)
    parameters = list(signature.parameters.values())
    catch_all = [p for p in parameters if p.kind is inspect.Parameter.VAR_KEYWORD]
    others = [p for p in parameters if p.kind is not inspect.Parameter.VAR_KEYWORD]
    return signature.replace(parameters=[*others, training, *catch_all])
