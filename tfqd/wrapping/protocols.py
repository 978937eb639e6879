"""What tfqd needs of a version of Keras.

Each protocol is kept by a module: ``keras3`` and ``tf_keras`` have a `building`,
a `training`, a `serving` and `graphs` of the same functions. `tfqd.wrapping.version` finds
the first three of a model; the last is used within `tfqd.wrapping` alone.
"""

import contextlib
import pathlib
from collections.abc import Callable, Collection, Sequence
from typing import Any, NamedTuple, Protocol

import tensorflow as tf

from tfqd.compressed import CompressedModel
from tfqd.quantizers import Quantizer
from tfqd.report import ModelCompute
from tfqd.spec import Activations
from tfqd.spec.selection import Selection, SpecLike
from tfqd.wrapping.features import FeatureReader
from tfqd.wrapping.shadow import Shadow
from tfqd.wrapping.shrunk import LayerChannels


class Building(Protocol):
    """Making models of models."""

    def quantize_model(
        self,
        model: Any,
        spec: Selection,
        first_last: SpecLike | None = "same",
        activations: Activations | str | None = None,
    ) -> Any:
        """See `tfqd.quantize_model`."""

    def strip_quantization(self, model: Any) -> Any:
        """See `tfqd.strip_quantization`."""

    def float_copy(self, model: Any) -> Any:
        """A copy of a quantized or plain model that computes with floats throughout."""

    def unpruned(self, student: Any) -> Any:
        """See `tfqd.unpruned`; of a student whose pruned weights are not known, they are 0."""

    def shrunk(self, model: Any) -> tuple[Any, list[LayerChannels]]:
        """See `tfqd.shrink`; the model is not verified."""

    def compress(self, model: Any) -> CompressedModel:
        """See `tfqd.compress`."""

    def names_of_weights(self, model: Any) -> dict[int, str]:
        """What the compressed form calls a plain or quantized model's weights, by their ids."""

    def compute_of(self, model: Any) -> ModelCompute:
        """See `tfqd.compute_report`."""

    def float_form(self, model: Any) -> CompressedModel:
        """The compressed form of a float model, in which nothing is quantized."""

    def plain_from(self, compressed: CompressedModel) -> Any:
        """A plain model that holds the quantized values."""

    def quantized_from(self, compressed: CompressedModel) -> Any:
        """A quantized model that gives the same outputs and can train on."""

    def choose_variables(
        self, model: Any, selection: Selection
    ) -> list[tuple[Any, str, Quantizer]]:
        """The variables that `selection` quantizes, their paths and their quantizers."""

    def quantized_from_shadow(self, shadow: Shadow) -> Any:
        """A quantized copy of a shadowed model as it is."""

    def feature_reader(self, model: Any, names: Sequence[str]) -> FeatureReader:
        """What reads the outputs of layers by name while the model runs."""


class Training(Protocol):
    """Fitting a model, and what is known of it while it is fitted."""

    def has_loss(self, model: Any) -> bool:
        """Whether the model was compiled with a loss."""

    def supervised_loss(self, model: Any, y: Any, y_pred: Any, sample_weight: Any) -> tf.Tensor:
        """The loss that the model was compiled with, without penalties: a scalar.

        It is divided by the number of replicas, whose gradients are summed.
        """

    def penalties(self, model: Any) -> tf.Tensor:
        """A Distiller's regularization and ``add_loss`` terms, summed: a scalar."""

    def share_of_replica(self, loss: tf.Tensor) -> tf.Tensor:
        """A mean over this replica's samples, as its share of the mean over all replicas'."""

    def mean_of_replica(self, loss: tf.Tensor) -> tf.Tensor:
        """The inverse of `share_of_replica`: what metrics, which average, are to see."""

    def mask_of(self, outputs: Any) -> Any:
        """The masks that Keras has put on a structure of tensors; None where it has none."""

    def inference(self, model: Any, inputs: Any, keep: Sequence[Any] = ()) -> Any:
        """The outputs in inference mode, of a model or of a callable that runs one.

        Of what the model assigns, such as the states of recurrent layers, `keep` are the
        variables that it is to have moved.
        """

    def mean_metric(self, name: str) -> Any:
        """A metric that averages what it is given."""

    def values(self, variables: list) -> list[tf.Variable]:
        """What a gradient tape watches of the variables."""

    def steps_per_execution(self, model: Any) -> int | str:
        """The steps between two batch hooks; ``"auto"`` where Keras chooses them."""

    def serialize(self, model: Any) -> dict[str, Any]:
        """A model's configuration, as JSON values."""

    def deserialize(self, config: dict[str, Any], custom_objects: Any = None) -> Any:
        """The model that `serialize` was given."""


class Serving(Protocol):
    """Running and reading plain models, for the writers of files."""

    def input_names(self, model: Any) -> list[str]:
        """The names of the layers that a graph's inputs come from, in their order."""

    def zero_inputs(self, model: Any) -> list | None:
        """The arguments of a call on one example of zeros, or a batch where its size is fixed.

        None where shapes are not known.
        """

    def reading(
        self, model: Any, values: Sequence[tuple[Any, tf.Tensor]], moved: Collection
    ) -> contextlib.AbstractContextManager[None]:
        """While it is open, the model computes with the values in place of the variables.

        Seeds are constants too, but for those among `moved`.
        """

    def load_keras_file(self, path: pathlib.Path) -> Any:
        """The model in a ``.keras`` or ``.h5`` file of this version, not compiled."""


class Graphs(Protocol):
    """Taking graphs of models apart, and the layers to put them together again with."""

    Model: type[Any]
    Functional: type[Any]
    QuantizedActivation: type[Any]
    layers: Any
    activations: Any
    matmul: Callable[..., Any]

    def graph_of(self, model: Any) -> Any:
        """The Functional model that computes what a model does; else the model."""

    def run_graph(self, graph: Any, inputs: list, call: Callable[..., Any]) -> Any:
        """What a graph gives for other inputs, with `call` in place of its calls."""

    def tensors_in(self, structure: Any) -> list:
        """The tensors of a graph that are in a structure, such as the arguments of a call."""

    def packed(self, structure: Any, tensors: list) -> Any:
        """Tensors in the structure in which others are."""

    def role_in_graph(self, operation: Any) -> tuple[str, dict[str, Any]]:
        """The class of layers that computes what an operation does, and its configuration."""

    def rename(self, operation: Any, name: str) -> None:
        """Gives an operation another name."""


class KerasVersion(NamedTuple):
    """A version of Keras, and how it does what tfqd needs.

    name: what `tfqd.CompressedModel.keras_version` calls it.
    title: what users call it.
    Model: its class of models.
    """

    name: str
    title: str
    Model: type[Any]
    building: Building
    training: Training
    serving: Serving
