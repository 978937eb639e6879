"""The simulation of a file of integers against the reference kernels, integer for integer."""

import fractions

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from hypothesis import given
from hypothesis import strategies as st
from integer_models import IMAGES, quantized
from keras import layers

import tfqd
from tfqd.export.litert.checking.fixed_point import multiplied, multiplied_once, multiplied_wide
from tfqd.export.litert.file.flatbuffer import File

LAYERS = {
    "convolution": [layers.Conv2D(6, 3, strides=2, padding="same"), layers.ReLU()],
    "transposed": [layers.Conv2DTranspose(4, 3, strides=2), layers.ReLU()],
    "depthwise": [layers.Cropping2D(1), layers.DepthwiseConv2D(3, depth_multiplier=2)],
    "one dimension": [layers.Reshape((8, 24)), layers.Conv1D(6, 3), layers.ReLU()],
    "dense": [layers.Flatten(), layers.Dense(6), layers.BatchNormalization()],
    "pooled": [layers.MaxPooling2D(2, padding="same"), layers.ReLU(6.0), layers.Dense(5)],
    "averaged": [layers.Conv2D(4, 3), layers.AveragePooling2D(3, 2, padding="same")],
    "mean": [layers.Conv2D(4, 3), layers.ZeroPadding2D(), layers.GlobalAveragePooling2D()],
    "mean of one size": [layers.Conv2D(4, 3), layers.GlobalAveragePooling2D(keepdims=True)],
    "sigmoid": [layers.Conv2D(4, 3, activation="sigmoid"), layers.Conv2D(4, 1)],
    "tanh": [layers.Conv2D(4, 3), layers.Activation("tanh"), layers.Permute((2, 1, 3))],
}


def of_two(operation):
    image = keras.Input((8, 8, 3), name="image")
    pair = [layers.Conv2D(4, 3)(image), layers.Conv2D(4, 3, activation="relu")(image)]
    return keras.Model(image, layers.ReLU()(operation()(pair)))


# What LiteRT runs by each way of computing.
RESOLVERS = {"reference": OpResolverType.BUILTIN_REF, "xnnpack": OpResolverType.BUILTIN}
OF_TWO = {each.__name__: each for each in (layers.Add, layers.Subtract, layers.Multiply)}
OF_TWO["Concatenate"] = layers.Concatenate


def model_of(name):
    if name in OF_TWO:
        return of_two(OF_TWO[name])
    parts = [each.__class__.from_config(each.get_config()) for each in LAYERS[name]]
    return keras.Sequential([keras.Input((8, 8, 3), name="image"), *parts])


def answers_of(path, resolver):
    """LiteRT's answers to the images, and these as the file takes them: integers, or floats."""
    interpreter = Interpreter(str(path), experimental_op_resolver_type=resolver)
    (given_,) = interpreter.get_input_details()
    interpreter.resize_tensor_input(given_["index"], IMAGES.shape)
    interpreter.allocate_tensors()
    inputs, (scale, zero) = IMAGES, given_["quantization"]
    if scale:
        limits = np.iinfo(given_["dtype"])
        inputs = np.clip(np.rint(IMAGES / scale) + zero, limits.min, limits.max)
    inputs = inputs.astype(given_["dtype"])
    interpreter.set_tensor(given_["index"], inputs)
    interpreter.invoke()
    outputs = interpreter.get_output_details()
    return {each["name"]: interpreter.get_tensor(each["index"]) for each in outputs}, inputs


def assert_is_the_kernels(path, least=50):
    """The simulation of a file gives what LiteRT gives to integers."""
    for kernels, resolver in RESOLVERS.items():
        expected, integers = answers_of(path, resolver)
        simulated = tfqd.export.simulate_integer(path, integers, kernels=kernels)
        assert simulated.keys() == expected.keys()
        for name, answer in expected.items():
            assert simulated[name].dtype == answer.dtype
            assert len(np.unique(answer)) > least
            np.testing.assert_array_equal(simulated[name], answer, err_msg=f"{kernels} {name}")


@pytest.mark.parametrize("bits", [8, 16])
def test_it_is_the_kernels_to_the_integer(bits, tmp_path):
    path = tmp_path / "m.tflite"
    image = keras.Input((8, 8, 3), name="image")
    answers = {name.replace(" ", "_"): model_of(name)(image) for name in [*LAYERS, *OF_TWO]}
    model = quantized(keras.Model(image, answers), bits=bits)
    tfqd.export.tflite(model, path, io_dtype=f"int{bits}", probes=IMAGES[:4])
    assert_is_the_kernels(path)


@pytest.mark.parametrize("bits", [16, 8, 4])
def test_a_whole_model_is_the_kernels(bits, tmp_path):
    path = tmp_path / "m.tflite"
    keras.utils.set_random_seed(0)
    dtype = f"int{max(bits, 8)}"
    tfqd.export.tflite(quantized(bits=bits), path, io_dtype=dtype, probes=IMAGES[:4])
    assert_is_the_kernels(path, least=2)


def test_floats_are_rounded_as_the_kernels_round_them(tmp_path):
    path = tmp_path / "m.tflite"
    tfqd.export.tflite(quantized(model_of("dense"), bits=16), path)
    file = File(path.read_bytes())
    graph = file.graphs[0]
    (scale,) = graph.tensors[graph.operators[-1].inputs[0]].quantization.scale
    for kernels, resolver in RESOLVERS.items():
        (answer,) = answers_of(path, resolver)[0].values()
        (simulated,) = tfqd.export.simulate_integer(path, IMAGES, kernels=kernels).values()
        assert simulated.dtype == np.int16
        np.testing.assert_array_equal(simulated, np.rint(answer / scale), err_msg=kernels)


def test_files_that_take_and_give_floats_have_the_same_integers(tmp_path):
    found = []
    model = quantized(model_of("dense"))
    for io_dtype in ("int8", "float32"):
        tfqd.export.tflite(model, tmp_path / "m.tflite", io_dtype=io_dtype)
        found += tfqd.export.simulate_integer(tmp_path / "m.tflite", IMAGES).values()
    np.testing.assert_array_equal(*found)


@given(
    st.integers(-(2**30), 2**30),
    st.floats(1e-7, 0.999, allow_subnormal=False),
)
def test_products_are_within_a_unit_of_exact_ones(x, factor):
    exact = fractions.Fraction(x) * fractions.Fraction(factor)
    (twice,) = multiplied(np.array([x]), factor)
    (once,) = multiplied_once(np.array([x]), factor)
    assert abs(int(twice) - exact) <= 1
    # The mantissa has 31 bits, x up to 30.
    assert abs(int(once) - exact) <= fractions.Fraction(3, 4)


@given(
    st.integers(-(2**40), 2**40),
    st.floats(1e-7, 0.999, allow_subnormal=False),
)
def test_wide_products_have_15_bits_of_the_factor(x, factor):
    exact = fractions.Fraction(x) * fractions.Fraction(factor)
    (product,) = multiplied_wide(np.array([x]), factor)
    assert abs(int(product) - exact) <= fractions.Fraction(1, 2) + abs(exact) / 2**14


def test_products_round_halves_away_from_zero_as_worked_by_hand():
    x = np.array([3, -3, 5, -5, 1, -1, 2**20])
    # Halves of odd numbers: 1.5 -> 2, and -1.5 -> -2 after both roundings.
    np.testing.assert_array_equal(multiplied(x, 0.5), [2, -1, 3, -2, 1, 0, 2**19])


def test_other_files_and_inputs_are_refused(tmp_path):
    path = tmp_path / "m.tflite"
    model = quantized(model_of("dense"))
    tfqd.export.tflite(model, path)
    with pytest.raises(ValueError, match="inputs must be arrays for image; got"):
        tfqd.export.simulate_integer(path, {"picture": IMAGES})
    with pytest.raises(ValueError, match="kernels must be one of 'reference', 'xnnpack'; got 'r'"):
        tfqd.export.simulate_integer(path, IMAGES, kernels="r")
    tfqd.export.tflite(tfqd.quantize_model(model_of("dense"), 8), path)
    with pytest.raises(ValueError, match="floats"):
        tfqd.export.simulate_integer(path, IMAGES)
