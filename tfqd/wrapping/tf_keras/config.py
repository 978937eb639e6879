"""Which weights of a layer are quantized, and how: tfmot's `QuantizeConfig`."""

import weakref
from collections.abc import Mapping, Sequence
from typing import Any

import tf_keras

from tfqd.quantizers import Quantizer, quantizer_for
from tfqd.spec import Spec, from_dict
from tfqd.spec.names import spec_named
from tfqd.spec.selection import SpecLike
from tfqd.wrapping.tf_keras.attributes import HeldVariable, held_variables, put_at
from tfqd.wrapping.tf_keras.toolkit import tfmot
from tfqd.wrapping.variables import channel_axes, is_kernel

# Whoever asks whether something is one of tfmot's quantizers gets a yes for ours.
tfmot.quantization.keras.quantizers.Quantizer.register(Quantizer)


@tf_keras.saving.register_keras_serializable(package="tfqd")
class QuantizeConfig(tfmot.quantization.keras.QuantizeConfig):
    """Quantizes weights of one layer by tfqd specs.

    For ``tfmot.quantization.keras.quantize_annotate_layer(layer, config)``.

    Args:
        spec: one spec, or its short name, for the variables at `paths`; or a mapping
            from path to spec, without `paths`.
        paths: attributes of the layer, with dots where a layer inside it holds
            them: ``"kernel"``, ``"cell.recurrent_kernel"``,
            ``"_query_dense.kernel"``. None for all kernels, recurrent kernels
            and embeddings of the layer, and what else a lone spec quantizes; see
            `tfqd.quantize_model`.
        activations: a config, such as one of tfmot's, whose activation and
            output quantizers the layer is to have too; None for none.

    Raises:
        TypeError: when `spec`, `paths` or `activations` is something else.
        ValueError: for an unknown short name.

    Example:

    >>> config = tfqd.tfmot.QuantizeConfig(tfqd.Codebook(bits=4), ["cell.recurrent_kernel"])
    >>> annotated = tfmot.quantization.keras.quantize_annotate_layer(
    ...     tf_keras.layers.LSTM(8), config)
    """

    def __init__(
        self,
        spec: SpecLike | Mapping[str, SpecLike],
        paths: Sequence[str] | None = None,
        activations: tfmot.quantization.keras.QuantizeConfig | None = None,
    ):
        if isinstance(spec, Mapping):
            spec = {path: spec_named(each) for path, each in spec.items()}
        self.spec = spec = spec_named(spec)
        _check(spec, paths, activations)
        self.paths = None if paths is None else list(paths)
        self.activations = activations
        self._found: weakref.WeakKeyDictionary[Any, dict[str, Spec]] = weakref.WeakKeyDictionary()

    def for_layer(self, layer: tf_keras.layers.Layer) -> "QuantizeConfig":
        """The same config with the paths of a built layer, those of None too."""
        return QuantizeConfig(self._specs(layer), activations=self.activations)

    def with_activations(self, activations) -> "QuantizeConfig":
        """The same config with other activation quantizers."""
        return QuantizeConfig(self.spec, self.paths, activations)

    def get_weights_and_quantizers(self, layer):
        held = {each.path: each for each in held_variables(layer)}
        self._found[layer] = specs = self._specs(layer)
        return [
            (held[path].variable, quantizer_for(spec, channel_axes_of(held[path])))
            for path, spec in specs.items()
        ]

    def set_quantize_weights(self, layer, quantize_weights):
        """For tfmot's own wrapper; tfqd's puts values in place by itself, and variables back.

        Raises:
            ValueError: for specs whose levels are trained: they start from the weights, which
                tfmot's wrapper sets after its quantizers have been built.
        """
        trained = [spec for spec in self._found[layer].values() if spec.trains_levels]
        if trained:
            raise ValueError(
                f"the levels of {trained[0]} start from the weights, which tfmot's own wrapper "
                "does not hand over; give quantize_apply the scheme tfqd.tfmot.QuantizeScheme()"
            )
        for path, value in zip(self._found[layer], quantize_weights, strict=True):
            put_at(layer, path, value)

    def get_activations_and_quantizers(self, layer):
        return self.activations.get_activations_and_quantizers(layer) if self.activations else []

    def set_quantize_activations(self, layer, quantize_activations):
        if self.activations:
            self.activations.set_quantize_activations(layer, quantize_activations)

    def get_output_quantizers(self, layer):
        return self.activations.get_output_quantizers(layer) if self.activations else []

    def _specs(self, layer) -> dict[str, Spec]:
        """Path -> spec of the layer's variables that are quantized."""
        held = {each.path: each for each in held_variables(layer)}
        if isinstance(self.spec, Spec):
            paths = self.paths
            if paths is None:
                paths = [path for path, each in held.items() if is_held_kernel(each)]
            specs = dict.fromkeys(paths, self.spec)
        else:
            specs = self.spec
        for path in specs:
            if path not in held:
                raise ValueError(
                    f"layer {layer.name!r} ({type(layer).__name__}) has no variable at path "
                    f"{path!r}; it has {', '.join(held) or 'none'}"
                )
        return specs

    def get_config(self) -> dict[str, Any]:
        spec = self.spec
        return {
            "spec": (
                spec.to_dict()
                if isinstance(spec, Spec)
                else {"paths": {path: each.to_dict() for path, each in spec.items()}}
            ),
            "paths": self.paths,
            "activations": self.activations
            and tf_keras.utils.legacy.serialize_keras_object(self.activations),
        }

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> "QuantizeConfig":
        spec, activations = config["spec"], config["activations"]
        if "paths" in spec:
            spec = {path: from_dict(each) for path, each in spec["paths"].items()}
        else:
            spec = from_dict(spec)
        if activations is not None:
            with tfmot.quantization.keras.quantize_scope():
                activations = tf_keras.utils.legacy.deserialize_keras_object(activations)
        return cls(spec, config["paths"], activations)

    def __eq__(self, other) -> bool:
        return type(other) is type(self) and other.get_config() == self.get_config()


def is_held_kernel(held: HeldVariable) -> bool:
    """Whether a spec without paths quantizes it."""
    return held.made_trainable and is_kernel(held.name, len(held.variable.shape))


def channel_axes_of(held: HeldVariable) -> tuple[int, ...]:
    """The axes of a variable that index its layer's output channel."""
    return channel_axes(held.holder, held.name, len(held.variable.shape))


def _check(spec, paths, activations) -> None:
    mapping = isinstance(spec, Mapping) and all(
        isinstance(path, str) and isinstance(each, Spec) for path, each in spec.items()
    )
    if not isinstance(spec, Spec) and not mapping:
        raise TypeError(
            "spec must be a tfqd spec such as tfqd.Uniform(bits=4), or a mapping from a "
            f"variable's path to a spec; got {spec!r}"
        )
    if mapping and paths is not None:
        raise TypeError(f"paths must be None when spec is a mapping from paths; got {paths!r}")
    if paths is not None and (
        isinstance(paths, str) or not all(isinstance(path, str) for path in paths)
    ):
        raise TypeError(f'paths must be a list of names such as ["kernel"]; got {paths!r}')
    if activations is not None and not isinstance(
        activations, tfmot.quantization.keras.QuantizeConfig
    ):
        raise TypeError(
            f"activations must be None or a tfmot QuantizeConfig; got {type(activations).__name__}"
        )
