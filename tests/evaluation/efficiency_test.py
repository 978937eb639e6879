"""Files weigh what they weigh on disk, and run on inputs as long as the data."""

import keras
import numpy as np
import pytest

import tfqd
from tfqd.evaluation import TrainingCost
from tfqd.evaluation.efficiency import TimedFile


def series(inputs):
    both = [keras.Input(shape, name=name) for name, shape in inputs.items()]
    filtered = [keras.layers.Conv1D(4, 3)(each) for each in both]
    joined = keras.layers.Concatenate()(filtered) if len(filtered) > 1 else filtered[0]
    scores = keras.layers.Dense(2)(keras.layers.GlobalAveragePooling1D()(joined))
    return keras.Model(dict(zip(inputs, both, strict=True)) if len(both) > 1 else both[0], scores)


def test_free_lengths_are_those_of_the_data(tmp_path):
    for name, model, data, expected in (
        ("one", series({"a": (None, 3)}), np.zeros((9, 50, 3)), [[1, 50, 3]]),
        (
            "two",
            series({"a": (None, 3), "b": (None, 2)}),
            {"a": np.zeros((9, 30, 3)), "b": np.zeros((9, 30, 2))},
            [[1, 30, 3], [1, 30, 2]],
        ),
    ):
        path = tmp_path / f"{name}.tflite"
        tfqd.export.tflite(tfqd.quantize_model(model, tfqd.presets.deployable(8)), path)
        assert [*TimedFile(path, data).shapes.values()] == expected
    with pytest.raises(ValueError, match="the data do not tell the free lengths of input"):
        TimedFile(path, list(data.values()))


def test_a_file_of_free_lengths_is_run_on_as_many_examples_as_it_takes(tmp_path):
    small = tfqd.quantize_model(series({"a": (None, 3)}), tfqd.presets.deployable(8))
    tfqd.export.tflite(small, tmp_path / "four.tflite", batch_size=4)
    file = TimedFile(tmp_path / "four.tflite", np.zeros((9, 50, 3)))
    assert (file.batch_size, [*file.shapes.values()]) == (4, [[4, 50, 3]])


def test_time_and_memory_are_of_inputs_as_long_as_the_data():
    model = series({"a": (None, 3)})
    y = np.arange(4) % 2
    memory = [
        tfqd.evaluate({"m": model}, (np.zeros((4, length, 3), "float32"), y)).values["m"]["memory"]
        for length in (5, 200_000)
    ]
    assert memory[1] > memory[0] + 2_000_000  # floats of four filters a step


def test_time_is_that_of_one_example_whatever_a_file_takes_at_a_time(tmp_path):
    layers = keras.layers
    model = keras.Sequential([keras.Input((8,)), layers.Dense(16, "relu"), layers.Dense(3)])
    small = tfqd.quantize_model(model, tfqd.presets.deployable(8))
    sizes = {"one": 1, "many": 32}
    files = {name: tmp_path / f"{name}.tflite" for name in sizes}
    for name, path in files.items():
        tfqd.export.tflite(small, path, batch_size=sizes[name])
    data = np.zeros((64, 8), "float32"), np.arange(64) % 3
    found = tfqd.evaluate(files, data)
    assert found.values["one"]["latency"] == 1
    assert found.values["many"]["latency"] < 0.7  # A call costs far more than an example.


def test_bytes_are_those_on_disk(tmp_path):
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
    small = tfqd.quantize_model(model, 4)
    tfqd.save(small, tmp_path / "s.tfqd", rest_dtype="float16", scale_dtype="float16")
    tfqd.export.saved_model(small, tmp_path / "serving")
    data = np.random.default_rng(0).normal(size=(20, 8)).astype("float32"), np.arange(20) % 3
    models = {"m": model, "s": tmp_path / "s.tfqd", "serving": tmp_path / "serving"}
    cost = {"m": TrainingCost(100, 10.0), "s": TrainingCost(50, 20.0)}
    found = tfqd.evaluate(models, data, training=cost)
    assert found.values["s"]["archive_bytes"] == (tmp_path / "s.tfqd").stat().st_size
    files = [path for path in (tmp_path / "serving").rglob("*") if path.is_file()]
    total = sum(path.stat().st_size for path in files)
    assert found.values["serving"]["saved_model_bytes"] == total
    assert (found.values["s"]["steps_ratio"], found.values["s"]["seconds_ratio"]) == (0.5, 2)
    assert found.retained["m"] == dict.fromkeys(found.retained["m"], 1)
    assert found.to_dict()["retained"].keys() == models.keys()
