"""RESHAPE operators are left out, or take constant shapes, where that is the same."""

import keras
import numpy as np
import pytest
from keras import layers
from tflite_answers import assert_answers, bits_of, exported

from tfqd.export.litert.checking.runtimes import run, runtimes
from tfqd.export.litert.file.flatbuffer import Op, Type, empty_file, op_name, operator
from tfqd.export.litert.file.schema import schema
from tfqd.export.litert.lowering.reshapes import simplify_reshapes

OF_SHAPES = ["SHAPE", "STRIDED_SLICE", "PACK"]


@pytest.mark.parametrize("shape", [(1, 1, 24), (3, 2, 4)])
def test_flatten_leaves_no_operators_of_shapes(shape, tmp_path):
    x = keras.Input(shape, name="x")
    model = keras.Model(x, layers.Dense(5)(layers.Flatten()(x)))
    path = tmp_path / "m.tflite"
    quantized, report = exported(model, path)
    others = {} if shape[:2] == (1, 1) else {"RESHAPE": 1}
    assert report.operators == {"FULLY_CONNECTED": 1} | others
    for batch in (1, 2, 7):
        assert_answers(path, quantized, bits_of((batch, *shape)))


def test_rows_of_a_1x1_image_have_ranges_of_their_own(tmp_path):
    x = keras.Input((1, 1, 24), name="x")
    path = tmp_path / "m.tflite"
    quantized, _ = exported(keras.Model(x, layers.Dense(5)(layers.Flatten()(x))), path)
    inputs = bits_of((4, 1, 1, 24)) * np.float32([1, 1000, 1e-3, 10]).reshape(4, 1, 1, 1)
    expected = np.array(quantized(inputs))
    for runtime in runtimes():
        (answer,) = run(runtime, path.read_bytes(), {"x": inputs}).values()
        np.testing.assert_allclose(answer, expected, rtol=0, atol=1e-6 * 1000)
        small = np.abs(expected[2]).max()
        np.testing.assert_allclose(answer[2], expected[2], rtol=0, atol=1e-4 * small)


class Reshaping:
    """A file that reshapes [n, 6, 4] by sizes that it packs.

    Attributes:
        file: with the operators SHAPE, STRIDED_SLICE, PACK, RESHAPE.

    Args:
        sizes: of the result; None is the batch size as it comes, computed.
        read: which of the first three operators fills another output of the file.
    """

    def __init__(self, sizes, read=None):
        self.file = empty_file()
        self.graph = self.file.graphs[0]
        self._tensor([1, 6, 4], Type.FLOAT32, [-1, 6, 4])
        self._tensor([1] * len(sizes), Type.FLOAT32)
        results = [self._tensor(s, Type.INT32) for s in ([3], [], [len(sizes)])]
        shape, batch, packed = results
        self._operator(Op.SHAPE, [0], shape, schema.ShapeOptionsT(), outType=Type.INT32)
        bounds = [self._constant(np.array([n], np.int32)) for n in (0, 1, 1)]
        options = schema.StridedSliceOptionsT()
        self._operator(Op.STRIDED_SLICE, [shape, *bounds], batch, options, shrinkAxisMask=1)
        parts = [batch if n is None else self._constant(np.array(n, np.int32)) for n in sizes]
        self._operator(Op.PACK, parts, packed, schema.PackOptionsT(), valuesCount=len(sizes))
        self._operator(Op.RESHAPE, [0, packed], 1, schema.ReshapeOptionsT())
        if read is not None:
            self.graph.outputs = np.array([1, results[read]], np.int32)

    def _tensor(self, shape, type, signature=None):
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.hasRank = np.array(shape, np.int32), type, True
        tensor.shapeSignature = None if signature is None else np.array(signature, np.int32)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def _constant(self, array):
        return self.file.add_constant(self.graph, array)

    def _operator(self, code, inputs, output, options, **fields):
        for name, value in fields.items():
            setattr(options, name, value)
        index = self.file.add_operator_code(code)
        self.graph.operators.append(operator(index, inputs, [output], options))

    def operators(self):
        return [op_name(self.file.code(each)) for each in self.graph.operators]

    def answers(self):
        data = self.file.to_bytes()
        x = np.arange(72, dtype=np.float32).reshape(3, 6, 4)
        return [run(runtime, data, {"x": x})["y"] for runtime in runtimes()]


@pytest.mark.parametrize("sizes", [(None, 24), (2, 4, None, 3), (None, 6, 2, 2)])
def test_a_reshape_of_one_computed_size_has_a_constant_shape(sizes):
    made = Reshaping(sizes)
    simplify_reshapes(made.file)
    assert made.operators() == ["RESHAPE"]
    for old, new in zip(Reshaping(sizes).answers(), made.answers(), strict=True):
        np.testing.assert_array_equal(new, old)


@pytest.mark.parametrize("sizes", [(None, -1), (None, None, 8)])
def test_a_reshape_of_several_open_sizes_stays(sizes):
    made = Reshaping(sizes)
    simplify_reshapes(made.file)
    assert made.operators() == [*OF_SHAPES, "RESHAPE"]


@pytest.mark.parametrize("read", [0, 1, 2])
def test_shapes_that_something_else_reads_are_still_computed(read):
    made = Reshaping((None, 24), read)
    simplify_reshapes(made.file)
    assert made.operators() == [*OF_SHAPES[: read + 1], "RESHAPE"]
