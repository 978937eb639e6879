"""What makes TFLite files small, and that it changes no answer and no way to use them."""

import json
import zlib

import keras
import numpy as np
import pytest
from keras import layers
from tensorflow.lite.python import schema_py_generated as schema
from tflite_by_hand import symmetric

import tfqd
from tfqd.compressed import Probes
from tfqd.export.litert.flatbuffer import File, Op, Type, empty_file, op_name, operator
from tfqd.export.litert.reshapes import simplify_reshapes
from tfqd.export.litert.runtimes import run, runtimes
from tfqd.export.litert.stored_probes import described, restored

FILTERS, CHANNELS = 90, 100
# Of `residual_network`, as the converter writes it.
FLOAT_BYTES = 321_192
OF_SHAPES = ["SHAPE", "STRIDED_SLICE", "PACK"]


def bits_of(shape):
    return np.random.default_rng(0).integers(0, 2, shape).astype(np.float32)


def exported(model, path, spec=None, **options):
    """The quantized model, and the report of its file."""
    quantized = tfqd.quantize_model(model, spec or symmetric(4))
    return quantized, tfqd.export.tflite(quantized, path, **options).report


def assert_answers(path, quantized, inputs, atol=1e-6):
    """Both runtimes answer to inputs of zeros and ones, which kernels represent exactly."""
    expected = np.array(quantized(inputs))
    for runtime in runtimes():
        (answer,) = run(runtime, path.read_bytes(), {"x": inputs}).values()
        error = np.abs(answer - expected).max() / np.abs(expected).max()
        assert error <= atol, (runtime, error)


@pytest.mark.parametrize("prefer", ["speed", "size"])
@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize("sizes", [(8, 8), (7, 9), (None, None)])
def test_a_1x1_convolution_with_strides_is_a_product_of_some_pixels(
    prefer, padding, sizes, tmp_path
):
    image = keras.Input((*sizes, CHANNELS), name="x")
    layer = layers.Conv2D(FILTERS, 1, strides=2, padding=padding, activation="relu")
    path = tmp_path / "m.tflite"
    quantized, report = exported(keras.Model(image, layer(image)), path, prefer=prefer)
    assert report.operators == {"AVERAGE_POOL_2D": 1, "FULLY_CONNECTED": 1}
    assert report.weights[0].type == "int4"
    for batch, default in ((3, 8), (2, 11)):
        shape = (batch, *[size or default for size in sizes], CHANNELS)
        assert_answers(path, quantized, bits_of(shape))


def test_affine_1x1_convolutions_with_strides_need_no_patches(tmp_path):
    image = keras.Input((5, 7, 8), name="x")
    spec = tfqd.Uniform(bits=4, bucket_size=None, layout="channel")
    model = keras.Model(image, layers.Conv2D(6, 1, strides=(2, 1))(image))
    quantized, report = exported(model, tmp_path / "m.tflite", spec)
    assert "GATHER" not in report.operators
    assert_answers(tmp_path / "m.tflite", quantized, bits_of((3, 5, 7, 8)))


@pytest.mark.parametrize(("prefer", "type"), [("speed", "int8"), ("size", "int4")])
def test_a_small_1x1_convolution_with_strides_stays_a_convolution(prefer, type, tmp_path):
    image = keras.Input((8, 8, 32), name="x")
    model = keras.Model(image, layers.Conv2D(64, 1, strides=2)(image))
    _, report = exported(model, tmp_path / "m.tflite", prefer=prefer)
    assert report.operators == {"CONV_2D": 1}
    assert report.weights[0].type == type


def test_pixels_are_taken_apart_in_integers_too(tmp_path):
    image = keras.Input((8, 8, CHANNELS), name="x")
    model = keras.Model(image, layers.Conv2D(FILTERS, 1, strides=2)(image))
    path = tmp_path / "m.tflite"
    examples = bits_of((20, 8, 8, CHANNELS))
    quantized, report = exported(model, path, representative_dataset=examples)
    assert report.integer_activations
    assert {"AVERAGE_POOL_2D", "FULLY_CONNECTED"} < report.operators.keys()
    assert_answers(path, quantized, examples[:3], atol=0.02)


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
        np.testing.assert_allclose(answer[2], expected[2], rtol=1e-4)


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


def test_equal_tensors_and_options_take_the_room_of_one():
    def size(copies):
        file = empty_file()
        graph = file.graphs[0]
        graph.tensors += [_float([1, 40]) for _ in range(copies + 1)]
        index = file.add_operator_code(Op.SOFTMAX)
        for place in range(copies):
            options = schema.SoftmaxOptionsT()
            options.beta = 1.0
            graph.operators.append(operator(index, [place], [place + 1], options))
        graph.outputs = np.array([copies], np.int32)
        file.model.signatureDefs[0].outputs[0].tensorIndex = copies
        data = file.to_bytes()
        x = np.random.default_rng(0).normal(size=(1, 40)).astype(np.float32)
        for runtime in runtimes():
            (y,) = run(runtime, data, {"x": x}).values()
            assert y.sum() == pytest.approx(1)
        return len(data)

    # A list of one index, an operator and two places in lists of offsets.
    assert (size(20) - size(10)) / 10 <= 8 + 24 + 8


def _float(shape):
    tensor = schema.TensorT()
    tensor.shape, tensor.type = np.array(shape, np.int32), Type.FLOAT32
    return tensor


def test_tensors_are_called_what_the_signature_calls_them(tmp_path):
    image, more = keras.Input((8,), name="image"), keras.Input((8,), name="more")
    sums = layers.Add(name="sums")([layers.Dense(8)(image), more])
    model = keras.Model(
        {"image": image, "more": more}, {"sums": sums, "scores": layers.Dense(3)(sums)}
    )
    exported(model, tmp_path / "m.tflite")
    for interpreter in runtimes().values():
        made = interpreter(model_path=str(tmp_path / "m.tflite"))
        runner = made.get_signature_runner("serving_default")
        assert {details["name"] for details in made.get_input_details()} == {"image", "more"}
        for details in (runner.get_input_details(), runner.get_output_details()):
            assert all(entry["name"] == name for name, entry in details.items())


@pytest.mark.parametrize(
    ("dtype", "bytes_each"),
    [("float32", 2), ("float16", 2), ("int32", 4), ("uint8", 1), ("bool", 1)],
)
@pytest.mark.parametrize("repeats", [True, False])
def test_probes_come_back_as_they_were(dtype, bytes_each, repeats):
    shape = (2, 9, 9, 3)
    numbers = np.random.default_rng(0).uniform(0, 4, 61 if repeats else 486).astype(np.float16)
    array = np.resize(numbers, shape).astype(dtype)
    if dtype == "bool":
        array = np.resize(numbers > 2, shape)
    elif dtype == "float32" and not repeats:
        array = array * np.float32(1.001)  # as float16 has no number
    outputs = {"y": np.arange(6, dtype=np.float32).reshape(2, 3)}
    description, numbers = described(Probes({"x": array}, outputs))
    again = restored(json.loads(json.dumps(description)), numbers)
    assert again.inputs["x"].dtype == dtype
    np.testing.assert_array_equal(again.inputs["x"], array)
    np.testing.assert_array_equal(again.outputs["y"], outputs["y"].reshape(-1))
    assert len(numbers) == (61 * bytes_each if repeats else array.nbytes) + 6 * 2


@pytest.mark.parametrize(("tolerance", "told"), [(None, False), (0.2, True)])
def test_unusual_tolerances_are_told(tolerance, told, tmp_path):
    model = keras.Sequential([keras.Input((6,), name="x"), layers.Dense(4)])
    path = tmp_path / "m.tflite"
    exported(model, path, tolerance=tolerance)
    assert tfqd.export.verify(path).tolerance == (tolerance or 0.1)
    _, _, deflated = metadata_of(path).partition(b"\n")
    assert (b'"tolerance"' in zlib.decompress(deflated)) == told


def metadata_of(path):
    file = File(path.read_bytes())
    (entry,) = file.model.metadata
    return bytes(file.model.buffers[entry.buffer].data)


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-20], lambda data: b"[]\n", lambda data: b"x"]
)
def test_damaged_metadata_is_an_error_that_says_so(damage, tmp_path):
    model = keras.Sequential([keras.Input((6,), name="x"), layers.Dense(4)])
    path = tmp_path / "m.tflite"
    exported(model, path)
    file = File(path.read_bytes())
    buffer = file.model.buffers[file.model.metadata[0].buffer]
    buffer.data = damage(bytes(buffer.data))
    path.write_bytes(file.to_bytes())
    with pytest.raises(ValueError, match=r"m\.tflite is no export of tfqd, or damaged"):
        tfqd.export.verify(path)


def residual_network():
    """The layers of ResNet-8 for images of 32x32."""
    image = x = keras.Input((32, 32, 3), name="image")
    x = layers.Conv2D(16, 3, padding="same", activation="relu")(x)
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = layers.Conv2D(filters, 3, strides, "same", activation="relu")(x)
        y = layers.Conv2D(filters, 3, padding="same")(y)
        if strides == 2:
            x = layers.Conv2D(filters, 1, strides)(x)
        x = layers.Activation("relu")(layers.Add()([x, y]))
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    return keras.Model(image, layers.Dense(10, "softmax", name="scores")(x))


@pytest.mark.parametrize(("prefer", "ratio"), [("speed", 3.8), ("size", 7)])
def test_a_small_residual_network_of_4_bits_is_so_many_times_smaller(prefer, ratio, tmp_path):
    model = residual_network()
    quantized, report = exported(model, tmp_path / "q.tflite", prefer=prefer)
    assert FLOAT_BYTES / report.bytes > ratio
    # Batches of any size.
    for batch in (1, 5):
        images = bits_of((batch, 32, 32, 3))
        for runtime in runtimes():
            answer = run(runtime, (tmp_path / "q.tflite").read_bytes(), {"image": images})["scores"]
            np.testing.assert_allclose(answer, quantized(images), atol=0.05)
