"""A Keras 3 model whose chosen variables are quantized in every forward pass."""

import contextlib
from collections.abc import Mapping
from typing import Any

import keras
import tensorflow as tf

from tfqd.quantizers import Quantizer, quantizer_for
from tfqd.report import activations_table, variables_table
from tfqd.spec import Activations, from_dict
from tfqd.spec.selection import Selection, SpecLike, checked_selection
from tfqd.wrapping.activations import (
    RoundsActivations,
    check_kernel_specs,
    checked_activations,
    quantized_activations,
)
from tfqd.wrapping.keras3 import graphs
from tfqd.wrapping.keras3.batch_norm import fused_batch_norm
from tfqd.wrapping.keras3.candidates import choose_quantizers, owned_variables
from tfqd.wrapping.keras3.cloning import copy_model
from tfqd.wrapping.keras3.deserialization import deserialize
from tfqd.wrapping.keras3.file_formats import SavesWhole
from tfqd.wrapping.keras3.first_last import with_first_last
from tfqd.wrapping.keras3.first_step import TracesOnce
from tfqd.wrapping.keras3.insides import set_own_trainable, set_path
from tfqd.wrapping.keras3.own_steps import KeepsOwnSteps, of_class, warn_of_lost
from tfqd.wrapping.keras3.seeds import KeepsSeeds
from tfqd.wrapping.keras3.signature import input_specs
from tfqd.wrapping.keras3.substitution import SubstitutedCall, find_quantized
from tfqd.wrapping.layers import all_layers
from tfqd.wrapping.parts import in_parts
from tfqd.wrapping.placing import with_quantized_activations
from tfqd.wrapping.quantized import model_repr


@keras.saving.register_keras_serializable(package="tfqd")
class QuantizedModel(
    SavesWhole, KeepsSeeds, KeepsOwnSteps, TracesOnce, SubstitutedCall, keras.Model
):
    """Runs `model` with the quantized values of some of its variables.

    Made by `tfqd.quantize_model`. The float variables stay in `model` and are
    what the optimizer moves; the codebooks are this model's own trainable
    variables.

    Args:
        model: a built Keras 3 model; it is run, not copied.
        quantizers: the quantizer of each quantized variable, by its index in
            ``model.weights``.
    """

    def __init__(self, model: keras.Model, quantizers: Mapping[int, Quantizer], **kwargs):
        kwargs.setdefault("name", model.name)
        kwargs.setdefault("dtype", model.dtype_policy)
        # The inner model casts for itself; a cast here would round float32
        # inputs before a layer that wants them whole.
        super().__init__(autocast=False, **kwargs)
        self.model = model
        weights = model.weights
        self._wrapped_weights = len(weights)
        self._wrap(model)
        self._quantize([(weights[i], quantizers[i]) for i in sorted(quantizers)])
        self._keep_steps()
        self.built = True

    @property
    def trainable_variables(self) -> list[keras.Variable]:
        """Without the points and steps of layers that are frozen by themselves.

        Of an inner model that is frozen as a whole they train on, alone.
        """
        resting = self._resting_state
        return [v for v in super().trainable_variables if id(v) not in resting]

    @property
    def trainable_weights(self) -> list[keras.Variable]:
        """As `trainable_variables`."""
        resting = self._resting_state
        return [v for v in super().trainable_weights if id(v) not in resting]

    @property
    def non_trainable_variables(self) -> list[keras.Variable]:
        """The other variables."""
        trained = {id(variable) for variable in self.trainable_variables}
        return [variable for variable in self.variables if id(variable) not in trained]

    @property
    def non_trainable_weights(self) -> list[keras.Variable]:
        """The other weights."""
        trained = {id(variable) for variable in self.trainable_weights}
        return [variable for variable in self.weights if id(variable) not in trained]

    @property
    def _resting_state(self) -> set[int]:
        """Ids of quantizers' variables whose change would move a frozen layer's weights."""
        if not self.model.trainable:
            return set()
        frozen = {id(v) for v, layer in owned_variables(self.model) if not layer.trainable}
        return {
            id(variable)
            for entry in self.quantized_variables
            if id(entry.variable) in frozen
            for variable in entry.state.values()
        }

    @property
    def quantized_activations(self) -> list[RoundsActivations]:
        """The layers that round activations, of a model that was given ``activations=``."""
        return quantized_activations(self.model)

    def __repr__(self) -> str:
        return model_repr(self, self.quantized_variables)

    def call(self, *args, training=None, **kwargs):
        self.check_count()
        faster = fused_batch_norm(self.model) if training else contextlib.nullcontext()
        with faster:
            return super().call(*args, training=training, **kwargs)

    def check_count(self) -> None:
        """Refuses weights that came later, of which neither files nor the quantizers would know.

        Raises:
            ValueError: where there are some.
        """
        if len(self.model.weights) != self._wrapped_weights:
            raise ValueError(
                f"model {self.name!r} had {self._wrapped_weights} weights when it was quantized "
                f"and has {len(self.model.weights)} now; call enable_lora(), or what has made "
                "them, before tfqd.quantize_model, which merges adapters into kernels"
            )

    def quantize(self, *args, **kwargs):
        """Refuses: Keras' own quantization would take the place of this one.

        Raises:
            ValueError: always.
        """
        raise ValueError(
            f"model {self.name!r} is quantized by tfqd; quantize what "
            "tfqd.strip_quantization(model) gives with Keras' own integers"
        )

    def save_weights(self, *args, **kwargs):
        """As Keras does; weights that came after quantization are refused."""
        self.check_count()
        return super().save_weights(*args, **kwargs)

    def build(self, *args, **kwargs):
        """Does nothing: the inner model was built when it was wrapped."""

    def get_build_config(self):
        return self.model.get_build_config()

    def build_from_config(self, config):
        """Does nothing: the inner model was built when it was wrapped."""

    def get_config(self) -> dict[str, Any]:
        self.check_count()
        weights = self.model.weights
        index = {id(variable): i for i, variable in enumerate(weights)}
        return {
            **super().get_config(),
            "model": keras.saving.serialize_keras_object(self.model),
            "paths": [variable.path for variable in weights],
            # Sequential's own configuration leaves its flag out.
            "frozen_layers": [
                i for i, layer in enumerate(all_layers(self.model)) if not layer.trainable
            ],
            "quantizers": [
                {"index": index[id(entry.variable)], **kept, **entry.quantizer.get_config()}
                for entry, kept in zip(self.quantized_variables, self._kept, strict=True)
            ],
        }

    @classmethod
    def from_config(cls, config, custom_objects=None):
        config = dict(config)
        model = deserialize(config.pop("model"), custom_objects)
        for variable, path in zip(model.weights, config.pop("paths"), strict=True):
            set_path(variable, path)  # Keras shortens paths on reload.
        layers = all_layers(model)
        for i in config.pop("frozen_layers", ()):
            set_own_trainable(layers[i], False)
        saved = config.pop("quantizers")
        quantizers = {
            entry["index"]: quantizer_for(from_dict(entry["spec"]), tuple(entry["channel_axes"]))
            for entry in saved
        }
        quantized = cls(model, quantizers, **config)
        quantized._kept = saved
        return quantized

    @property
    def inputs(self):
        """The inner model's, like the three below; a subclassed model has none."""
        return self.model.inputs

    @property
    def input_shape(self):
        return self.model.input_shape

    @property
    def output_shape(self):
        return self.model.output_shape

    @property
    def output_names(self):
        """Keras names losses and metrics by them."""
        return self.model.output_names

    def summary(self, print_fn=None, **kwargs) -> None:
        """Prints the inner model's summary, then bits and bytes per variable, and the ranges.

        The arguments are those of ``keras.Model.summary``.
        """
        self.model.summary(print_fn=print_fn, **kwargs)
        (print_fn or print)(variables_table(self.quantized_variables))
        activations = self.quantized_activations
        if activations:
            (print_fn or print)(activations_table(activations))

    def export(self, filepath, *args, input_signature=None, **kwargs):
        """Like ``keras.Model.export``, knowing the inner model's inputs."""
        if input_signature is None:
            input_signature = input_specs(self.model)
        return super().export(filepath, *args, input_signature=input_signature, **kwargs)

    @property
    def _default_save_signature(self):
        """What TensorFlow's SavedModel traces; Keras' own knows no inner model."""

        @tf.function(input_signature=input_specs(self.model))
        def serving_default(*inputs):
            return self(*inputs)

        return serving_default


def quantize_model(
    model: keras.Model,
    spec: Selection,
    first_last: SpecLike | None = "same",
    activations: Activations | str | None = None,
) -> QuantizedModel:
    """See `tfqd.quantize_model`."""
    if activations == "tfmot":
        raise ValueError(
            "activations='tfmot' is for tf_keras models; give tfqd.Activations(). Got "
            f"{type(model).__name__} {model.name!r}"
        )
    rounding = checked_activations(activations)
    spec = checked_selection(spec)
    if not model.built:
        raise ValueError(
            f"model {model.name!r} is not built; call it on data or model.build(input_shape) first"
        )
    if find_quantized(model):
        raise ValueError(
            f"model {model.name!r} is already quantized; tfqd.strip_quantization(model) gives "
            "back a plain model"
        )
    _check_floats(model)
    copy = copy_model(model)
    if rounding is not None and rounding.take_apart:
        copy = in_parts(copy, graphs)
    chosen = with_first_last(copy, choose_quantizers(copy, spec), first_last)
    if rounding is not None:
        specs = {id(variable): quantizer.spec for variable, quantizer in chosen}
        kernels = [each.variable for each in owned_variables(copy) if each.is_kernel]
        copy = of_class(with_quantized_activations(copy, rounding, graphs), type(model))
        check_kernel_specs({kernel.path: specs.get(id(kernel)) for kernel in kernels})
    warn_of_lost(model, copy, "its quantized model with activations=")
    index = {id(variable): i for i, variable in enumerate(copy.weights)}
    return QuantizedModel(copy, {index[id(variable)]: q for variable, q in chosen})


def _check_floats(model: keras.Model) -> None:
    """Raises ValueError for a model that Keras has quantized to integers or float8."""
    for layer in all_layers(model):
        mode = getattr(layer.dtype_policy, "quantization_mode", None)
        if mode is not None:
            raise ValueError(
                f"layer {layer.name!r} is quantized by Keras already, to {mode}; give "
                "tfqd.quantize_model the float model"
            )
