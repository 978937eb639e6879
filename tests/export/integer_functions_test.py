"""Sigmoid, tanh and softmax of integers as LiteRT's kernels answer them, all integers over."""

import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType

from tfqd.export.litert.checking.grids import Grid, Integers
from tfqd.export.litert.checking.integer_kernels import result
from tfqd.export.litert.file.flatbuffer import Op, Type, empty_file, operator, per_channel
from tfqd.export.litert.file.schema import schema

# Of answers: the scale and the zero point that kernels know alone.
GRIDS = {
    (8, Op.LOGISTIC): (1 / 256, -128),
    (8, Op.SOFTMAX): (1 / 256, -128),
    (8, Op.TANH): (1 / 128, 0),
    (16, Op.LOGISTIC): (2**-15, 0),
    (16, Op.SOFTMAX): (2**-15, 0),
    (16, Op.TANH): (2**-15, 0),
}


def options_of(code):
    if code != Op.SOFTMAX:
        return None
    options = schema.SoftmaxOptionsT()
    options.beta = 1.0
    return options


def by_litert(code, bits, x, scale):
    """What the reference kernel answers to integers of a scale."""
    file = empty_file()
    graph = file.graphs[0]
    for unit, zero in ((scale, 0), GRIDS[bits, code]):
        tensor = schema.TensorT()
        tensor.shape, tensor.buffer = np.array(x.shape, np.int32), 0
        tensor.type = Type.INT8 if bits == 8 else Type.INT16
        tensor.quantization = per_channel(np.array([unit]), 0)
        tensor.quantization.zeroPoint = np.array([zero])
        graph.tensors.append(tensor)
    index = file.add_operator_code(code, 3)
    graph.operators.append(operator(index, [0], [1], options_of(code)))
    interpreter = Interpreter(
        model_content=file.to_bytes(), experimental_op_resolver_type=OpResolverType.BUILTIN_REF
    )
    interpreter.allocate_tensors()
    interpreter.set_tensor(0, x)
    interpreter.invoke()
    return interpreter.get_tensor(1)


def simulated(code, bits, x, scale):
    scale = np.array([scale], np.float32).astype(np.float64)
    unit, zero = GRIDS[bits, code]
    tensor = Integers(x.astype(np.int64), Grid(scale, 0, bits))
    grid = Grid(np.array([unit]), zero, bits)
    return result(code, options_of(code), [tensor], grid, x.shape)


# The ranges of 16 bits are 0.3, 3, 8 (whose scale is a power of 2) and 200.
SCALES = {8: (2e-3, 0.02, 2**-4, 1.7), 16: (1e-5, 1e-4, 2**-12, 6e-3)}


@pytest.mark.parametrize("code", [Op.LOGISTIC, Op.TANH])
@pytest.mark.parametrize("bits", [8, 16])
def test_functions_of_each_integer(bits, code):
    x = np.arange(-(2 ** (bits - 1)), 2 ** (bits - 1)).astype(f"int{bits}")[np.newaxis]
    for scale in SCALES[bits]:
        expected = by_litert(code, bits, x, scale)
        np.testing.assert_array_equal(simulated(code, bits, x, scale), expected, err_msg=scale)


@pytest.mark.parametrize("classes", [1, 2, 10, 300])
@pytest.mark.parametrize("bits", [8, 16])
def test_softmax(bits, classes):
    random = np.random.default_rng(0)
    x = random.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), (500, classes)).astype(f"int{bits}")
    for scale in SCALES[bits]:
        expected = by_litert(Op.SOFTMAX, bits, x, scale)
        found = simulated(Op.SOFTMAX, bits, x, scale)
        np.testing.assert_array_equal(found, expected, err_msg=scale)
