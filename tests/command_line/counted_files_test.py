"""--budget counts the bytes of a file that is written."""

import pathlib

import keras
import numpy as np
import pytest

from tfqd_command import budgets
from tfqd_command.main import main, parsed

COUNTED = [
    # what is asked for, whose bytes count
    ("--to=a.tfqd", "archive"),
    ("--to=a.tflite", "tflite"),
    ("--to=serving/", "saved_model"),
    ("--to=a.keras,a.tflite,a.safetensors", "tflite"),
    ("--to=serving/,a.tflite,a.tfqd", "archive"),
    ("--to=a.tflite,a.tfqd --file=tflite", "tflite"),
    ("--to=a.tflite --file=tflite_gzip", "tflite_gzip"),
]
WRONG = [
    # what is asked for, what the line says
    ("--to=a.tflite,serving/", "--file must say whose bytes --budget counts: tflite, tflite_gzip"),
    ("--to=a.keras,a.safetensors", "--budget counts the bytes of a .tfqd or .tflite file or of a"),
    ("--to=a.tflite --file=archive", "--file=archive counts a file that --to does not name"),
    ("--to=a.tflite --slowdown=2", "--file=tflite counts bytes with --prefer, not with --slowdown"),
]


@pytest.mark.parametrize(("asked", "file"), COUNTED)
def test_what_is_written_tells_whose_bytes_count(asked, file):
    command, arguments, values = parsed(
        ["compress", "m.keras", *asked.split(), "--budget=9kB", "--data=d.npz"]
    )
    command.check(arguments, values)
    assert budgets.counted(values) == file


@pytest.mark.parametrize(("asked", "message"), WRONG, ids=[each[0] for each in WRONG])
def test_what_it_does_not_tell_is_asked_for(asked, message, capfd):
    assert main(["compress", "m.keras", *asked.split(), "--budget=9kB", "--data=d.npz"]) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("tfqd: ")
    assert message in line


def test_the_budget_of_a_tflite_file_alone_is_kept(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(200), keras.layers.Dense(3)])
    model.save("m.keras")
    x = np.random.default_rng(0).normal(size=(60, 8)).astype(np.float32)
    np.savez("d.npz", x=x, y=model.predict(x, verbose=0).argmax(-1))
    typed = "compress m.keras --to=t.tflite --data=d.npz --method=post_training --budget=5kB"
    assert main(typed.split()) == 0
    # It has more where all weights have 8 bits, which an archive of 5 kB may give to some.
    assert pathlib.Path("t.tflite").stat().st_size <= 5000
