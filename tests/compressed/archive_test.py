"""The archive gives back every bit, is as small as claimed, and opens with any zip tool."""

import dataclasses
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import zipfile

import forgery
import keras
import ml_dtypes
import numpy as np
import pytest
from compressed_examples import (
    assert_equal_models,
    assert_equal_tensors,
    constant_tensor,
    only,
    quantized_tensor,
    saved,
    small_model,
)

import tfqd
from tfqd.compressed import (
    CompressedModel,
    Probes,
    code_lengths,
    read_archive,
    read_manifest,
    sizes,
    write_archive,
)

ROOT = pathlib.Path(__file__).parents[2]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.tfqd"


@pytest.fixture(scope="module")
def keras_model():
    """A convolutional network of about 100,000 weights, its statistics those of training."""
    keras.utils.set_random_seed(3)
    inputs = keras.Input((16, 16, 3))
    outputs = inputs
    for filters in (32, 64, 128):
        outputs = keras.layers.Conv2D(filters, 3, strides=2, padding="same")(outputs)
        outputs = keras.layers.BatchNormalization()(outputs)
        outputs = keras.layers.ReLU()(outputs)
    outputs = keras.layers.GlobalAveragePooling2D()(outputs)
    model = keras.Model(inputs, keras.layers.Dense(10)(outputs))
    random = np.random.default_rng(0)
    for weight in model.weights:
        if weight.ndim == 1:
            weight.assign(random.uniform(0.5, 1.5, weight.shape))
        else:
            weight.assign(random.normal(0, 0.05, weight.shape))
    return model


@pytest.mark.parametrize("bits", range(1, 9))
@pytest.mark.parametrize("scaling", ["affine", "symmetric"])
@pytest.mark.parametrize("kind", ["uniform", "codebook"])
@pytest.mark.parametrize("layout", ["flat", "channel"])
def test_every_bit_comes_back(path, bits, scaling, kind, layout):
    tensor = quantized_tensor((7, 5, 9), bits, scaling, kind, layout, bucket_size=16, seed=bits)
    loaded = saved(only(tensor), path)
    assert_equal_models(loaded, only(tensor))
    values = loaded.dequantize()["dense/kernel"]
    assert values.tobytes() == tensor.dequantize().tobytes()


@pytest.mark.parametrize("shape", [(), (1,), (1, 1, 3), (2, 500)])
@pytest.mark.parametrize("bucket_size", [None, 1, 10_000])
def test_tensors_of_any_shape_come_back(path, shape, bucket_size):
    tensor = quantized_tensor(shape, bucket_size=bucket_size)
    assert_equal_models(saved(only(tensor), path), only(tensor))


@pytest.mark.parametrize("code", [0, 15])
def test_constant_tensors_come_back_and_take_nothing(path, code):
    tensor = constant_tensor((300, 300), code)
    assert_equal_models(saved(only(tensor), path), only(tensor))
    assert read_manifest(path).tensors[0].bytes == 8 + 88  # one bucket; 90,000 / 1024


def test_whole_models_come_back(path):
    assert_equal_models(saved(small_model(), path), small_model())


def test_models_without_anything_optional_come_back(path):
    compressed = CompressedModel({}, None, "tf_keras")
    assert_equal_models(saved(compressed, path), compressed)


@pytest.mark.parametrize(
    "array",
    [
        np.array([True, False]),
        np.arange(-3, 3, dtype=np.int8),
        np.array([[2**63 + 1]], np.uint64),
        np.array(1.5, np.float16),
        np.array([1 / 3, -np.inf, np.nan]),
        np.zeros((0, 4), np.float32),
        np.arange(6, dtype=np.float32).reshape(2, 3).T,
    ],
)
def test_arrays_of_numbers_come_back_as_they_are(path, array):
    assert_equal_tensors(saved(only(array), path).tensors["dense/kernel"], array)


def test_byte_order_of_the_machine_does_not_matter(path):
    loaded = saved(only(np.array([1, 258], ">i4")), path)
    assert_equal_tensors(loaded.tensors["dense/kernel"], np.array([1, 258], np.int32))


def test_bfloat16_arrays_come_back_as_float32_of_the_same_values(path):
    array = np.array([1.0, 3.140625, -1e30]).astype(ml_dtypes.bfloat16)
    loaded = saved(only(array), path).tensors["dense/kernel"]
    assert_equal_tensors(loaded, array.astype(np.float32))
    assert read_manifest(path).tensors[0].bytes == 6


@pytest.mark.parametrize("spec", [tfqd.Uniform(bits=4), tfqd.Codebook(bits=2, layout="channel")])
def test_quantized_keras_models_come_back(path, keras_model, spec):
    compressed = tfqd.compress(tfqd.quantize_model(keras_model, spec))
    loaded = saved(compressed, path)
    # JSON knows no tuples; Keras reads lists in their place.
    plain = json.loads(json.dumps(compressed.architecture))
    assert_equal_models(loaded, dataclasses.replace(compressed, architecture=plain))
    rebuilt = keras.saving.deserialize_keras_object(loaded.architecture)
    rebuilt.set_weights(list(loaded.dequantize().values()))
    images = np.random.default_rng(0).normal(size=(2, 16, 16, 3)).astype(np.float32)
    quantized = tfqd.strip_quantization(tfqd.quantize_model(keras_model, spec))
    np.testing.assert_array_equal(rebuilt(images), quantized(images))


def test_total_is_within_two_percent_of_what_it_must_hold(path, keras_model):
    compressed = tfqd.compress(tfqd.quantize_model(keras_model, tfqd.Uniform(bits=4)))
    write_archive(compressed, path, versions={"tfqd": "0.1.0", "keras": "3.12.0"})
    tensors = compressed.quantized.values()
    codes = sum(code_lengths.entropy(sizes.code_counts(t)) * t.size / 8 for t in tensors)
    buckets = 8 * sum(tensor.bucketing.count for tensor in tensors)
    rest = sum(array.nbytes for array in compressed.rest.values())
    assert sum(tensor.size for tensor in tensors) > 90_000
    assert path.stat().st_size <= 1.02 * (codes + buckets + rest + 4096)


def test_equal_models_give_equal_bytes(tmp_path):
    for name in "ab":
        write_archive(small_model(), tmp_path / name)
    first = (tmp_path / "a").read_bytes()
    assert first == (tmp_path / "b").read_bytes()
    write_archive(read_archive(tmp_path / "a"), tmp_path / "c")
    assert first == (tmp_path / "c").read_bytes()


def test_archives_that_say_no_type_of_points_are_read(path):
    write_archive(small_model(), path)
    expected = read_archive(path)
    manifest, *rest = forgery.read_members(path.read_bytes())
    values = json.loads(manifest)
    for entry in values["tensors"]:
        if entry.get("points", "none of the kind") in (None, "float32"):
            entry["points"] = entry["points"] is not None
    path.write_bytes(forgery.forge(json.dumps(values).encode(), *rest))
    found = read_archive(path)
    assert {tensor.points is None for tensor in found.quantized.values()} == {True, False}
    for name, tensor in expected.quantized.items():
        np.testing.assert_array_equal(found.quantized[name].dequantize(), tensor.dequantize())


def test_any_zip_tool_opens_it(path):
    write_archive(small_model(), path, versions={"numpy": np.__version__})
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == ["manifest.json", "architecture.json", "tensors.bin"]
        manifest = json.loads(archive.read("manifest.json"))
        payload = archive.read("tensors.bin")
        assert json.loads(archive.read("architecture.json")) == small_model().architecture
    assert (manifest["format"], manifest["version"]) == ("tfqd", 1)
    assert manifest["versions"] == {"numpy": np.__version__}
    assert manifest["facts"] == small_model().facts
    position = 0
    for entry in manifest["tensors"] + manifest["inputs"] + manifest["outputs"]:
        stretch = payload[position : position + entry["bytes"]]
        assert hashlib.sha256(stretch).hexdigest() == entry["sha256"]
        position += entry["bytes"]
    assert position == len(payload)


def test_manifest_says_what_each_tensor_is(path):
    compressed = small_model()
    write_archive(compressed, path)
    entries = {entry.path: entry for entry in read_manifest(path).tensors}
    assert list(entries) == list(compressed.tensors)
    for name, tensor in compressed.quantized.items():
        entry = entries[name]
        assert tuple(entry.shape) == tensor.shape
        assert (entry.bits, entry.levels, entry.spec) == (tensor.bits, tensor.levels, tensor.spec)
        assert entry.layout == tensor.bucketing.layout
        counts = np.bincount(tensor.codes.reshape(-1))
        assert entry.entropy == pytest.approx(code_lengths.entropy(counts), abs=1e-4)
    assert entries["steps"].dtype == "int64"


@pytest.mark.parametrize(
    ("array", "message"),
    [
        (np.array(["a"]), "its type must be one of bool"),
        (np.array([1j]), "its type must be one of bool"),
        (np.array([None]), "it must hold numbers or strings; got NoneType"),
        (np.array([b"a"], object), "a weight cannot be of strings"),
    ],
)
def test_arrays_of_other_things_are_refused(path, array, message):
    with pytest.raises(ValueError, match=f"tensor 'dense/kernel': {message}"):
        write_archive(only(array), path)


@pytest.mark.parametrize(
    ("facts", "error"),
    [({"a": {1}}, TypeError), ({"a": np.nan}, ValueError), ({1: 0, "1": 0}, TypeError)],
)
def test_facts_that_json_cannot_hold_are_refused(path, facts, error):
    with pytest.raises(error):
        write_archive(dataclasses.replace(small_model(), facts=facts), path)
    assert not path.exists()


def test_probes_come_back(path):
    probes = Probes({"b": np.arange(4), "a": np.ones((2, 0))}, {"y": np.array([0.1], np.float32)})
    loaded = saved(CompressedModel({}, probes=probes), path).probes
    assert list(loaded.inputs) == ["b", "a"]
    assert_equal_tensors(loaded.inputs["b"], probes.inputs["b"])
    assert_equal_tensors(loaded.outputs["y"], probes.outputs["y"])


def test_probes_of_strings_come_back(path):
    words = np.array([["", "a.b"], ["zero\0", "grün"]], object)
    stored = np.array([[b"", b"a.b"], [b"zero\0", "grün".encode()]], object)
    for array in (words, stored, words[:0], words[0, 0:1]):
        probes = Probes({"x": array}, {"y": array})
        write_archive(dataclasses.replace(small_model(), probes=probes), path)
        again = read_archive(path).probes
        expected = np.array(
            [str(x).encode() if isinstance(x, str) else x for x in array.flat], object
        )
        assert again.inputs["x"].shape == array.shape
        np.testing.assert_array_equal(again.inputs["x"].reshape(-1), expected)


READ_WITHOUT_TENSORFLOW = """
import importlib.abc, sys, types

class Refuse(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path, target=None):
        if name.split(".")[0] in ("tensorflow", "keras", "tf_keras", "rich", "ml_dtypes"):
            raise ImportError(name)

sys.meta_path.insert(0, Refuse())
tfqd = types.ModuleType("tfqd")  # the package without its __init__, which imports Keras
tfqd.__path__ = ["tfqd"]
sys.modules["tfqd"] = tfqd
from tfqd.compressed import read_archive, write_archive
write_archive(read_archive(sys.argv[1]), sys.argv[2])
"""


def test_numpy_and_the_coding_library_are_enough(path, tmp_path):
    write_archive(small_model(), path)
    copy = tmp_path / "copy.tfqd"
    command = [sys.executable, "-c", READ_WITHOUT_TENSORFLOW, path, copy]
    subprocess.run(command, cwd=ROOT, check=True)
    assert copy.read_bytes() == path.read_bytes()


def test_missing_files_and_folders_are_os_errors(tmp_path):
    with pytest.raises(FileNotFoundError):
        read_archive(tmp_path / "none.tfqd")
    with pytest.raises(FileNotFoundError):
        write_archive(small_model(), tmp_path / "none" / "model.tfqd")


def test_only_regular_files_are_archives(tmp_path):
    os.mkfifo(tmp_path / "pipe")
    for path in (os.devnull, tmp_path, tmp_path / "pipe"):
        with pytest.raises(tfqd.compressed.ArchiveError, match="not a regular file"):
            read_archive(path)


def test_archives_beyond_the_zips_limits_are_refused(path, monkeypatch):
    monkeypatch.setattr("tfqd.compressed.container.MAX_FILE_BYTES", 2000)
    with pytest.raises(ValueError, match="would exceed 2000 bytes"):
        write_archive(small_model(), path)
    assert not path.exists()


def test_why_there_is_no_architecture_is_kept_in_one_line(tmp_path):
    small = dataclasses.replace(small_model(), architecture=None)
    for reason in (None, "it slices"):
        model = dataclasses.replace(small, no_architecture=reason)
        write_archive(model, tmp_path / "m.tfqd")
        assert read_archive(tmp_path / "m.tfqd").no_architecture == reason
    with pytest.raises(ValueError, match="one line"):
        write_archive(dataclasses.replace(small, no_architecture="\x1b[2J\n"), tmp_path / "n.tfqd")
