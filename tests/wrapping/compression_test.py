"""`compress`: the weights of the quantized forward pass, bit for bit."""

import keras
import numpy as np
import pytest
from keras import layers

import tfqd

SPECS = {
    "uniform": tfqd.Uniform(bits=3, bucket_size=7),
    "uniform, symmetric": tfqd.Uniform(bits=4, scaling="symmetric", bucket_size=None),
    "uniform, channel": tfqd.Uniform(bits=5, layout="channel", bucket_size=4),
    "uniform, clip": tfqd.Uniform(bits=2, clip=0.3),
    "stochastic": tfqd.Uniform(bits=3, rounding="stochastic"),
    "codebook": tfqd.Codebook(bits=3, bucket_size=16),
    "codebook, symmetric channel": tfqd.Codebook(
        bits=2, scaling="symmetric", layout="channel", bucket_size=None
    ),
    "codebook of ten points": tfqd.Codebook(bits=4, points=10, init="kmeans"),
    "codebooks of channels": tfqd.Codebook(
        bits=2, layout="channel", bucket_size=4, channels_per_codebook=2
    ),
    "codebook of integers": tfqd.Codebook(
        bits=3, layout="channel", bucket_size=None, scaling="symmetric", grid="int8"
    ),
    "codebook, one bit": tfqd.Codebook(bits=1, init="uniform"),
    "learned step": tfqd.LearnedStep(bits=3),
    "learned step, affine": tfqd.LearnedStep(bits=4, bucket_size=16, scaling="affine"),
    "learned step, channel": tfqd.LearnedStep(bits=1, layout="channel"),
}


@pytest.fixture(autouse=True)
def _seed():
    keras.utils.set_random_seed(0)


def dense_model():
    return keras.Sequential([keras.Input((9,)), layers.Dense(6, use_bias=False)])


def conv_model():
    """A convolution that reads its kernel out of a one-hot image."""
    return keras.Sequential(
        [keras.Input((3, 3, 2)), layers.Conv2D(5, 3, padding="valid", use_bias=False)]
    )


def used_dense_kernel(model):
    return np.array(model(np.eye(9, dtype="float32")))


def used_conv_kernel(model):
    images = np.eye(18, dtype="float32").reshape(18, 3, 3, 2)
    return np.array(model(images)).reshape(3, 3, 2, 5)


def trained(quantized):
    """Moves weights and points off the places where they started."""
    quantized.compile(keras.optimizers.Adam(0.05), "mse", jit_compile=False)
    shape = quantized.model.input_shape[1:]
    x = np.random.default_rng(1).normal(size=(16, *shape)).astype("float32")
    y = np.ones((16, *quantized.model.output_shape[1:]), "float32")
    quantized.fit(x, y, batch_size=8, epochs=2, verbose=0)
    return quantized


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(
    ("build", "used_kernel"), [(dense_model, used_dense_kernel), (conv_model, used_conv_kernel)]
)
def test_dequantized_weights_are_those_of_the_forward_pass_bit_for_bit(build, used_kernel, spec):
    quantized = trained(tfqd.quantize_model(build(), SPECS[spec]))
    (tensor,) = tfqd.compress(quantized).quantized.values()
    used = used_kernel(quantized)
    assert tensor.dequantize().dtype == np.float32
    np.testing.assert_array_equal(tensor.dequantize(), used)
    np.testing.assert_array_equal(tfqd.strip_quantization(quantized).get_weights()[0], used)
    assert len(np.unique(tensor.codes)) <= SPECS[spec].levels


@pytest.mark.parametrize("spec", ["uniform", "codebook"])
def test_compiled_graph_uses_the_same_weights_bit_for_bit(spec):
    quantized = tfqd.quantize_model(dense_model(), SPECS[spec])
    (tensor,) = tfqd.compress(quantized).quantized.values()
    used = quantized.predict(np.eye(9, dtype="float32"), verbose=0)
    np.testing.assert_array_equal(tensor.dequantize(), used)


def test_trained_points_are_stored_ascending_and_no_longer_evenly_spaced():
    quantized = trained(tfqd.quantize_model(dense_model(), SPECS["codebook"]))
    (tensor,) = tfqd.compress(quantized).quantized.values()
    steps = np.diff(tensor.points)
    assert (steps >= 0).all()
    assert steps.max() > 1.2 * steps.min()


def mixed_model():
    x = keras.Input((8, 3), name="x")
    y = layers.BatchNormalization()(layers.Conv1D(4, 3, bias_initializer="normal")(x))
    y = layers.Bidirectional(layers.GRU(3))(y)
    return keras.Model(x, layers.Dense(2)(y))


def test_every_weight_is_there_in_the_order_of_the_model():
    model = mixed_model()
    compressed = tfqd.compress(tfqd.quantize_model(model, tfqd.Uniform(bits=4)))
    assert list(compressed.tensors) == [weight.path for weight in model.weights]
    assert [t.shape for t in compressed.tensors.values()] == [tuple(w.shape) for w in model.weights]
    assert all(path.endswith("kernel") for path in compressed.quantized)
    own = {weight.path: weight.numpy() for weight in model.weights}
    for path, array in compressed.rest.items():
        np.testing.assert_array_equal(array, own[path])


def test_plain_model_is_made_again_from_the_compressed_form_alone():
    quantized = tfqd.quantize_model(mixed_model(), tfqd.Codebook(bits=3))
    compressed = tfqd.compress(quantized)
    plain = keras.saving.deserialize_keras_object(compressed.architecture)
    plain.set_weights(list(compressed.dequantize().values()))
    x = np.random.default_rng(0).normal(size=(4, 8, 3)).astype("float32")
    np.testing.assert_array_equal(plain(x), quantized(x))


def test_post_training_quantization_rounds_to_the_nearest_level():
    model = dense_model()
    spec = tfqd.Uniform(bits=4, bucket_size=None)
    (tensor,) = tfqd.compress(tfqd.quantize_model(model, spec)).quantized.values()
    kernel = model.get_weights()[0]
    step = (kernel.max() - kernel.min()) / 15
    nearest = np.round((kernel - kernel.min()) / step) * step + kernel.min()
    np.testing.assert_allclose(tensor.dequantize(), nearest, atol=1e-6)


def test_same_paths_in_nested_models_are_told_apart():
    def block():
        x = keras.Input((6,))
        return keras.Model(x, layers.Dense(6, name="dense")(x), name="block")

    x = keras.Input((6,))
    first, second = block(), block()
    second.name = "block_2"
    model = keras.Model(x, second(first(x)))
    quantized = tfqd.quantize_model(model, tfqd.Codebook(bits=4))
    compressed = tfqd.compress(quantized)
    assert len(compressed.tensors) == 4
    stripped = tfqd.strip_quantization(quantized)
    for array, weight in zip(compressed.dequantize().values(), stripped.weights, strict=True):
        np.testing.assert_array_equal(array, weight)


def test_wrappers_and_nested_wrappers_compress_like_the_plain_model():
    wrap = tfqd.layers.QuantizeWrapper
    block = keras.Sequential([keras.Input((8,)), wrap(layers.Dense(8), SPECS["codebook"])])
    model = keras.Sequential(
        [keras.Input((8,)), block, layers.ReLU(), wrap(layers.Dense(3), SPECS["uniform"])]
    )
    compressed, stripped = tfqd.compress(model), tfqd.strip_quantization(model)
    assert [tensor.bits for tensor in compressed.quantized.values()] == [3, 3]
    assert list(compressed.tensors) == [weight.path for weight in stripped.weights]
    for array, weight in zip(compressed.dequantize().values(), stripped.weights, strict=True):
        np.testing.assert_array_equal(array, weight)
    plain = keras.saving.deserialize_keras_object(compressed.architecture)
    assert [w.shape for w in plain.weights] == [w.shape for w in stripped.weights]


class Projects(keras.Model):
    """Quantizes its own kernel."""

    def build(self, input_shape):
        self.kernel = self.add_weight(shape=(input_shape[-1], 3), name="kernel")
        self.offset = self.add_weight(shape=(3,), name="offset", initializer="ones")
        self.quantizer = tfqd.layers.Quantizer(SPECS["codebook"])
        self.quantizer(self.kernel)

    def call(self, x):
        return x @ self.quantizer(self.kernel) + self.offset


def test_model_with_quantizers_of_its_own_compresses_without_an_architecture():
    model = Projects()
    used = np.array(model(np.eye(9, dtype="float32"))) - 1.0
    compressed = tfqd.compress(model)
    assert list(compressed.tensors) == [model.kernel.path, model.offset.path]
    assert compressed.architecture is None
    assert "makes tfqd's layer" in compressed.no_architecture
    np.testing.assert_allclose(
        compressed.quantized[model.kernel.path].dequantize(), used, atol=1e-6
    )


def test_size_report_reads_models_and_compressed_models_alike():
    quantized = tfqd.quantize_model(dense_model(), tfqd.Uniform(bits=4, bucket_size=None))
    report = tfqd.size_report(quantized).to_dict()
    assert report == tfqd.size_report(tfqd.compress(quantized)).to_dict()
    # 54 weights of 4 bits are 27 bytes, one bucket has 8 bytes of scale and offset.
    assert report["total"]["float_bytes"] == 4 * 54
    assert report["total"]["fixed_bytes"] == 27 + 8
