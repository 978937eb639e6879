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
from tfqd.export.litert.checking.fixed_point import multiplied, multiplied_once

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


def integers_of(path, kernels="reference"):
    """What LiteRT answers to the images, integers in and out."""
    interpreter = Interpreter(str(path), experimental_op_resolver_type=RESOLVERS[kernels])
    (given_,), (asked,) = interpreter.get_input_details(), interpreter.get_output_details()
    interpreter.resize_tensor_input(given_["index"], IMAGES.shape)
    interpreter.allocate_tensors()
    scale, zero = given_["quantization"]
    integers = np.clip(np.rint(IMAGES / scale) + zero, -128, 127).astype(np.int8)
    interpreter.set_tensor(given_["index"], integers)
    interpreter.invoke()
    return interpreter.get_tensor(asked["index"])


@pytest.mark.parametrize("name", [*LAYERS, *OF_TWO])
def test_it_is_the_kernels_to_the_integer(name, tmp_path):
    path = tmp_path / "m.tflite"
    tfqd.export.tflite(quantized(model_of(name)), path, io_dtype="int8", probes=IMAGES[:4])
    for kernels in RESOLVERS:
        (simulated,) = tfqd.export.simulate_integer(path, IMAGES, kernels).values()
        assert simulated.dtype == np.int8
        assert len(np.unique(simulated)) > 50
        np.testing.assert_array_equal(simulated, integers_of(path, kernels), err_msg=kernels)


@pytest.mark.parametrize("bits", [8, 4])
def test_a_whole_model_is_the_kernels_but_for_the_softmax_of_reference_ones(bits, tmp_path):
    path = tmp_path / "m.tflite"
    tfqd.export.tflite(quantized(bits=bits), path, io_dtype="int8", probes=IMAGES[:4])
    (simulated,) = tfqd.export.simulate_integer(path, {"image": IMAGES}).values()
    apart = np.abs(simulated.astype(int) - integers_of(path))
    assert apart.max() <= 1
    assert (apart == 0).mean() >= 0.99
    (simulated,) = tfqd.export.simulate_integer(path, IMAGES, kernels="xnnpack").values()
    np.testing.assert_array_equal(simulated, integers_of(path, "xnnpack"))


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
