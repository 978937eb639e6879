"""No command writes over a file that it reads."""

import pathlib

import keras
import numpy as np
import pytest

import tfqd
from tfqd_command.main import main

WRONG = [
    # what was typed, what the line says
    ("convert q.keras q.keras", "q.keras is the quantized model itself; give another name"),
    ("convert q.keras ./q.keras", "./q.keras is the quantized model itself"),
    ("convert q.keras linked.keras", "linked.keras is the quantized model itself"),
    ("compress m.keras --to=m.keras", "--to=m.keras is the model itself; give another name"),
    (
        "compress m.keras --to=a.tfqd,t.keras --data=d.npz --teacher=t.keras",
        "--to=t.keras is the teacher itself; give another name",
    ),
    (
        "compress m.keras --to=a.tfqd,t.keras --data=d.npz --teacher=folder/../t.keras",
        "--to=t.keras is the teacher itself",
    ),
    ("compress m.keras --to=d.tfqd --data=d.npz", "--to=d.tfqd is the data itself"),
    ("compress m.keras --to=a.tfqd,./a.tfqd", "--to names a file twice: a.tfqd,./a.tfqd"),
    ("compress m.keras --to=n.tfqd,linked.tfqd", "--to names a file twice: n.tfqd,linked.tfqd"),
    ("compress m.keras --to=a.tfqd --report=m.keras", "--report must end in .html; got 'm.keras'"),
    ("compress m.keras --to=a.tfqd --report=m.html", "--report=m.html is the model itself"),
    ("report q.keras --to=q.html", "--to=q.html is the quantized file itself; give another name"),
]
LINKS = {
    "linked.keras": "q.keras",
    "linked.tfqd": "n.tfqd",
    "d.tfqd": "d.npz",
    "m.html": "m.keras",
    "q.html": "q.keras",
}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with models, data, and links to them."""
    path = tmp_path_factory.mktemp("overwriting")
    model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
    for name in ("m.keras", "t.keras"):
        model.save(path / name)
    tfqd.quantize_model(model, 4).save(path / "q.keras")
    np.savez(path / "d.npz", x=np.zeros((8, 4), np.float32), y=np.arange(8) % 3)
    (path / "folder").mkdir()
    for link, file in LINKS.items():
        (path / link).symlink_to(file)
    return path


@pytest.mark.parametrize(("typed", "message"), WRONG, ids=[each[0] for each in WRONG])
def test_what_is_read_is_not_written_over(typed, message, folder, monkeypatch, capfd):
    monkeypatch.chdir(folder)
    before = contents()
    assert main(typed.split()) == 2
    (line,) = capfd.readouterr().err.splitlines()
    assert message in line
    assert contents() == before


def contents():
    """name -> bytes of all files."""
    files = (path for path in pathlib.Path().iterdir() if path.is_file())
    return {path.name: path.read_bytes() for path in files}
