"""tfmot's wrapper of a quantized layer, repaired.

tfmot's `QuantizeWrapperV2` leaves the quantized tensor in the layer, drops
masks, orders weights by how the model came about and lists frozen weights as
trainable. The wrapper here is one of tfmot's (its tools take it for one), wraps
a layer by whatever `QuantizeConfig` it is given, and leaves the layer as it was
after every call.
"""

import contextlib
from typing import Any

import tensorflow as tf
import tf_keras

from tfqd.wrapping.tf_keras import first_call
from tfqd.wrapping.tf_keras.insides import own_weights
from tfqd.wrapping.tf_keras.quantization import Quantization
from tfqd.wrapping.tf_keras.toolkit import tfmot
from tfqd.wrapping.tf_keras.variable import AttributeVariable

_Layer = tf_keras.layers.Layer


@tf_keras.saving.register_keras_serializable(package="tfqd")
class QuantizeWrapper(tfmot.quantization.keras.QuantizeWrapperV2):
    """Runs a layer with the quantized values of some of its weights.

    Freezing the wrapper freezes the layer and its codebooks; freezing
    ``wrapper.layer`` alone leaves the codebooks to train, but freezing a layer
    inside it freezes those of that layer.

    Args:
        layer: a tf_keras layer, built or not; it is run, not copied.
        quantize_config: `tfqd.tfmot.QuantizeConfig`, or any other of tfmot's.
        name_prefix: put before the layer's name to make the wrapper's.
    """

    # tfmot's hand these on to the inner layer, whose then count twice, or in
    # spite of a frozen wrapper.
    trainable = _Layer.trainable
    losses = _Layer.losses
    updates = _Layer.updates

    def __init__(self, layer, quantize_config, name_prefix: str = "quant_", **kwargs):
        if isinstance(layer, _Layer):
            kwargs.setdefault("dtype", layer.dtype_policy)
            kwargs.setdefault("trainable", layer.trainable)
        super().__init__(layer, quantize_config, name_prefix, **kwargs)
        self._call_spec = _with_training(layer._call_spec, self._call_context_args)
        self.supports_masking = layer.supports_masking
        self.stateful = layer.stateful
        self._quantization: Quantization | None = None
        self._first_call: dict[str, tf.TensorSpec] = {}
        self._bits_by_path: dict[str, int | None] = {}

    def build(self, input_shape=None):
        """Builds the inner layer, then the quantizers.

        When the layer makes its variables in its first call, the quantizers wait
        for it; made from a configuration, the wrapper knows what that call was.
        """
        weights_are_known = self.layer.built
        tf_keras.layers.Wrapper.build(self, input_shape)
        if self._first_call:
            first_call.make_variables(self.layer, self._first_call, {})
        if self.layer.weights:
            with contextlib.suppress(AttributeError, ValueError):
                self._quantize(input_shape, weights_are_known)

    def _quantize(self, input_shape, weights_are_known: bool) -> Quantization:
        chosen = self.quantize_config.get_weights_and_quantizers(self.layer)
        quantization = Quantization(self, chosen, input_shape, weights_are_known)
        self._quantization = quantization
        for entry in quantization.entries:
            if entry.path in self._bits_by_path:
                entry.set_bits(self._bits_by_path[entry.path])
        return quantization

    @property
    def quantized_variables(self) -> list[AttributeVariable]:
        """The variables that tfqd's quantizers quantize, in the config's order."""
        return [] if self._quantization is None else list(self._quantization.entries)

    @property
    def activation_variables(self) -> list[tf.Variable]:
        """The wrapper's own variables that are none of tfqd's quantizers."""
        ours = {id(v) for entry in self.quantized_variables for v in entry.state.values()}
        return [variable for variable in own_weights(self) if id(variable) not in ours]

    def call(self, inputs, *args, **kwargs):
        args, kwargs = self._by_name(args, kwargs)
        training = _flag(kwargs.pop("training", None))  # The inner layer has it from the context.
        quantization = self._quantization
        if quantization is None:
            quantization = self._quantize_after_first_call(inputs, kwargs)
        with quantization.in_force(training):
            outputs = self.layer(inputs, *args, **kwargs)
        return quantization.quantize_output(outputs, training)

    @tf.autograph.experimental.do_not_convert
    def _quantize_after_first_call(self, inputs, kwargs) -> Quantization:
        arguments = {self._call_spec.arg_names[0]: inputs, **kwargs}
        self._first_call = first_call.specs_of(arguments)
        others = {name: arguments[name] for name in arguments.keys() - self._first_call.keys()}
        first_call.make_variables(self.layer, self._first_call, others)
        with tf.init_scope():
            shapes = tf.nest.map_structure(lambda tensor: tensor.shape, inputs)
            return self._quantize(shapes, weights_are_known=False)

    def _by_name(self, args, kwargs):
        """The inner layer's arguments by name: `__call__` may order them unlike `call`."""
        if self._call_spec.full_argspec.varargs:
            return args, kwargs
        return (), {**dict(zip(self._call_spec.arg_names[1:], args)), **kwargs}  # noqa: B905

    def compute_mask(self, inputs, mask=None):
        """The inner layer's."""
        return self.layer.compute_mask(inputs, mask)

    def compute_output_shape(self, input_shape):
        """The inner layer's: quantization changes no shapes."""
        return self.layer.compute_output_shape(input_shape)

    def reset_states(self, *args, **kwargs):
        """The inner layer's, where it is a stateful recurrent one."""
        self.layer.reset_states(*args, **kwargs)

    @property
    def weights(self):
        """The inner layer's first, then the quantizers', whatever was built or frozen when.

        As everywhere in tf_keras, those made to be trained come before the rest.
        """
        both = self.layer.weights + self._trainable_weights + self._non_trainable_weights
        made = [v for v in both if v.trainable] + [v for v in both if not v.trainable]
        return self._dedup_weights(made)

    @property
    def trainable_weights(self):
        if not self.trainable:
            return []
        held_fast = {
            id(entry.variable)
            for entry in self.quantized_variables
            if not entry.quantizer.trains_weights
        }
        resting = held_fast | self._resting_state
        both = self.layer.trainable_weights + self._trainable_weights
        return [v for v in self._dedup_weights(both) if id(v) not in resting]

    @property
    def _resting_state(self) -> set[int]:
        """Ids of quantizers' variables of layers that are frozen inside one that is not."""
        return {
            id(variable)
            for entry in self.quantized_variables
            if self.layer.trainable and not entry.holder.trainable
            for variable in entry.state.values()
        }

    @property
    def non_trainable_weights(self):
        trained = {id(variable) for variable in self.trainable_weights}
        return [variable for variable in self.weights if id(variable) not in trained]

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        entries = self.quantized_variables
        bits = {e.path: e.bits for e in entries if e.in_force is not e.quantizer}
        if bits:
            config["bits"] = bits
        if self._first_call:
            config["first_call"] = first_call.to_config(self._first_call)
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        bits, specs = config.pop("bits", {}), config.pop("first_call", {})
        wrapper = super().from_config(config)
        wrapper._bits_by_path = bits
        wrapper._first_call = first_call.from_config(specs)
        return wrapper


def _with_training(call_spec, context_args):
    """The inner layer's call signature, with `training` in it."""
    signature = call_spec.full_argspec
    if "training" not in call_spec.arg_names:
        signature = signature._replace(
            kwonlyargs=[*signature.kwonlyargs, "training"],
            kwonlydefaults={**(signature.kwonlydefaults or {}), "training": None},
        )
    return type(call_spec)(signature, context_args)


def _flag(training) -> bool | tf.Tensor:
    """`training` as a Python bool where it is known."""
    if not tf.is_tensor(training):
        return bool(training)
    static = tf.get_static_value(training)
    return tf.cast(training, tf.bool) if static is None else bool(static)
