"""Quantization for models that are built by hand."""

import functools
import weakref
from typing import Any

import keras
import tensorflow as tf

from tfqd.quantizers import quantizer_for
from tfqd.spec import Spec, from_dict
from tfqd.spec.names import spec_named
from tfqd.spec.selection import Selection, SpecLike, Specs, checked_selection
from tfqd.wrapping.keras3.candidates import choose_quantizers
from tfqd.wrapping.keras3.flags import SetsFlags
from tfqd.wrapping.keras3.insides import AutocastScope
from tfqd.wrapping.keras3.substitution import (
    SubstitutedCall,
    SubstitutedVariable,
    float_value,
    initial_value,
)


@keras.saving.register_keras_serializable(package="tfqd")
class QuantizeWrapper(SubstitutedCall, keras.layers.Wrapper):
    """A layer that runs `layer` with quantized weights.

    Args:
        layer: any Keras 3 layer but a cell of a recurrent one, built or not; it is run, not
            copied. Cells are quantized through the layer that runs them, as
            ``keras.layers.RNN(cell)``.
        spec: one spec, or its short name, for its kernels, or a mapping from a
            regular expression over the variable's path, from the layer's name on
            (``dense/kernel``), to a spec or None.
        kept: for reloading: what the configuration keeps of each quantized variable
            besides its spec; None for what suits.

    Raises:
        ValueError: when `layer` is the cell of a recurrent layer.

    Example:

    >>> model = keras.Sequential([
    ...     keras.Input((8,)),
    ...     tfqd.layers.QuantizeWrapper(keras.layers.Dense(4), tfqd.Uniform(bits=4)),
    ... ])
    """

    def __init__(
        self,
        layer: keras.layers.Layer,
        spec: Selection,
        *,
        kept: list[dict[str, Any]] | None = None,
        **kwargs,
    ):
        spec = checked_selection(spec)
        _check_no_cell(layer)
        if isinstance(layer, keras.layers.Layer):
            kwargs.setdefault("name", f"quantize_{layer.name}")
            kwargs.setdefault("dtype", layer.dtype_policy)
        super().__init__(layer, autocast=False, **kwargs)
        self.spec = spec
        self._saved = kept
        self._wrap(layer)
        if layer.built:
            self._quantize_built_layer()

    def build(self, *args, **kwargs):
        """Builds the inner layer from the same shapes, then its quantizers."""
        if not self.layer.built:
            self.layer.build(*args, **kwargs)
        self._quantize_built_layer()

    def _maybe_build(self, call_spec):
        if not self.built:
            self.layer._maybe_build(call_spec)
            self._quantize_built_layer()

    def _quantize_built_layer(self) -> None:
        self._quantize(choose_quantizers(self.layer, self.spec, self._path_in_layer))
        self.built = True
        self._lock_state()

    def _quantize(self, chosen) -> None:
        super()._quantize(chosen)
        if self._saved is not None:
            self._kept = self._saved

    def _path_in_layer(self, path: str) -> str:
        """The path from the inner layer's name on; what precedes may change on reload."""
        name = self.layer.name
        _, found, inside = f"/{path}".rpartition(f"/{name}/")
        return f"{name}/{inside}" if found else path

    def get_build_config(self):
        return self.layer.get_build_config()

    def build_from_config(self, config):
        with self._open_name_scope():
            if not self.layer.built:
                self.layer.build_from_config(config)
            if not self.built:
                self._quantize_built_layer()

    def get_config(self) -> dict[str, Any]:
        # Freezing the inner layer alone leaves the points to train, also after a reload.
        kept = self._kept if self.built else self._saved
        config = {"spec": _selection_to_dict(self.spec), "kept": kept}
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        layer = keras.saving.deserialize_keras_object(config.pop("layer"), custom_objects)
        return cls(layer, _selection_from_dict(config.pop("spec")), **config)


@keras.saving.register_keras_serializable(package="tfqd")
class Quantizer(SetsFlags):
    """Quantizes the tensor it is called on, with the codebook as its weight.

    For custom layers: make one per weight tensor and call it on the weight, in
    `build` too, so that its codebook is there when weights are loaded. (Do not
    name it `quantize`: that is a method of Keras layers, and Keras saves no
    attribute of such a name.) Its configuration has the bits that a schedule has
    put in force; one that is made anew in `build` begins with the spec's own.

    Args:
        spec: a tfqd spec, or its short name.
        channel_axes: axes of the tensor that index its output channel, used by
            layout ``channel``.

    Example:

    >>> class Project(keras.layers.Layer):
    ...     def build(self, input_shape):
    ...         self.kernel = self.add_weight(shape=(input_shape[-1], 3))
    ...         self.quantizer = tfqd.layers.Quantizer(tfqd.Codebook(bits=2))
    ...         self.quantizer(self.kernel)
    ...     def call(self, x):
    ...         return x @ self.quantizer(self.kernel)
    """

    def __init__(self, spec: SpecLike, channel_axes: tuple[int, ...] = (-1,), **kwargs):
        super().__init__(autocast=False, **kwargs)
        spec = spec_named(spec)
        if not isinstance(spec, Spec):
            raise TypeError(f"spec must be a tfqd spec such as tfqd.Uniform(bits=4); got {spec!r}")
        self.spec = spec
        self.channel_axes = tuple(channel_axes)
        self._quantizer = quantizer_for(spec, self.channel_axes)
        self._variable_ref: weakref.ref | None = None
        self._entry: SubstitutedVariable | None = None
        self._bits: int | None = spec.bits

    def build(self, input_shape):
        if any(dimension is None for dimension in input_shape):
            raise ValueError(
                f"tfqd.layers.Quantizer quantizes weights of known shape; got shape {input_shape}. "
                "Call it on a weight tensor, not on a batch of activations."
            )
        variable = self._variable
        value = None if variable is None else functools.partial(initial_value, variable)
        if variable is not None and not self._quantizer.trains_weights:
            variable.trainable = False
        self._state = self._quantizer.build(input_shape, self.name, self, value)

    def __call__(self, inputs, *args, **kwargs):
        if not isinstance(inputs, keras.Variable):
            return super().__call__(inputs, *args, **kwargs)
        self._remember(inputs)
        quantized = super().__call__(float_value(inputs), *args, **kwargs)
        # Under mixed precision the caller reads the variable in its compute dtype.
        return tf.cast(quantized, inputs.dtype)

    @property
    def quantized_variables(self) -> list[SubstitutedVariable]:
        """The variable that this layer was called on, if it was one."""
        variable = self._variable
        if variable is None or not self.built:
            return []
        if self._entry is None or self._entry.variable is not variable:
            self._entry = SubstitutedVariable(variable, self._quantizer, self._state)
            self._entry.set_bits(self._bits)
        return [self._entry]

    def call(self, inputs, training=None):
        with AutocastScope(None):
            entries = self.quantized_variables
            in_force = entries[0].in_force if entries else self._quantizer
            if in_force is None:
                return inputs
            quantized = in_force(tf.cast(inputs, tf.float32), training, self._state)
        return tf.cast(quantized, inputs.dtype)

    def _remember(self, variable: keras.Variable) -> None:
        # A weak reference: the variable belongs to the calling layer, and Keras
        # must not list it among this layer's weights.
        self._variable_ref = weakref.ref(variable)

    @property
    def _variable(self) -> keras.Variable | None:
        return None if self._variable_ref is None else self._variable_ref()

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self) -> dict[str, Any]:
        bits = self._bits if self._entry is None else self._entry.bits
        config = {"bits": bits, **self._quantizer.get_config()}
        return {**super().get_config(), **config}

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        bits = config.pop("bits")
        layer = cls(from_dict(config.pop("spec")), tuple(config.pop("channel_axes")), **config)
        layer._bits = bits
        return layer


def _check_no_cell(layer: Any) -> None:
    """Raises ValueError for a cell, whose recurrent layer asks it for more than a call."""
    if hasattr(layer, "state_size") and not isinstance(layer, keras.layers.RNN):
        raise ValueError(
            f"layer must be no cell; got {layer.name!r}, a {type(layer).__name__}. Wrap the "
            "recurrent layer that runs it, as keras.layers.RNN(cell)"
        )


def _selection_to_dict(selection: Specs) -> dict[str, Any]:
    if isinstance(selection, Spec):
        return {"all_kernels": selection.to_dict()}
    return {
        "patterns": [
            [pattern, None if spec is None else spec.to_dict()]
            for pattern, spec in selection.items()
        ]
    }


def _selection_from_dict(config: dict[str, Any]) -> Specs:
    if "all_kernels" in config:
        return from_dict(config["all_kernels"])
    return {
        pattern: None if spec is None else from_dict(spec) for pattern, spec in config["patterns"]
    }
