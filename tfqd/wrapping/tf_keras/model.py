"""A tf_keras model whose chosen weights are quantized in every forward pass."""

import tf_keras

from tfqd.report import activations_table, variables_table
from tfqd.spec import Activations
from tfqd.spec.selection import Selection, SpecLike, checked_selection
from tfqd.wrapping.activations import (
    RoundsActivations,
    check_kernel_specs,
    checked_activations,
    quantized_activations,
)
from tfqd.wrapping.parts import in_parts
from tfqd.wrapping.placing import with_quantized_activations
from tfqd.wrapping.quantized import find_quantized, model_repr
from tfqd.wrapping.tf_keras import graphs
from tfqd.wrapping.tf_keras.candidates import layers_of, owned_variables
from tfqd.wrapping.tf_keras.choosing import Chosen, choose, configs_of
from tfqd.wrapping.tf_keras.cloning import Copy, of_class
from tfqd.wrapping.tf_keras.insides import Functional, set_output_names
from tfqd.wrapping.tf_keras.scheme import QuantizeScheme
from tfqd.wrapping.tf_keras.toolkit import QuantizeAnnotate, QuantizeLayer, tfmot
from tfqd.wrapping.tf_keras.variable import AttributeVariable
from tfqd.wrapping.tf_keras.wrapper import QuantizeWrapper

_GRAPHS_ONLY = (
    "tfmot wraps the layers of Sequential and Functional models. Build it with the functional "
    "API, or put tfqd.tfmot.QuantizeWrapper(layer, tfqd.tfmot.QuantizeConfig(spec)) around the "
    "layers that it creates; of Keras 3 tfqd quantizes subclassed models too"
)


class _NamesOutputs:
    """Calls the outputs as the float model does: by the layers that wrappers are around.

    `compile` and `fit` know losses, metrics and labels by these names.
    """

    output_names: list[str]
    _output_layers: list

    def _set_output_names(self) -> None:
        set_output_names(self)
        self.name_outputs()

    def name_outputs(self) -> None:
        """Takes off the outputs' names what wrappers add to them."""
        pairs = zip(self.output_names, self._output_layers, strict=True)
        names = [_unwrapped_name(name, layer) for name, layer in pairs]
        if len({*names}) == len(names):
            vars(self)["output_names"] = names  # Past __setattr__, which would track the list.


def _unwrapped_name(name: str, layer: tf_keras.layers.Layer) -> str:
    """The name of an output of a layer, without what a wrapper's name adds to the layer's."""
    if not isinstance(layer, tfmot.quantization.keras.QuantizeWrapper):
        return name
    return layer.layer.name + name.removeprefix(layer.name)


class _Summary:
    """Adds the quantized variables to a model's summary, and tells of them at the prompt."""

    name: str

    def __repr__(self) -> str:
        return model_repr(self, self.quantized_variables)

    def summary(self, line_length=None, positions=None, print_fn=None, **kwargs) -> None:
        """Prints tf_keras' summary, then bits and bytes per quantized variable, and the ranges.

        The arguments are those of ``tf_keras.Model.summary``.
        """
        super().summary(line_length, positions, print_fn, **kwargs)  # type: ignore[misc]  # the model's
        (print_fn or print)(variables_table(self.quantized_variables))
        if self.quantized_activations:
            (print_fn or print)(activations_table(self.quantized_activations))

    @property
    def quantized_activations(self) -> list[RoundsActivations]:
        """The layers that round activations, of a model that was given a `tfqd.Activations`."""
        return quantized_activations(self)

    @property
    def quantized_variables(self) -> list[AttributeVariable]:
        """The quantized variables of all layers."""
        return [
            entry
            for layer in layers_of(self)
            for entry in getattr(layer, "quantized_variables", ())
        ]


@tf_keras.saving.register_keras_serializable(package="tfqd")
class QuantizedFunctional(_NamesOutputs, _Summary, Functional):
    """A Functional model with quantized layers; made by `tfqd.quantize_model`."""


@tf_keras.saving.register_keras_serializable(package="tfqd")
class QuantizedSequential(_NamesOutputs, _Summary, tf_keras.Sequential):
    """A Sequential model with quantized layers; made by `tfqd.quantize_model`."""


@tf_keras.saving.register_keras_serializable(package="tfqd")
class QuantizeInput(QuantizeLayer):
    """tfmot's quantizer of a model's input, which says when it is built.

    tfmot's own does not, and makes its variables twice when a ``.keras`` file is read.
    """

    def build(self, input_shape):
        super().build(input_shape)
        self.built = True


def quantize_model(
    model: tf_keras.Model,
    spec: Selection,
    first_last: SpecLike | None = "same",
    activations: Activations | str | None = None,
) -> tf_keras.Model:
    """See `tfqd.quantize_model`."""
    spec = checked_selection(spec)
    if activations == "tfmot":
        _check(model)
        return _with_activations(
            model, QuantizeScheme(spec, activations="tfmot", first_last=first_last)
        )
    rounding = checked_activations(activations)
    _check(model)
    if rounding is not None:
        return _with_ranges(model, spec, first_last, rounding)
    return with_quantizers(model, choose(model, spec, first_last))


def with_quantizers(
    model: tf_keras.Model, chosen: Chosen, kind: type[tf_keras.Model] | None = None
) -> tf_keras.Model:
    """A copy of a model in which the layers of the chosen variables are wrapped.

    A layer that is wrapped for tfmot's quantizers of its activations has them in one wrapper
    with its weights', as in `quantize_model`.

    Args:
        model: Sequential or Functional.
        chosen: the variables, and by what each is quantized.
        kind: the class that the copy is to be of; None for the model's.
    """
    configs = configs_of(chosen)
    rewrapped: list[tuple[QuantizeWrapper, QuantizeWrapper]] = []

    def wrap(layer, clone):
        if isinstance(layer, QuantizeWrapper) and id(layer.layer) in configs:
            config = configs[id(layer.layer)].with_activations(layer.quantize_config.activations)
            wrapper = QuantizeWrapper(clone(layer.layer), config, name=layer.name)
            rewrapped.append((layer, wrapper))
            return wrapper
        if id(layer) in configs:
            return QuantizeWrapper(clone(layer), configs[id(layer)])
        return clone(layer)

    copy = Copy(model, wrap)
    for old, new in rewrapped:
        copy.copy_variables(old.activation_variables, new.activation_variables)
    return _finished(of_class(copy.model, kind or type(model)))


def _with_ranges(
    model: tf_keras.Model, spec: Selection, first_last: SpecLike | None, rounding: Activations
) -> tf_keras.Model:
    """A copy that is put together again with the ranges of a `tfqd.Activations`."""
    copy = Copy(model).model
    if rounding.take_apart:
        copy = in_parts(copy, graphs)
    chosen = choose(copy, spec, first_last)
    specs = {id(entry.variable): each for entry, each in chosen}
    check_kernel_specs(
        {
            each.path: specs.get(id(each.variable))
            for each in owned_variables(copy)
            if each.is_kernel
        }
    )
    rounded = with_quantized_activations(copy, rounding, graphs)
    return with_quantizers(rounded, chosen, type(model))


def _with_activations(model: tf_keras.Model, scheme: QuantizeScheme) -> tf_keras.Model:
    """By way of tfmot's `quantize_apply`, whose transforms may replace layers."""
    nested = [layer.name for layer in model.layers if isinstance(layer, tf_keras.Model)]
    if nested:
        raise ValueError(
            f"model {model.name!r} has the models {', '.join(nested)} among its layers, which "
            "tfmot's activation quantizers do not reach; make it of one piece or leave "
            "activations None"
        )
    with tfmot.quantization.keras.quantize_scope():
        annotated = tf_keras.models.clone_model(Copy(model).model, clone_function=QuantizeAnnotate)
        applied = tfmot.quantization.keras.quantize_apply(annotated, scheme)
        return _finished(of_class(Copy(applied, _repaired).model, type(model)))


def _repaired(layer, clone):
    return clone(layer, QuantizeInput) if type(layer) is QuantizeLayer else clone(layer)


def _finished(model: tf_keras.Model) -> tf_keras.Model:
    for entry in find_quantized(model):
        entry.initialize()
    if type(model) is Functional:
        model.__class__ = QuantizedFunctional
    elif type(model) is tf_keras.Sequential:
        model.__class__ = QuantizedSequential
    if isinstance(model, _NamesOutputs):
        model.name_outputs()
    return model


def _check(model: tf_keras.Model) -> None:
    """Raises ValueError for a model that cannot be quantized."""
    if not isinstance(model, tf_keras.Sequential) and not model._is_graph_network:
        raise ValueError(
            f"model {model.name!r} is subclassed ({type(model).__name__}); {_GRAPHS_ONLY}"
        )
    if not model.built or not model._is_graph_network:
        raise ValueError(
            f"model {model.name!r} is not built; give it an Input layer, call it on data or "
            "model.build(input_shape) first"
        )
    for layer in model.layers:
        if isinstance(layer, tf_keras.Model):
            _check(layer)
    wrappers = (QuantizeAnnotate, tfmot.quantization.keras.QuantizeWrapper)
    wrapped = [layer for layer in layers_of(model) if isinstance(layer, wrappers)]
    if find_quantized(model) or wrapped:
        raise ValueError(
            f"model {model.name!r} is already quantized; tfqd.strip_quantization(model) gives "
            "back a plain model"
        )
