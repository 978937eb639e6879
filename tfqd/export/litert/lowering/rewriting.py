"""The trained integers put into a converted file, operator by operator."""

import math
from collections.abc import Callable, Mapping
from typing import NamedTuple

from tfqd.compressed import QuantizedTensor
from tfqd.export.litert.file.flatbuffer import File, Op, op_name
from tfqd.export.litert.file.layouts import wrong_in_integers
from tfqd.export.litert.file.operators import WEIGHT_OPERATORS
from tfqd.export.litert.file.readers import LITERT, MICRO
from tfqd.export.litert.lowering.codebook import unpacked_at_load
from tfqd.export.litert.lowering.convolution import convolution, in_place
from tfqd.export.litert.lowering.convolution_forms import preferred_form
from tfqd.export.litert.lowering.editing import Site
from tfqd.export.litert.lowering.embedding import embedding
from tfqd.export.litert.lowering.float_constants import FloatConstants
from tfqd.export.litert.lowering.fully_connected import fully_connected
from tfqd.export.litert.lowering.integer_activations import check_scales, in_floats, rescale_bias
from tfqd.export.litert.lowering.matching import Matcher
from tfqd.export.litert.lowering.pointwise import in_convolutions_alone, pointwise_product
from tfqd.export.litert.lowering.round_trips import drop_round_trips
from tfqd.export.litert.lowering.weight_readings import Reading, reading_of, with_forms
from tfqd.export.litert.lowering.weights import IntegerWeight, NoIntegerForm, integer_weight


class Preferences(NamedTuple):
    """What decides where several forms of a weight are exact.

    size: whether bytes count more than time.
    int2: whether FULLY_CONNECTED weights of 2 bits are stored as INT2.
    readers: that are to run the file.
    slowdown: the most that bytes may cost: time over that of the fastest forms; None where `size`
        decides alone.
    batch: examples of a call, where the file leaves it free.
    """

    size: bool
    int2: bool
    readers: tuple[str, ...] = (LITERT,)
    slowdown: float | None = None
    batch: int = 1


class TfliteWeight(NamedTuple):
    """What became of a quantized weight in a TFLite file.

    path: the weight's.
    spec: what it was quantized by.
    operator: that reads it in the file; empty when none does.
    type: it got: ``"int4"``, ``"int8"``, ``"int2"``, ``"codebook"`` or ``"float32"``.
    reason: why this one.
    """

    path: str
    spec: dict
    operator: str
    type: str
    reason: str


def lower(
    file: File,
    tensors: Mapping[str, QuantizedTensor],
    preferences: Preferences,
    constants: FloatConstants | None = None,
    trained: bool = False,
) -> list[TfliteWeight]:
    """Rewrites all operators of a file that read quantized weights.

    What cannot be computed exactly in integers is computed in float, and its
    row says why.

    Args:
        file: a converted file; changed.
        tensors: the model's quantized weights by path.
        preferences: between exact forms.
        constants: the float weights of a file whose weights the converter has
            rounded; None for a file of float weights.
        trained: whether the model itself rounds and clips its activations wherever the
            file does.

    Returns:
        A row for each kind of operator that reads a weight, and one for each weight
        that no operator reads as it is.

    Raises:
        ValueError: when the converter has changed a weight before it rounded it, so
            that the trained integers have no place in the file.
    """
    lacking = set() if constants is None else constants.lacking(file)
    matcher = Matcher(tensors)
    readings: list[Reading] = []
    for graph in file.graphs:
        for operator in list(graph.operators):
            site = Site(file, graph, operator, preferences.readers)
            if site.code in (Op.CONV_2D, *_REWRITTEN_BY):
                readings += reading_of(site, matcher, constants)
            elif constants is not None:
                _put_in_floats(site, matcher, constants)
    rows: list[TfliteWeight] = []
    for reading in with_forms(readings, preferences.slowdown):
        row = _rewritten(reading, preferences)
        if row not in rows:  # a shared weight is read more than once
            rows.append(row)
    if constants is not None and not trained:
        drop_round_trips(file)
    found = {row.path for row in rows}
    left = {path: tensor for path, tensor in tensors.items() if path not in found}
    changed = [path for path, tensor in left.items() if tensor.size in lacking]
    if changed:
        raise ValueError(
            f"the converter has changed {changed[0]} before it rounded it to 8 bits, so the "
            "trained integers cannot be put into its place; leave activations float"
        )
    rows += [
        TfliteWeight(path, tensor.spec, "", "float32", "no operator of integers takes it as it is")
        for path, tensor in left.items()
    ]
    order = list(tensors)
    return sorted(rows, key=lambda row: order.index(row.path))


def _rewritten(reading: Reading, preferences: Preferences) -> TfliteWeight:
    if reading.originals:
        type, reason = _of_integer_activations(reading, preferences)
    else:
        type, reason = _of_float_activations(reading, preferences)
    match = reading.match
    return TfliteWeight(match.path, match.tensor.spec, op_name(reading.site.code), type, reason)


def _put_in_floats(site: Site, matcher: Matcher, constants: FloatConstants) -> None:
    """Makes an operator one of floats where integers would be wrong.

    That is where the converter has rounded a weight anew, and where kernels are
    wrong themselves.
    """
    weights = {}
    for place, index in enumerate(site.operator.inputs):
        weight = None if index < 0 else constants.of(site.file, site.graph, site.tensor(index))
        if weight is not None and any(
            matcher.match(weight, axis) is not None for axis in range(weight.ndim)
        ):
            weights[place] = weight
    if weights or wrong_in_integers(site.file, site.graph, site.operator):
        in_floats(site, weights)


def _of_float_activations(reading: Reading, preferences: Preferences) -> tuple[str, str]:
    site, match = reading.site, reading.match
    if not _knows_shapes(site):
        return "float32", "the converter does not know the shape of what the operator takes"
    forms = [lambda: _in_integers(reading, integer_weight(match), preferences)]
    unpacks = MICRO not in preferences.readers  # it would do so at each run
    if preferences.size and unpacks and match.tensor.points is not None:
        forms.append(lambda: unpacked_at_load(site, match))
    reason = ""
    for form in forms:
        try:
            result = form()
        except NoIntegerForm as error:
            reason = str(error)
            site.operators.clear()
            continue
        site.finish()
        return result
    return "float32", reason


def _knows_shapes(site: Site) -> bool:
    """Whether what an operator takes and gives has a rank, as it has not behind a vocabulary."""
    places = [int(index) for index in site.operator.inputs if index >= 0]
    computed = [index for index in places if site.file.data(site.tensor(index)) is None]
    return all(site.shape(index) for index in [*computed, int(site.operator.outputs[0])])


def _of_integer_activations(reading: Reading, preferences: Preferences) -> tuple[str, str]:
    """Rewrites an operator whose weight the converter has rounded."""
    site, originals = reading.site, reading.originals
    try:
        if site.code == Op.GATHER:
            raise NoIntegerForm("EMBEDDING_LOOKUP answers in floats")
        weight = integer_weight(reading.match)
        check_scales(weight)
        result = _in_integers(reading, weight, preferences)
        rescale_bias(site, originals)
    except NoIntegerForm as error:
        site.operators.clear()
        floats = in_floats(site, originals)
        type, reason = _of_float_activations(reading._replace(site=floats), preferences)
        return type, f"{reason}; between floats, since {error}"
    site.finish()
    return result


def _in_integers(
    reading: Reading, weight: IntegerWeight, preferences: Preferences
) -> tuple[str, str]:
    site = reading.site
    if site.code == Op.CONV_2D:
        form = reading.form or preferred_form(site, weight, preferences.size)
        return convolution(site, weight, form)
    return _REWRITTEN_BY[site.code](site, weight, preferences)


def _product(site: Site, weight: IntegerWeight, preferences: Preferences) -> tuple[str, str]:
    inputs, place = site.operator.inputs, WEIGHT_OPERATORS[Op.FULLY_CONNECTED].bias
    bias = -1 if place is None or len(inputs) <= place else int(inputs[place])
    activation = site.options.fusedActivationFunction
    x, y = int(inputs[0]), int(site.operator.outputs[0])
    if in_convolutions_alone(site, weight, x):
        return pointwise_product(site, weight, x, bias, y, activation, preferences.size)
    return fully_connected(site, weight, x, bias, y, activation, _takes_int2(site, preferences))


def _takes_int2(site: Site, preferences: Preferences) -> bool:
    """Whether INT2 is asked for and pays: for several rows its kernels take twice INT4's time."""
    rows = site.shape(int(site.operator.outputs[0]))[:-1]
    count = math.prod(preferences.batch if size == -1 else size for size in rows)
    return preferences.int2 and (preferences.size or count == 1)


def _in_place(kind: str) -> Callable[..., tuple[str, str]]:
    """Rewrites a convolution of another kind, whose kernels take 8 bits alone."""

    def rewrite(site: Site, weight: IntegerWeight, preferences: Preferences) -> tuple[str, str]:
        axis = WEIGHT_OPERATORS[site.code].axis
        return in_place(site, weight, 8, f"a {kind} convolution, which has no kernel below", axis)

    return rewrite


# By the operator that reads a weight in the converter's file, what writes its integers.
_REWRITTEN_BY = {
    Op.FULLY_CONNECTED: _product,
    Op.DEPTHWISE_CONV_2D: _in_place("depthwise"),
    Op.TRANSPOSE_CONV: _in_place("transposed"),
    Op.GATHER: lambda site, weight, preferences: embedding(site, weight),
}
