"""Which variables of a quantized layer are trained.

Keras keeps a flag in every variable, and models go by the flags of all variables that they
list. An assignment to a layer's `trainable` overwrites those of its own variables: of weights
too that a quantizer holds fast, and of none of the quantizer's, which belong to the layer
around. So the flags are set whenever the variables are listed.
"""

import keras

from tfqd.wrapping.keras3.insides import made_trainable


class SetsFlags(keras.layers.Layer):
    """A Keras 3 layer with `quantized_variables`, whose flags are right when it lists them."""

    @property
    def variables(self) -> list[keras.Variable]:
        """As those of ``keras.layers.Layer``."""
        self._set_flags()
        return super().variables

    @property
    def weights(self) -> list[keras.Variable]:
        """As those of ``keras.layers.Layer``."""
        self._set_flags()
        return super().weights

    def _set_flags(self) -> None:
        """Sets `trainable` to False on weights and quantizer variables that are to rest.

        Those are weights whose points alone are trained, and the quantizer variables of layers
        that were frozen.
        """
        trained = {id(variable) for variable in made_trainable(self)} if self.trainable else set()
        for entry in self.quantized_variables:
            if not entry.quantizer.trains_weights:
                entry.variable.trainable = False
            if entry.was_frozen:
                for variable in entry.state.values():
                    variable.trainable = id(variable) in trained and not entry.is_frozen
