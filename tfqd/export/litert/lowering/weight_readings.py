"""Operators of a converted file that read quantized weights, and the forms these may take."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np

from tfqd.export.litert.file.flatbuffer import Op, Type
from tfqd.export.litert.file.operators import WEIGHT_OPERATORS
from tfqd.export.litert.lowering.convolution_forms import form_costs, int8_time
from tfqd.export.litert.lowering.editing import Site
from tfqd.export.litert.lowering.float_constants import FloatConstants
from tfqd.export.litert.lowering.forms import ConvolutionForm, chosen_forms
from tfqd.export.litert.lowering.matching import Match, Matcher
from tfqd.export.litert.lowering.weights import NoIntegerForm, integer_weight

_TIMED = (Op.CONV_2D, Op.DEPTHWISE_CONV_2D, Op.FULLY_CONNECTED)


class Reading(NamedTuple):
    """An operator that reads a quantized weight.

    site: the operator.
    match: its weight.
    originals: float32, what the converter has rounded, by the place among the operator's
        inputs: its weight, and its bias where it has one; empty where it left floats.
    form: of the weight, where several are exact and one was chosen.
    """

    site: Site
    match: Match
    originals: Mapping[int, np.ndarray]
    form: ConvolutionForm | None = None


def reading_of(site: Site, matcher: Matcher, constants: FloatConstants | None) -> Sequence[Reading]:
    """What one of `WEIGHT_OPERATORS` reads, or nothing where that is no quantized weight.

    Args:
        site: the operator.
        matcher: of the model's quantized weights.
        constants: the float weights of a file whose weights the converter has rounded;
            None for a file of float weights.
    """
    kind = WEIGHT_OPERATORS[site.code]
    tensor = site.tensor(site.operator.inputs[kind.weight])
    originals: dict[int, np.ndarray] = {}
    if constants is not None and tensor.type == Type.INT8:
        weight = constants.of(site.file, site.graph, tensor)
        originals = {} if weight is None else {kind.weight: weight, **_bias(site, constants)}
    else:
        weight = _float_weight(site, tensor)
    match = None if weight is None else matcher.match(weight, kind.axis)
    return [] if match is None else [Reading(site, match, originals)]


def with_forms(readings: Sequence[Reading], slowdown: float | None) -> Sequence[Reading]:
    """The readings of a file, each of several forms with the one that suits bytes and time of all.

    Args:
        readings: all of a file.
        slowdown: the most that bytes may cost, see `chosen_forms`; None chooses none.
    """
    if slowdown is None:
        return readings
    costs = [_costs(reading) for reading in readings]
    other = sum(_time(reading) for reading, some in zip(readings, costs, strict=True) if not some)
    forms = iter(chosen_forms([some for some in costs if some], other, slowdown))
    return [
        reading._replace(form=next(forms)) if some else reading
        for reading, some in zip(readings, costs, strict=True)
    ]


def _costs(reading: Reading) -> dict:
    if reading.site.code != Op.CONV_2D:
        return {}
    try:
        return form_costs(reading.site, integer_weight(reading.match))
    except NoIntegerForm:
        return {}


def _time(reading: Reading) -> float:
    return int8_time(reading.site) if reading.site.code in _TIMED else 0


def _bias(site: Site, constants: FloatConstants) -> dict[int, np.ndarray]:
    """What the converter has rounded of an operator's bias, by its place; empty without one."""
    place, inputs = WEIGHT_OPERATORS[site.code].bias, site.operator.inputs
    if place is None or len(inputs) <= place or inputs[place] < 0:
        return {}
    bias = constants.bias_of(site.file, site.tensor(inputs[place]))
    return {} if bias is None else {place: bias}


def _float_weight(site: Site, tensor) -> np.ndarray | None:
    constant = site.file.constant(tensor) if tensor.type == Type.FLOAT32 else None
    return constant if constant is not None and constant.ndim > 1 else None
