"""What a wrapper does to its layer: quantizers, and the layer under them."""

import contextlib
from collections.abc import Iterator

import tensorflow as tf

from tfqd.quantizers import Quantizer
from tfqd.wrapping.tf_keras.attributes import HeldVariable, dtype_read, held_variables, replaced
from tfqd.wrapping.tf_keras.toolkit import QuantizeAwareActivation, smart_cond
from tfqd.wrapping.tf_keras.variable import AttributeVariable, as_stored


class Quantization:
    """The quantizers of one wrapped layer, with their variables.

    A plain object, so that tf_keras does not list the layer's variables twice.

    Args:
        wrapper: holds the layer and the quantizers' variables.
        chosen: variables of the layer and their quantizers, tfqd's or tfmot's.
        input_shape: of the layer.
        weights_are_known: whether the weights are the ones that codebooks start
            from; else they wait for `QuantizedVariable.initialize`.

    Attributes:
        entries: the variables that tfqd's quantizers quantize.
    """

    def __init__(self, wrapper, chosen, input_shape, weights_are_known: bool):
        self._layer, self._config = wrapper.layer, wrapper.quantize_config
        self.entries: list[AttributeVariable] = []
        self._weights = []
        held = {id(each.variable): each for each in held_variables(self._layer)}
        for variable, quantizer in chosen:
            if id(variable) not in held:
                raise ValueError(
                    f"no attribute of layer {self._layer.name!r} holds {variable.name}, so it "
                    "cannot be quantized"
                )
            place = held[id(variable)]
            if isinstance(quantizer, Quantizer):
                entry = _entry(wrapper, place, quantizer, weights_are_known)
                self.entries.append(entry)
                self._weights.append((place, entry.quantize))
            else:
                state = quantizer.build(variable.shape, place.name, wrapper)
                self._weights.append((place, _switched(quantizer, variable, state)))
        activations = self._config.get_activations_and_quantizers(self._layer)
        self._activations = [activation for activation, _ in activations]
        self._quantized_activations = [
            QuantizeAwareActivation(activation, quantizer, None, wrapper)
            for activation, quantizer in activations
        ]
        self._output = _output_quantizer(self._config, wrapper, input_shape)

    @contextlib.contextmanager
    def in_force(self, training) -> Iterator[None]:
        """While it is open, the layer computes with quantized weights and activations."""
        for activation in self._quantized_activations:
            activation.training = training
        try:
            if self._quantized_activations:
                self._config.set_quantize_activations(self._layer, self._quantized_activations)
            with replaced(self._quantized_weights(training)):
                yield
        finally:
            if self._quantized_activations:
                self._config.set_quantize_activations(self._layer, self._activations)

    @tf.autograph.experimental.do_not_convert
    def _quantized_weights(self, training) -> list[tuple[HeldVariable, tf.Tensor]]:
        with as_stored():
            values = [(held, quantize(training)) for held, quantize in self._weights]
        return [(held, tf.cast(value, dtype_read(held))) for held, value in values]

    def quantize_output(self, outputs, training):
        """The layer's outputs as the config's output quantizer leaves them."""
        if self._output is None:
            return outputs
        if tf.nest.is_nested(outputs):
            raise ValueError(
                f"layer {self._layer.name!r} has several outputs, which a tfmot config with an "
                "output quantizer cannot quantize"
            )
        quantizer, state = self._output
        return _switched(quantizer, outputs, state)(training)


def _entry(wrapper, held: HeldVariable, quantizer, weights_are_known) -> AttributeVariable:
    path = f"{wrapper.layer.name}/{held.path.replace('.', '/')}"
    entry = AttributeVariable(held, quantizer, {}, path, wrapper)
    start = entry.value if weights_are_known else None
    # Dots would be taken for steps of a path when a SavedModel is loaded.
    name = held.path.lstrip("_").replace(".", "_")
    entry.state = quantizer.build(held.variable.shape, name, wrapper, start)
    return entry


def _output_quantizer(config, wrapper, input_shape):
    quantizers = config.get_output_quantizers(wrapper.layer)
    if not quantizers:
        return None
    shape = wrapper.layer.compute_output_shape(input_shape)
    return quantizers[0], quantizers[0].build(shape, "output", wrapper)


def _switched(quantizer, tensor, state):
    """A tfmot quantizer as a function of `training`, which it wants as a Python bool."""

    def quantize(training):
        return smart_cond(
            training,
            lambda: quantizer(tensor, True, weights=state),
            lambda: quantizer(tensor, False, weights=state),
        )

    return quantize
