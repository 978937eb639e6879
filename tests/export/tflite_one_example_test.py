"""Where no TFLite file of a free batch size can be made, callers that cannot ask take one of 1."""

import json

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.export.litert.file.flatbuffer import File, shape_of
from tfqd_command.main import main

RANDOM = np.random.default_rng(0)
X = RANDOM.normal(size=(64, 5, 3)).astype(np.float32)
Y = (X.sum((1, 2)) > 0).astype(np.int64)


def recurrent(kit):
    kit.utils.set_random_seed(0)
    layers = kit.layers
    return kit.Sequential([kit.Input((5, 3)), layers.GRU(16, name="gru"), layers.Dense(2)])


@pytest.fixture(scope="module", params=[keras, tf_keras], ids=["keras", "tf_keras"])
def folder(request, tmp_path_factory):
    """A folder with a recurrent model, an archive of it quantized, and data."""
    path = tmp_path_factory.mktemp(request.param.__name__)
    model = recurrent(request.param)
    model.save(path / "m.keras")
    tfqd.save(tfqd.quantize_model(model, tfqd.presets.deployable(4)), path / "s.tfqd")
    np.savez(path / "d.npz", x=X, y=Y)
    return path


@pytest.fixture
def in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)
    return folder


def batch_sizes(path):
    """The batch size of each input of a file."""
    file = File(path.read_bytes())
    graph = file.graphs[0]
    return [shape_of(graph.tensors[int(index)])[0] for index in graph.inputs]


@pytest.mark.parametrize(
    "typed",
    [
        "convert s.tfqd g.tflite",
        "compress m.keras --to=g.tflite",
        "compress m.keras --to=g.tflite --data=d.npz --epochs=1 --budget=60kB --file=tflite",
    ],
)
def test_commands_write_the_file_and_say_that_it_takes_one_example(typed, in_folder, capsys):
    assert main(typed.split()) == 0
    said = "tfqd: warning: g.tflite takes one example at a time, as the model's layers need it"
    assert said in capsys.readouterr().err.splitlines()
    assert batch_sizes(in_folder / "g.tflite") == [1]


def test_evaluate_measures_the_file_and_notes_it(in_folder, capsys):
    assert main(["evaluate", "m.keras", "--files=s.tfqd", "--data=d.npz", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    said = "its TFLite file takes one example at a time"
    assert found["notes"] == {"m.keras": said, "s.tfqd": said}
    small, large = (found["values"][name]["tflite_bytes"] for name in ("s.tfqd", "m.keras"))
    assert 0 < small < large


def test_bits_are_allotted_to_its_bytes(tmp_path):
    model = recurrent(keras)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    with pytest.warns(UserWarning, match=r"takes one example at a time.*batch_size=1"):
        allocation = tfqd.allocate_bits(model, (X, Y), budget="60 kB", file="tflite", loss=loss)
    quantized = tfqd.quantize_model(model, allocation)
    written = tfqd.export.tflite(quantized, tmp_path / "m.tflite", batch_size=1)
    assert written.report.bytes == pytest.approx(allocation.size, abs=64)


def test_a_file_of_a_free_batch_size_is_written_where_there_can_be_one(
    tmp_path, monkeypatch, capsys
):
    monkeypatch.chdir(tmp_path)
    keras.Sequential([keras.Input((3,)), keras.layers.Dense(2)]).save("m.keras")
    assert main(["compress", "m.keras", "--to=m.tflite"]) == 0
    assert "one example" not in capsys.readouterr().err


def test_what_neither_makes_is_an_error_with_the_remedy_that_is_left(tmp_path):
    text = keras.Input((), dtype="string")
    ids = keras.layers.TextVectorization(vocabulary=["red"], output_sequence_length=3)(text)
    model = keras.Model(text, keras.layers.GRU(4)(keras.layers.Embedding(3, 2)(ids)))
    found = tfqd.evaluate({"m": model}, (np.array(["red", "a"]), np.array([0, 1])))
    assert "give the recurrent layers unroll=True" in found.notes["m"]
