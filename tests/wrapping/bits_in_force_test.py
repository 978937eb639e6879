"""Other bits than the spec's own, for a while."""

import keras
import numpy as np
import pytest

import tfqd

SPECS = [
    tfqd.Uniform(bits=2, bucket_size=16),
    tfqd.Uniform(bits=2, bucket_size=16, scaling="symmetric", layout="channel"),
    tfqd.Codebook(bits=2, bucket_size=16),
    tfqd.LearnedStep(bits=2, bucket_size=16),
]


@pytest.fixture
def model():
    keras.utils.set_random_seed(3)
    return keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(8, activation="relu"), keras.layers.Dense(3)]
    )


def with_bits(model, spec, bits):
    quantized = tfqd.quantize_model(model, spec)
    for entry in quantized.quantized_variables:
        entry.set_bits(bits)
    return quantized


X = np.random.default_rng(0).normal(size=(5, 6)).astype("float32")


@pytest.mark.parametrize("spec", SPECS)
def test_more_bits_round_to_a_uniform_grid_in_the_same_buckets(model, spec):
    finer = tfqd.Uniform(bits=5, bucket_size=16, scaling=spec.scaling, layout=spec.layout)
    expected = tfqd.quantize_model(model, finer)
    np.testing.assert_array_equal(with_bits(model, spec, 5)(X), expected(X))


@pytest.mark.parametrize("spec", SPECS)
def test_fewer_bits_than_its_own_are_its_own(model, spec):
    expected = tfqd.quantize_model(model, spec)
    np.testing.assert_array_equal(with_bits(model, spec, 1)(X), expected(X))


@pytest.mark.parametrize("spec", SPECS)
def test_none_is_the_float_model(model, spec):
    np.testing.assert_array_equal(with_bits(model, spec, None)(X), model(X))


@pytest.mark.parametrize("bits", [None, 5])
def test_what_is_compressed_is_what_the_forward_pass_computes(model, bits):
    quantized = with_bits(model, SPECS[2], bits)
    tensors = tfqd.compress(quantized).dequantize()
    for weights, plain in zip(tensors.values(), model.weights, strict=True):
        plain.assign(weights)
    np.testing.assert_array_equal(quantized(X), model(X))


@pytest.mark.parametrize("bits", [None, 5])
def test_a_saved_model_keeps_the_bits_in_force(model, bits, tmp_path):
    quantized = with_bits(model, SPECS[0], bits)
    quantized.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(reloaded(X), quantized(X))
    assert [entry.bits for entry in reloaded.quantized_variables] == [bits, bits]


ZEROS = {"scaling": "symmetric", "preserve_zeros": True}


@pytest.mark.parametrize(
    "spec",
    [
        tfqd.Codebook(bits=1, **ZEROS),
        tfqd.Codebook(bits=2, **ZEROS),
        tfqd.LearnedStep(bits=2, **ZEROS),
        tfqd.Uniform(bits=2, **ZEROS),
    ],
)
def test_one_bit_is_its_own_of_a_spec_that_keeps_zeros(model, spec, tmp_path):
    quantized = with_bits(model, spec, 1)
    assert [entry.bits for entry in quantized.quantized_variables] == [spec.bits] * 2
    quantized.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(reloaded(X), quantized(X))


@pytest.mark.parametrize("bits", [0, 9, 2.5, True])
def test_bits_that_are_none_are_refused(model, bits):
    (entry, _) = tfqd.quantize_model(model, SPECS[0]).quantized_variables
    with pytest.raises(ValueError, match="bits must be an integer from 1 to 8"):
        entry.set_bits(bits)


def test_a_quantizer_layer_uses_the_bits_in_force():
    layer = tfqd.layers.Quantizer(tfqd.Uniform(bits=2))
    kernel = keras.Variable(np.linspace(-1, 1, 50, dtype="float32"))
    assert len(np.unique(layer(kernel))) == 4
    (entry,) = layer.quantized_variables
    entry.set_bits(3)
    assert len(np.unique(layer(kernel))) == 8
    entry.set_bits(None)
    np.testing.assert_array_equal(layer(kernel), kernel)


@pytest.mark.parametrize("bits", [None, 5])
def test_a_saved_wrapper_keeps_the_bits_in_force(bits, tmp_path):
    wrapper = tfqd.layers.QuantizeWrapper(keras.layers.LSTM(3), tfqd.Codebook(bits=2))
    model = keras.Sequential([keras.Input((2, 3)), wrapper])
    wrapper.quantized_variables[0].set_bits(bits)
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    assert [e.bits for e in reloaded.layers[-1].quantized_variables] == [bits, 2]
    x = X.reshape(5, 2, 3)
    np.testing.assert_array_equal(reloaded(x), model(x))


@keras.saving.register_keras_serializable(package="tfqd_tests")
class Scaling(keras.layers.Layer):
    """Multiplies by weights that a layer of its own configuration quantizes."""

    def __init__(self, quantizer, **kwargs):
        super().__init__(**kwargs)
        self.quantizer = quantizer

    def build(self, input_shape):
        self.factors = self.add_weight(shape=(input_shape[-1],), initializer="normal")
        self.quantizer(self.factors)

    def call(self, x):
        return x * self.quantizer(self.factors)

    def get_config(self):
        quantizer = keras.saving.serialize_keras_object(self.quantizer)
        return {**super().get_config(), "quantizer": quantizer}

    @classmethod
    def from_config(cls, config):
        quantizer = keras.saving.deserialize_keras_object(config.pop("quantizer"))
        return cls(quantizer, **config)


@pytest.mark.parametrize("bits", [None, 2, 5])
def test_a_saved_quantizer_layer_keeps_the_bits_in_force(bits, tmp_path):
    layer = tfqd.layers.Quantizer(tfqd.Codebook(bits=2))
    model = keras.Sequential([keras.Input((6,)), Scaling(layer)])
    layer.quantized_variables[0].set_bits(bits)
    model.save(tmp_path / "model.keras")
    reloaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_array_equal(reloaded(X), model(X))
    assert [e.bits for e in reloaded.layers[-1].quantizer.quantized_variables] == [bits]
