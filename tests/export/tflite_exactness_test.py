"""A running TFLite file computes with the trained weights: they are read back from it.

Inputs of a single one make an answer of each weight. The kernels' int8 activations
represent 0 and 1 exactly, so what is left is float32 rounding.
"""

from typing import NamedTuple

import keras
import numpy as np
import pytest
from keras import layers

import tfqd
from tfqd.export.litert.checking.runtimes import run, runtimes

RUNTIMES = ["tf.lite", "ai-edge-litert"]


class Mode(NamedTuple):
    """A way in which weights are quantized and stored.

    spec: how they are quantized.
    type: what they are to get in the file.
    options: of the export.
    """

    spec: tfqd.Uniform | tfqd.Codebook | tfqd.LearnedStep
    type: str
    options: dict = {}  # noqa: RUF012, named tuples' defaults are not changed


def channel(bits, bucket_size=None, **options):
    return tfqd.Uniform(bits=bits, bucket_size=bucket_size, layout="channel", **options)


def symmetric(bits, bucket_size=None):
    return channel(bits, bucket_size, scaling="symmetric")


def grid(name, bits):
    return tfqd.Codebook(
        bits=bits, bucket_size=None, layout="channel", scaling="symmetric", grid=name
    )


DENSE = {
    "8 bits": Mode(symmetric(8), "int8"),
    "5 bits": Mode(symmetric(5), "int8"),
    "4 bits": Mode(symmetric(4), "int4"),
    "2 bits": Mode(symmetric(2), "int4"),
    "2 bits as such": Mode(symmetric(2), "int2", {"int2": True}),
    "1 bit": Mode(symmetric(1), "int4"),
    "buckets": Mode(symmetric(4, 32), "int4"),
    "buckets on the grid of kernels": Mode(tfqd.presets.deployable(4, bucket_size=32), "int4"),
    "buckets of 8 bits": Mode(symmetric(8, 32), "int8"),
    "buckets that do not divide the inputs": Mode(symmetric(4, 48), "int4"),
    "affine": Mode(channel(4), "int4"),
    "affine of 8 bits": Mode(channel(8), "int8"),
    "affine buckets": Mode(channel(4, 32), "int4"),
    "affine buckets of 2 bits": Mode(channel(2, 32), "int4"),
    "affine buckets that do not divide the inputs": Mode(channel(4, 48), "int4"),
    "learned steps": Mode(tfqd.LearnedStep(bits=4, layout="channel"), "int4"),
    "learned affine steps": Mode(
        tfqd.LearnedStep(bits=3, layout="channel", scaling="affine"), "int4"
    ),
    "codebook on int8": Mode(grid("int8", 4), "int8"),
    "codebook on int4": Mode(grid("int4", 3), "int4"),
}


def exported(model, mode, path):
    """The quantized kernel, and the file's bytes, with nothing in it but the kernel."""
    quantized = tfqd.quantize_model(model, mode.spec)
    result = tfqd.export.tflite(quantized, path, **mode.options)
    (row,) = result.report.weights
    assert row.type == mode.type, row
    (kernel,) = tfqd.compress(quantized).dequantize().values()
    return kernel, path.read_bytes()


def read_back(data, inputs):
    """runtime -> what a file answers to inputs of the name x."""
    assert list(runtimes()) == RUNTIMES
    return {name: next(iter(run(name, data, {"x": inputs}).values())) for name in RUNTIMES}


def assert_exact(answers, expected):
    for runtime, answer in answers.items():
        error = np.abs(answer - expected).max() / np.abs(expected).max()
        assert error <= 1e-6, (runtime, error)


@pytest.mark.parametrize("name", DENSE)
def test_fully_connected_weights(name, tmp_path):
    model = keras.Sequential([keras.Input((96,), name="x"), layers.Dense(10, use_bias=False)])
    kernel, data = exported(model, DENSE[name], tmp_path / "m.tflite")
    assert_exact(read_back(data, np.eye(96, dtype=np.float32)), kernel)


@pytest.mark.parametrize("prefer", ["speed", "size"])
@pytest.mark.parametrize(
    ("window", "spec"),
    [
        (1, symmetric(4)),
        (1, symmetric(8)),
        (3, symmetric(4)),
        (3, symmetric(8)),
        (3, channel(4)),
        (3, symmetric(4, 32)),
        (3, channel(3, 32)),
    ],
)
def test_convolution_weights(window, spec, prefer, tmp_path):
    size = window * window * 6
    image = keras.Input((window, window, 6), name="x")
    model = keras.Model(image, layers.Conv2D(10, window, use_bias=False)(image))
    as_product = window == 1 or prefer == "size" or spec != symmetric(4)
    type = "int8" if spec.bits == 8 or not as_product else "int4"
    mode = Mode(spec, type, {"prefer": prefer})
    kernel, data = exported(model, mode, tmp_path / "m.tflite")
    one_hot = np.eye(size, dtype=np.float32).reshape(size, window, window, 6)
    assert_exact(read_back(data, one_hot), kernel.reshape(size, 1, 1, 10))


@pytest.mark.parametrize("padding", ["same", "valid"])
@pytest.mark.parametrize(("strides", "dilation"), [(1, 1), (2, 1), (1, 2)])
def test_convolutions_as_patches_see_what_convolutions_see(padding, strides, dilation, tmp_path):
    image = keras.Input((7, 8, 3), name="x")
    convolution = layers.Conv2D(
        5, (3, 2), padding=padding, strides=strides, dilation_rate=dilation, activation="relu"
    )
    quantized = tfqd.quantize_model(keras.Model(image, convolution(image)), channel(4))
    path = tmp_path / "m.tflite"
    (row,) = tfqd.export.tflite(quantized, path).report.weights
    assert "as patches" in row.reason
    # Whatever a patch shows of them, zeros and ones are exact.
    bits = np.random.default_rng(0).integers(0, 2, (2, 7, 8, 3)).astype(np.float32)
    assert_exact(read_back(path.read_bytes(), bits), np.array(quantized(bits)))


def test_large_convolutions_become_patches_where_size_counts(tmp_path):
    image = keras.Input((3, 3, 72), name="x")
    model = keras.Model(image, layers.Conv2D(72, 3, use_bias=False)(image))
    kernel, data = exported(
        model, Mode(symmetric(4), "int4", {"prefer": "size"}), tmp_path / "m.tflite"
    )
    assert len(data) < 72 * 72 * 9 / 2 + 6000
    bits = np.random.default_rng(0).integers(0, 2, (4, 3, 3, 72)).astype(np.float32)
    expected = bits.reshape(4, -1).astype(np.float64) @ kernel.reshape(-1, 72)
    assert_exact(read_back(data, bits), expected.reshape(4, 1, 1, 72))


OTHERS = {
    "depthwise": layers.DepthwiseConv2D(3, depth_multiplier=2, use_bias=False),
    "transposed": layers.Conv2DTranspose(4, 3, strides=2, use_bias=False),
    "grouped": layers.Conv2D(4, 3, groups=2, use_bias=False),
}


@pytest.mark.parametrize("name", OTHERS)
def test_weights_of_other_convolutions(name, tmp_path):
    image = keras.Input((5, 5, 2), name="x")
    model = keras.Model(image, OTHERS[name](image))
    quantized = tfqd.quantize_model(model, symmetric(4))
    tfqd.export.tflite(quantized, tmp_path / "m.tflite")
    one_hot = np.eye(50, dtype=np.float32).reshape(50, 5, 5, 2)
    answers = read_back((tmp_path / "m.tflite").read_bytes(), one_hot)
    assert_exact(answers, np.array(quantized(one_hot)))


@pytest.mark.parametrize(("bits", "type"), [(8, "int8"), (4, "int4"), (3, "int4"), (2, "int4")])
@pytest.mark.parametrize("shape", [(), (4,), (None,), (None, 2)])
def test_embeddings(bits, type, shape, tmp_path):
    words = keras.Input(shape, dtype="int32", name="x")
    model = keras.Model(words, layers.Embedding(40, 6)(words))
    table, data = exported(model, Mode(symmetric(bits), type), tmp_path / "m.tflite")
    indices = np.arange(40, dtype=np.int32).reshape(
        -1, *[size or 2 for size in shape][: len(shape)]
    )
    assert_exact(read_back(data, indices), table[indices])


@pytest.mark.parametrize(("bits", "type"), [(8, "int8"), (4, "int4")])
def test_affine_weights_of_which_a_normalization_turns_some_about(bits, type, tmp_path):
    x = keras.Input((96,), name="x")
    normalization = layers.BatchNormalization()
    model = keras.Model(x, normalization(layers.Dense(10, use_bias=False)(x)))
    normalization.gamma.assign(np.linspace(-1, 2, 10))
    quantized = tfqd.quantize_model(model, channel(bits))
    path = tmp_path / "m.tflite"
    (row,) = tfqd.export.tflite(quantized, path).report.weights
    assert row.type == type
    one_hot = np.eye(96, dtype=np.float32)
    assert_exact(read_back(path.read_bytes(), one_hot), np.asarray(quantized(one_hot)))


@pytest.mark.parametrize("layout", ["channel", "flat"])
def test_embeddings_of_odd_width_lie_in_8_bits(layout, tmp_path):
    words = keras.Input((), dtype="int32", name="x")
    spec = tfqd.Uniform(bits=4, bucket_size=None, layout=layout, scaling="symmetric")
    quantized = tfqd.quantize_model(keras.Model(words, layers.Embedding(40, 5)(words)), spec)
    (row,) = tfqd.export.tflite(quantized, tmp_path / "m.tflite").report.weights
    assert row.type == "int8"
    assert "rows of odd width do not begin at bytes in INT4" in row.reason


def test_buckets_on_the_grid_of_kernels_are_one_operator(tmp_path):
    model = keras.Sequential([keras.Input((96,)), layers.Dense(10)])
    quantized = tfqd.quantize_model(model, tfqd.presets.deployable(4, bucket_size=32))
    report = tfqd.export.tflite(quantized, tmp_path / "m.tflite").report
    assert report.operators == {"FULLY_CONNECTED": 1}
    assert "one scale for 32 inputs" in report.weights[0].reason


@pytest.mark.parametrize(
    "spec",
    [
        tfqd.Codebook(bits=4, bucket_size=None),
        tfqd.Codebook(bits=3, bucket_size=None, layout="channel"),
        tfqd.Codebook(
            bits=2, bucket_size=None, layout="channel", channels_per_codebook=1, points=3
        ),
    ],
)
@pytest.mark.parametrize("kind", ["dense", "convolution"])
def test_float_codebooks_are_looked_up_where_size_counts(spec, kind, tmp_path):
    shape, layer = {
        "dense": ((193,), layers.Dense(160, use_bias=False)),
        "convolution": ((3, 3, 23), layers.Conv2D(160, 3, use_bias=False)),
    }[kind]
    x = keras.Input(shape, name="x")
    mode = Mode(spec, "codebook", {"prefer": "size"})
    kernel, data = exported(keras.Model(x, layer(x)), mode, tmp_path / "m.tflite")
    assert len(data) < 0.45 * kernel.nbytes
    inputs = kernel.size // 160
    one_hot = np.eye(inputs, dtype=np.float32).reshape(inputs, *shape)
    answers = read_back(data, one_hot)
    assert_exact(answers, kernel.reshape(answers["tf.lite"].shape))


def test_a_normalization_that_was_folded_scales_the_channels(tmp_path):
    image = keras.Input((3, 3, 4), name="x")
    normalized = layers.BatchNormalization()
    model = keras.Model(image, normalized(layers.Conv2D(8, 3, use_bias=False)(image)))
    factors = np.array([0.5, -2, 1, 0, 3, -0.25, 1e-3, 7], np.float32)
    normalized.gamma.assign(factors)
    quantized = tfqd.quantize_model(model, symmetric(4))
    for prefer, type in (("speed", "int8"), ("size", "int4")):
        path = tmp_path / f"{prefer}.tflite"
        (row,) = tfqd.export.tflite(quantized, path, prefer=prefer).report.weights
        assert row.type == type
        one_hot = np.eye(36, dtype=np.float32).reshape(36, 3, 3, 4)
        assert_exact(read_back(path.read_bytes(), one_hot), np.array(quantized(one_hot)))
