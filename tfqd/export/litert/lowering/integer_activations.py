"""Operators whose activations are integers: the trained weights in them.

The converter has chosen the scales of activations, and has rounded weights to 8
bits by scales of its own. Where the trained integers have one scale a channel, or one, they
take the place of its own, and the bias, whose unit is the product of both scales, is
rounded anew. Other weights compute in floats, between a DEQUANTIZE operator and a
QUANTIZE operator.
"""

from collections.abc import Mapping

import numpy as np

from tfqd.export.litert.file.flatbuffer import Op, Type, is_quantized, operator, per_channel
from tfqd.export.litert.file.float_form import dequantized
from tfqd.export.litert.file.operators import INTEGER_KERNELS
from tfqd.export.litert.file.schema import schema
from tfqd.export.litert.lowering.editing import Site
from tfqd.export.litert.lowering.weights import IntegerWeight, NoIntegerForm

# Bits of biases, by the types of weights; XNNPACK adds up sixteen times what INT4 gives.
_BITS = {Type.INT8: 32, Type.INT2: 32, Type.INT4: 28}
# The largest bias of weights that are all 0, whose unit is free: as many digits as float32 has.
_FREE_BIAS = 2**24


def check_scales(weight: IntegerWeight) -> None:
    """Refuses weights that kernels of integer activations do not take.

    Raises:
        NoIntegerForm: when the weights have no single scale a channel.
    """
    if weight.blocks > 1 or weight.offset is not None:
        raise NoIntegerForm("kernels of integer activations take one scale a channel, no offset")


def rescale_bias(site: Site, originals: Mapping[int, np.ndarray]) -> None:
    """Gives what was written the bias in the unit of its weights: int32 [O], or int64 [O].

    With activations of 16 bits kernels add products up in 64, if there is a bias, and of 64.

    Args:
        site: an operator of integer activations, of which one was written that reads
            other weights.
        originals: float32, what the converter has rounded, by the place among its inputs.

    Raises:
        NoIntegerForm: when the bias is no constant of integers, or does not fit.
    """
    (written,) = [each for each in site.operators if site.file.code(each) in INTEGER_KERNELS]
    kernel, inputs = INTEGER_KERNELS[site.file.code(written)], written.inputs
    if kernel.bias is None:
        return
    data, weight = site.tensor(inputs[kernel.data]), site.tensor(inputs[kernel.weight])
    wide = data.type == Type.INT16
    is_biased = len(inputs) > kernel.bias and inputs[kernel.bias] >= 0
    if not is_biased and not wide:
        return
    bias = originals.get(kernel.bias) if is_biased else np.zeros(weight.shape[kernel.axis])
    if bias is None:
        bias = dequantized(site.file, site.graph, site.tensor(inputs[kernel.bias]))
    if bias is None:
        raise NoIntegerForm("its bias is computed, or of floats")
    (scale,) = data.quantization.scale
    if bias.any() and not site.file.numbers(weight).any():
        free = np.abs(bias).max() / _FREE_BIAS / scale
        weight.quantization.scale = np.full_like(weight.quantization.scale, free)
    unit = np.float64(scale) * np.asarray(weight.quantization.scale)
    integers = np.rint(bias / unit)
    bits = _BITS[weight.type]
    if not wide and np.abs(integers).max() >= 2 ** (bits - 1):
        raise NoIntegerForm(f"its bias is too large for {bits} bits in the unit of its weights")
    index = site.file.add_constant(site.graph, integers.astype(np.int64 if wide else np.int32))
    site.tensor(index).quantization = per_channel(unit.astype(np.float32), 0)
    written.inputs = np.array([*inputs[: kernel.bias], index], np.int32)


def in_floats(site: Site, constants: Mapping[int, np.ndarray]) -> Site:
    """Makes the operator one of floats, between DEQUANTIZE and QUANTIZE.

    Args:
        site: an operator of integer activations; it is replaced in the graph.
        constants: what it computes with, by the place among its inputs.

    Returns:
        The operator of floats.
    """
    inputs = [
        site.file.add_constant(site.graph, constants[place])
        if place in constants
        else _as_float(site, int(index))
        for place, index in enumerate(site.operator.inputs)
    ]
    results = {
        y: site.computed(site.shape(y)) if is_quantized(site.tensor(y)) else y
        for y in map(int, site.operator.outputs)
    }
    code = site.file.add_operator_code(site.code)
    floats = operator(code, inputs, [*results.values()], site.options)
    site.operators.append(floats)
    for y, result in results.items():
        if result != y:
            site.add(Op.QUANTIZE, [result], y, schema.QuantizeOptionsT())
    site.finish()
    return Site(site.file, site.graph, floats, site.readers)


def _as_float(site: Site, index: int) -> int:
    """A tensor's float form, computed where it is no constant; what is no integer as it is."""
    if index < 0 or not is_quantized(site.tensor(index)):
        return index
    values = dequantized(site.file, site.graph, site.tensor(index))
    if values is not None:
        return site.file.add_constant(site.graph, values)
    result = site.computed(site.shape(index))
    return site.add(Op.DEQUANTIZE, [index], result, schema.DequantizeOptionsT(), version=2)
