"""TFLite files do not depend on which of the packages around them are installed."""

import hashlib
import subprocess
import sys

import flatbuffers
import keras
import pytest
import tensorflow as tf
from source_tree import ROOT

import tfqd
from tfqd.export.litert.checking.runtimes import RuntimeRefusal, runtimes
from tfqd.export.litert.file.flatbuffer import File
from tfqd.export.litert.file.schema import schema

WITHOUT_LITERT = """
import hashlib, pathlib, sys
sys.modules["ai_edge_litert"] = None  # as if it were not installed
import tfqd
path = pathlib.Path(sys.argv[1])
tfqd.export.verify(path)
from tfqd.export.litert.checking.runtimes import runtimes
from tfqd.export.litert.file.flatbuffer import File
from tfqd.export.litert.file.schema import schema
print(*runtimes(), schema.__name__, hashlib.sha256(File(path.read_bytes()).to_bytes()).hexdigest())
"""


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    """A file with blocks of INT4 and convolutions."""
    keras.utils.set_random_seed(0)
    layers = [
        keras.Input((8, 8, 32)),
        keras.layers.Conv2D(64, 3),
        keras.layers.Flatten(),
        keras.layers.Dense(8),
    ]
    spec = tfqd.presets.deployable(4, bucket_size=32)
    path = tmp_path_factory.mktemp("files") / "m.tflite"
    tfqd.export.tflite(tfqd.quantize_model(keras.Sequential(layers), spec), path, prefer="size")
    return path


def test_without_litert_files_are_written_and_run_alike(path):
    command = [sys.executable, "-c", WITHOUT_LITERT, path]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    data = File(path.read_bytes()).to_bytes()
    digest = hashlib.sha256(data).hexdigest()
    assert schema.__name__ == "ai_edge_litert.schema_py_generated"
    assert run.stdout.split() == ["tf.lite", "tensorflow.lite.python.schema_py_generated", digest]


def test_without_tf_lite_litert_runs_files(path, monkeypatch):
    monkeypatch.delattr(tf, "lite")
    assert list(runtimes()) == ["ai-edge-litert"]
    assert tfqd.export.verify(path).kind == "tflite"


def test_without_a_runtime_a_file_is_refused(path, monkeypatch):
    monkeypatch.delattr(tf, "lite")
    monkeypatch.setitem(sys.modules, "ai_edge_litert", None)
    with pytest.raises(RuntimeRefusal, match="pip install ai-edge-litert"):
        tfqd.export.verify(path)


def test_another_builder_of_flatbuffers_is_refused_by_name(path, monkeypatch):
    file = File(path.read_bytes())
    monkeypatch.delattr(flatbuffers.Builder, "CreateNumpyVector")
    with pytest.raises(ImportError, match=r"CreateNumpyVector; the one installed, 25\."):
        file.to_bytes()


def test_the_door_names_tflite_before_it_is_loaded():
    assert "tflite" in dir(tfqd.export)
    with pytest.raises(AttributeError, match="no attribute 'onnx'"):
        _ = tfqd.export.onnx
