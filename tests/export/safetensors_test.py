"""`tfqd.export.safetensors` holds codes and points, and only right ones."""

import json

import keras
import numpy as np
import pytest
from safetensors import safe_open

import tfqd
from tfqd.export import safetensors_file
from tfqd.export.safetensors_file import Stored, read_safetensors

SPECS = {
    "uniform": tfqd.Uniform(bits=3, bucket_size=20),
    "symmetric of 1 bit": tfqd.Uniform(bits=1, scaling="symmetric", bucket_size=None),
    "a step a channel": tfqd.LearnedStep(bits=8, layout="channel"),
    "codebook": tfqd.Codebook(bits=4, points=11, bucket_size=None),
    "codebooks of channels": tfqd.Codebook(bits=2, layout="channel", channels_per_codebook=3),
    "integers": tfqd.Codebook(bits=3, scaling="symmetric", grid="int4", layout="channel"),
    "chosen codes": tfqd.EntropyConstrained(average_bits=2),
    "chosen codes, affine": tfqd.EntropyConstrained(bits=5, layout="channel", scaling="affine"),
    "chosen points": tfqd.EntropyCodebook(average_bits=2, layout="channel"),
    "chosen points on integers": tfqd.EntropyCodebook(bits=3, grid="int8"),
    "tiles": tfqd.Codebook(bits=3, layout="tile", bucket_size=(4, 6)),
    "LUT-B": tfqd.presets.lut_b(),
}


def network(units=10, inputs=9):
    keras.utils.set_random_seed(0)
    inputs = keras.Input((6, inputs))
    x = keras.layers.SeparableConv1D(7, 3)(inputs)
    return keras.Model(inputs, keras.layers.Dense(units)(keras.layers.Flatten()(x)))


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_every_method_comes_back_bit_for_bit(spec, tmp_path):
    model = tfqd.quantize_model(network(), spec)
    path = tmp_path / "m.safetensors"
    assert tfqd.export.safetensors(model, path).largest_difference == 0
    found, compressed = read_safetensors(path), tfqd.compress(model)
    assert found.keys() == compressed.tensors.keys()
    for name, tensor in compressed.quantized.items():
        np.testing.assert_array_equal(found[name].dequantize(), tensor.dequantize())
        assert found[name].about["layout"] == spec.layout
        assert (found[name].about["bits"], found[name].about["spec"]) == (spec.bits, tensor.spec)
    for name, array in compressed.rest.items():
        np.testing.assert_array_equal(found[name], array)
    assert [*tmp_path.iterdir()] == [path]


def test_a_tile_of_lut_b_is_192_bytes_of_codes_and_8_of_points(tmp_path):
    plain = keras.Sequential([keras.Input((128,)), keras.layers.Dense(24, use_bias=False)])
    model = tfqd.quantize_model(plain, tfqd.presets.lut_b())
    path = tmp_path / "m.safetensors"
    tfqd.export.safetensors(model, path)
    ((name, tensor),) = tfqd.compress(model).quantized.items()
    data = path.read_bytes()
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    assert header[f"{name}.codes"]["shape"] == [3, 2, 192]
    points = header[f"{name}.points"]
    assert (points["dtype"], points["shape"]) == ("F8_E4M3", [3, 2, 8])
    assert len(data) == 8 + int.from_bytes(data[:8], "little") + 3 * 2 * 200
    with safe_open(path, framework="np") as file:
        assert set(file.keys()) == {f"{name}.codes", f"{name}.points"}
        assert file.metadata()["format"] == "tfqd"
        packed = file.get_tensor(f"{name}.codes")
    # Eight codes are three bytes, the first in the lowest bits, along a row of the tile.
    words = packed.reshape(3, 2, 8, 8, 3) @ np.array([1, 2**8, 2**16])
    for place in range(8):
        expected = tensor.codes[place::8].T.reshape(3, 8, 2, 8).swapaxes(1, 2)
        np.testing.assert_array_equal(words >> 3 * place & 7, expected)


def test_compressed_models_and_tf_keras_ones_are_written_too(tmp_path):
    tf_keras = pytest.importorskip("tf_keras")
    plain = tf_keras.Sequential([tf_keras.layers.Input((9,)), tf_keras.layers.Dense(5)])
    for number, model in enumerate((network(), plain)):
        compressed = tfqd.compress(tfqd.quantize_model(model, 3))
        path = tmp_path / f"{number}.safetensors"
        tfqd.export.safetensors(compressed, path)
        quantized = [each for each in read_safetensors(path).values() if isinstance(each, Stored)]
        assert len(quantized) == len(compressed.quantized)


def test_a_file_with_other_weights_never_appears(tmp_path, monkeypatch):
    model = tfqd.quantize_model(network(), 3)
    path = tmp_path / "m.safetensors"
    tfqd.export.safetensors(model, path)
    before = path.read_bytes()
    monkeypatch.setattr(
        safetensors_file, "pack", lambda codes, bits: bytes(-(-len(codes) * bits // 8))
    )
    with pytest.raises(
        tfqd.export.VerificationError, match=r"holds another .*kernel than the model"
    ):
        tfqd.export.safetensors(model, path)
    assert path.read_bytes() == before
    assert [*tmp_path.iterdir()] == [path]


def test_what_cannot_be_written_read_or_run_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"path must end in \.safetensors; got 'm\.tfqd'"):
        tfqd.export.safetensors(tfqd.quantize_model(network(), 3), "m.tfqd")
    with pytest.raises(ValueError, match=r"tfqd\.quantize_model"):
        tfqd.export.safetensors(network(), tmp_path / "m.safetensors")
    path = tmp_path / "other.safetensors"
    path.write_bytes(b"nothing of the kind")
    with pytest.raises(ValueError, match=r"was not written by tfqd\.export"):
        read_safetensors(path)
    with pytest.raises(ValueError, match="holds weights without a model"):
        tfqd.export.verify(path)
