"""tfmot's scheme of quantization, with tfqd's wrapper in place of tfmot's.

`tfmot.quantization.keras.quantize_apply` asks a scheme for a layout transform,
which may change the model before the annotated layers are wrapped, and for a
registry, which knows what to do with layers that have no config of their own.
Here the transform already wraps, so that nothing is left to the registry.
"""

from collections.abc import Mapping
from typing import Any

import tf_keras

from tfqd.spec.checks import check_choice
from tfqd.spec.selection import Selection, SpecLike, checked_selection
from tfqd.wrapping.tf_keras.choosing import choose, configs_of
from tfqd.wrapping.tf_keras.config import QuantizeConfig
from tfqd.wrapping.tf_keras.toolkit import tfmot
from tfqd.wrapping.tf_keras.wrapper import QuantizeWrapper

_default_8bit = tfmot.quantization.keras.default_8bit


class QuantizeScheme(tfmot.quantization.keras.QuantizeScheme):
    """For ``tfmot.quantization.keras.quantize_apply(annotated, scheme)``.

    An annotated layer keeps the config that it was annotated with, tfqd's or
    tfmot's. One without gets its weights quantized by `spec`, or without `spec`
    tfmot's default 8-bit config.

    Args:
        spec: as in `tfqd.quantize_model`; None for no weights but those of the
            layers' own configs.
        activations: ``"tfmot"`` gives every annotated layer the activation
            quantizers of tfmot's default 8-bit scheme too, for full-integer
            TFLite files; tfmot's transforms then fold batch normalization and
            split separable convolutions as they do there.
        first_last: as in `tfqd.quantize_model`.
        name_prefix: what the names of wrapped layers begin with. The argument
            ``quantized_layer_name_prefix`` of `quantize_apply` reaches no scheme.

    Raises:
        TypeError, ValueError: for anything else.

    Example:

    >>> annotated = tfmot.quantization.keras.quantize_annotate_model(model)
    >>> scheme = tfqd.tfmot.QuantizeScheme(tfqd.Codebook(bits=4))
    >>> quantized = tfmot.quantization.keras.quantize_apply(annotated, scheme)
    """

    def __init__(
        self,
        spec: Selection | None = None,
        *,
        activations: str | None = None,
        first_last: SpecLike | None = "same",
        name_prefix: str = "quant_",
    ):
        if not isinstance(name_prefix, str):
            raise TypeError(f"name_prefix must be a text; got {name_prefix!r}")
        check_choice("activations", activations, (None, "tfmot"))
        self.spec = None if spec is None else checked_selection(spec)
        self.activations = activations
        self.first_last = first_last
        self.name_prefix = name_prefix

    def get_layout_transformer(self) -> "LayoutTransform":
        return LayoutTransform(self)

    def get_quantize_registry(self) -> "QuantizeRegistry":
        return QuantizeRegistry()


class QuantizeRegistry(tfmot.quantization.keras.QuantizeRegistry):
    """Supports no layer: those that are to be wrapped are wrapped already.

    Were a layer supported, tfmot would wrap it when it stands before an
    annotated one.
    """

    def supports(self, layer) -> bool:
        return False

    def get_quantize_config(self, layer):
        return None


class LayoutTransform(tfmot.quantization.keras.QuantizeLayoutTransform):
    """Wraps the annotated layers.

    Args:
        scheme: says what layers without a config of their own get.
    """

    def __init__(self, scheme: QuantizeScheme):
        self._scheme = scheme

    def apply(self, model, layer_quantize_map):
        """The model with its annotated layers wrapped, and a map that leaves tfmot none.

        Args:
            model: a Sequential or Functional model that tfmot has copied.
            layer_quantize_map: layer's name -> its metadata, with the config.
        """
        own = {
            name: metadata["quantize_config"]
            for name, metadata in layer_quantize_map.items()
            if metadata.get("quantize_config") is not None
        }
        if self._scheme.activations is None:
            activations: Mapping[str, Any] = {}
        else:
            model, layer_quantize_map = _tfmots_layout(model, layer_quantize_map, own)
            activations = _tfmots_configs(model, layer_quantize_map)
        chosen = {}
        if self._scheme.spec is not None:
            chosen = configs_of(choose(model, self._scheme.spec, self._scheme.first_last))

        def wrap(layer):
            name = layer.name
            if "quantize_config" not in layer_quantize_map.get(name, {}):
                return layer
            config = own.get(name, chosen.get(id(layer)))
            if config is None and self._scheme.spec is None:
                config = activations.get(name) or _tfmots_config(layer)
            elif isinstance(config, QuantizeConfig | None) and name in activations:
                config = (config or QuantizeConfig({})).with_activations(activations[name])
            if config is None:
                return layer
            prefix = self._scheme.name_prefix
            return QuantizeWrapper(layer, _resolved(config, layer), name_prefix=prefix)

        return tf_keras.models.clone_model(model, clone_function=wrap), {}


def _tfmots_layout(model, layer_quantize_map, own):
    """The model and map as tfmot's default 8-bit transforms leave them.

    They pass over layers with a config of their own, so tfqd's are kept from them.
    """
    for layer in model.layers:
        if layer.name in own and type(layer).__name__ in ("SeparableConv1D", "SeparableConv2D"):
            raise ValueError(
                f"tfmot's activation quantizers split layer {layer.name!r} "
                f"({type(layer).__name__}) in two, which its config does not know; annotate it "
                "without a config and give QuantizeScheme the spec"
            )
    withheld = {
        name: {**metadata, "quantize_config": None}
        if isinstance(metadata.get("quantize_config"), QuantizeConfig)
        else metadata
        for name, metadata in layer_quantize_map.items()
    }
    return _default_8bit.Default8BitQuantizeLayoutTransform().apply(model, withheld)


def _tfmots_configs(model, layer_quantize_map) -> dict[str, Any]:
    """Layer's name -> tfmot's default config, as tfmot's transforms have changed it."""
    return {
        layer.name: layer_quantize_map[layer.name]["quantize_config"] or _tfmots_config(layer)
        for layer in model.layers
        if "quantize_config" in layer_quantize_map.get(layer.name, {})
    }


def _tfmots_config(layer):
    registry = _default_8bit.Default8BitQuantizeRegistry()
    if not registry.supports(layer):
        raise ValueError(
            f"tfmot's default 8-bit scheme knows no layer {layer.name!r} "
            f"({type(layer).__name__}); annotate it with tfqd.tfmot.QuantizeConfig(spec), and "
            "leave activations None for models with such layers"
        )
    return registry.get_quantize_config(layer)


def _resolved(config, layer):
    """Paths of a tfqd config written out, while the layer has all its variables."""
    return config.for_layer(layer) if isinstance(config, QuantizeConfig) else config
