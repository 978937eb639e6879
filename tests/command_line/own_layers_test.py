"""Every command with --data knows the layers that the module of the data registers."""

import json
import pathlib
import sys

import keras
import numpy as np
import pytest
import tf_keras

from tfqd_command.main import main

MODULE = """
import {kit}
import numpy as np

@{kit}.saving.register_keras_serializable("own_layers_test")
class Doubled({kit}.layers.Layer):
    def call(self, x):
        return 2 * x

def load():
    x = np.random.default_rng(0).normal(size=(96, 4)).astype(np.float32)
    return {{"x": x, "y": x[:, :3].argmax(-1)}}
"""
NAME = "own_layers_test>Doubled"
DATA = "--data=data_and_layers:load"


def forget(kit):
    """As in a new process."""
    sys.modules.pop("data_and_layers", None)
    kit.saving.get_custom_objects().pop(NAME, None)


@pytest.fixture(params=[keras, tf_keras], ids=["keras", "tf_keras"])
def kit(request, tmp_path, monkeypatch):
    """A Keras; in the current folder a model with a layer of one's own, and the module of it."""
    kit = request.param
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    pathlib.Path("data_and_layers.py").write_text(MODULE.format(kit=kit.__name__))

    monkeypatch.syspath_prepend(tmp_path)
    from data_and_layers import Doubled

    x = kit.Input((4,))
    kit.Model(x, kit.layers.Dense(3)(Doubled()(x))).save("m.keras")
    forget(kit)
    yield kit
    forget(kit)


def test_compress_report_and_evaluate_know_them(kit, capsys):
    for typed in (
        f"compress m.keras --to=s.tfqd,s.keras {DATA} --epochs=1",
        f"report s.tfqd --to=r.html {DATA} --json",
        f"evaluate m.keras --files=s.tfqd {DATA}",
    ):
        assert main(typed.split()) == 0
        forget(kit)
        if typed.startswith("report"):
            (file,) = json.loads(capsys.readouterr().out)["files"]
            assert file["score"] > 0
        capsys.readouterr()


def test_report_without_a_file_that_runs_is_an_error_that_says_why(kit, capsys):
    assert main(f"compress m.keras --to=s.tfqd {DATA} --method=post_training".split()) == 0
    forget(kit)
    capsys.readouterr()
    np.savez("d.npz", x=np.ones((8, 4), np.float32), y=np.ones(8, np.int64))
    for typed in ("report s.tfqd --to=r.html", "report s.tfqd --to=r.html --data=d.npz"):
        assert main(typed.split()) == 1
        (line,) = capsys.readouterr().err.splitlines()
        assert line.startswith("tfqd: s.tfqd has no file that can be run: s.tfqd: ")
        assert "Doubled" in line or "class of a layer is not registered" in line
    assert not pathlib.Path("r.html").exists()
