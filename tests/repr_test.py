"""What is seen of the library's objects at the prompt: one line each."""

import keras
import pytest
import tf_keras

import tfqd
from tfqd.allocation import Allocation, Share


@pytest.fixture(scope="module")
def quantized():
    layers = [keras.Input((8,)), keras.layers.Dense(4, name="a"), keras.layers.Dense(2, name="b")]
    model = keras.Sequential(layers, name="small")
    return tfqd.quantize_model(model, {"a/kernel": 2})


def test_a_quantized_model_tells_what_is_quantized_and_how(quantized):
    specs = "1 variables quantized by Uniform(bits=2)"
    assert repr(quantized) == f"<QuantizedModel 'small': {specs}>"


def test_a_quantized_tf_keras_model_tells_the_same():
    layers = [tf_keras.layers.Dense(4, name="a"), tf_keras.layers.Dense(2, name="b")]
    model = tf_keras.Sequential([tf_keras.Input((8,)), *layers], name="small")
    told = repr(tfqd.quantize_model(model, {"a/kernel": 2}))
    assert told == "<QuantizedSequential 'small': 1 variables quantized by Uniform(bits=2)>"


def test_a_compressed_model_counts_its_tensors(quantized):
    compressed = tfqd.compress(quantized)
    assert repr(compressed) == "<CompressedModel of keras: 1 quantized tensors, 3 float>"
    (tensor,) = compressed.quantized.values()
    assert repr(tensor) == "<QuantizedTensor of shape (8, 4): 4 levels in 2 bits, 1 buckets>"


def test_an_allocation_counts_its_tensors_bits_and_bytes():
    shares = [
        Share("a/kernel", 300, tfqd.Uniform(bits=4)),
        Share("b/kernel", 100, tfqd.Uniform(bits=2)),
    ]
    told = "<Allocation of 2 tensors: 3.50 bits on average"
    assert repr(Allocation(shares)) == f"{told}>"
    assert repr(Allocation(shares, 12_345)) == f"{told}, 12,345 bytes>"
    assert repr(Allocation([])) == "<Allocation of 0 tensors>"


def test_exports_tell_how_exact_they_are(quantized, tmp_path):
    saved = tfqd.save(quantized, tmp_path / "m.tfqd")
    assert repr(saved).startswith("Verification(kind='tfqd', largest_difference=")
    exported = tfqd.export.tflite(quantized, tmp_path / "m.tflite")
    assert f"<TfliteReport: {(tmp_path / 'm.tflite').stat().st_size:,} bytes, " in repr(exported)
    assert "\n" not in repr(saved) + repr(exported)
    assert "\n" in str(exported.report)
