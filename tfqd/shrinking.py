"""Channels that say nothing are taken out of a model."""

import dataclasses
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from rich.table import Table
from rich.text import Text

from tfqd.export import VerificationError
from tfqd.export.comparison import hold_against
from tfqd.export.origin import origin_of
from tfqd.export.precision import tolerance_of
from tfqd.export.probes import answers
from tfqd.report import render
from tfqd.spec.checks import checked_optional_positive
from tfqd.wrapping.activations import quantized_activations
from tfqd.wrapping.fitting import student_or_self
from tfqd.wrapping.shrunk import LayerChannels
from tfqd.wrapping.version import version_of


@dataclasses.dataclass(frozen=True, eq=False)
class Shrunk:
    """What `tfqd.shrink` gives. Printing it gives a table.

    model: the smaller model, not compiled; of the class of the other one, with its own
        training, where that is made of inputs, outputs and name, or of layers and name.
    layers: the output channels of its layers, before and after.
    """

    model: keras.Model
    layers: Sequence[LayerChannels]

    def __str__(self) -> str:
        return render(self.__rich__())

    def __rich__(self) -> Table:
        table = Table(title="Channels")
        table.add_column("layer")
        table.add_column("before", justify="right")
        table.add_column("after", justify="right")
        table.add_column("why constant ones stay, or all")
        for each in self.layers:
            name, reason = Text(each.name), Text(each.reason or "")
            table.add_row(name, str(each.before), str(each.after), reason)
        return table


def shrink(model: keras.Model, *, probes: Any = None, tolerance: float | None = None) -> Shrunk:
    """The same model without the channels that are the same whatever comes in.

    A channel that ``Prune(structure="channels")`` has put to zero still takes its place in
    the model: its bias, normalized and activated, is a constant. Where all layers that read
    it allow, the channel is taken out, and what the constant adds goes into their biases. It
    is not where a convolution or ``ZeroPadding2D`` pads it with zeros and the constant is
    none, where it is added to a channel that stays, and where a layer reads it that is not
    known here; the table says so. The model is computed before and after on probes.

    Known are Dense, convolutions of one group, depthwise ones, BatchNormalization (as in
    inference), activations that treat every number alike, those that ``activations=`` rounds
    too, pooling, Flatten, Dropout, zero padding, cropping, Add and Concatenate, with channels
    last. A Dense or convolution whose activation may mix its channels, as softmax does, keeps all
    of them and loses inputs alone. Other layers with weights, models in the model, and layers
    that are called several times stay as they are, which the table says; so does all that other
    operations take, as ``x + y``. One channel of every layer stays.

    Args:
        model: a built Keras 3 model, Sequential or Functional, float or from
            `quantize_model`; of a Distiller its student. It is not changed. Shrink a quantized
            student before it is saved: it stays quantized, with its own codes, and can be
            trained on. Of biases that are quantized too, those become float that constants are
            added to, or that lose the number that makes their scale.
        probes: inputs to compute both on, as the model takes them; random ones when None.
        tolerance: the largest difference to let pass, relative to the largest output; None
            for 1e-5, and 1e-2 and 5e-2 where layers compute in float16 and bfloat16. Where
            activations are rounded None lets the root mean square be half a step of the
            coarsest range, and one answer eight times that: sums over fewer channels end in
            other last digits, which may tip one to the next integer.

    Raises:
        TypeError: when `model` is no Keras model.
        ValueError: for tf_keras models and subclassed ones, activations that were not
            calibrated, and where a kernel that would lose channels has buckets that lie
            across them, or several codebooks that channels share.
        VerificationError: a ValueError, when the smaller model answers otherwise.

    Example:

    >>> kernel = model.layers[0].kernel
    >>> _ = kernel.assign(kernel * ([0.0] * 12 + [1.0] * 4))
    >>> shrunk = tfqd.shrink(model)
    >>> [tuple(layer.kernel.shape) for layer in shrunk.model.layers]
    [(8, 4), (4, 4)]
    """
    checked_optional_positive("tolerance", tolerance)
    model = student_or_self(model)
    smaller, layers = version_of(model).building.shrunk(model)
    origin = origin_of(model, probes)
    spans = None
    if tolerance is None:
        tolerance = tolerance_of(origin.compressed.architecture)
        if bits := [layer.bits for layer in quantized_activations(model) if layer.bits]:
            tolerance = max(tolerance, 0.5 / (2 ** min(bits) - 1))
            spans = {
                name: float(np.abs(output).max(initial=0.0))
                for name, output in origin.probes.outputs.items()
            }
    try:
        hold_against(
            origin.probes,
            "shrunk",
            tolerance,
            lambda inputs: answers(smaller, origin.signature, inputs),
            spans,
        )
    except VerificationError as error:
        difference = str(error).partition(": ")[2]
        raise VerificationError(
            f"model {model.name!r} answers otherwise without its constant channels: {difference}"
        ) from error
    return Shrunk(smaller, layers)
