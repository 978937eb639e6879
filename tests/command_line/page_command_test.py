"""compress --report and report write pages about the files that there are."""

import json
import pathlib
import shutil

import keras
import numpy as np
import pytest

import tfqd
from tfqd_command.main import main


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A folder with a trained model, its data, and in out/ what compress has made of it."""
    path = tmp_path_factory.mktemp("pages")
    keras.utils.set_random_seed(0)
    # Integers, as images are: the models and files take floats.
    x = np.random.default_rng(0).integers(0, 256, (600, 8), np.uint8)
    y = ((x - 128.0) @ np.random.default_rng(1).normal(size=(8, 3))).argmax(-1)
    np.savez(path / "d.npz", x=x[:400], y=y[:400], x_test=x[400:], y_test=y[400:])
    np.savez(path / "unlabelled.npz", x=x)
    layers = keras.layers
    scale = layers.Rescaling(1 / 64, -2)
    dense = layers.Dense(12, "relu"), layers.Dense(3)
    model = keras.Sequential([layers.Input((8,)), scale, *dense])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model.compile(keras.optimizers.Adam(0.02), loss)
    model.fit(x[:400], y[:400], epochs=6, verbose=0)
    model.save(path / "m.keras")
    (path / "out").mkdir()
    return path


@pytest.fixture(autouse=True)
def _in_folder(folder, monkeypatch):
    monkeypatch.chdir(folder)


def values(capsys, typed):
    """What a command prints with --json."""
    assert main([*typed.split(), "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.fixture(scope="module")
def compressed(folder):
    """The page of compress."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        command = "compress m.keras --to=out/s.tfqd,out/s.tflite,out/serving/ --report=made.html"
        assert main([*command.split(), "--data=d.npz", "--epochs=2", "--bits=3"]) == 0
        return pathlib.Path("made.html").read_text(encoding="utf-8")


def test_compress_shows_its_training_files_and_scores(compressed, folder):
    for heading in ("Results", "Files", "Training", "Weights and levels"):
        assert f"<h2>{heading}</h2>" in compressed
    assert compressed.count("verified: ") == 3
    size = (folder / "out/s.tfqd").stat().st_size
    assert f"<td>out/s.tfqd</td><td>{size:,}</td>" in compressed
    assert "distillation_loss" in compressed
    assert sorted(file.name for file in (folder / "out").iterdir()) == [
        "s.tflite",
        "s.tfqd",
        "serving",
    ]


def test_without_data_the_page_shows_files_alone(capsys):
    targets = "--to=plain.tfqd,plain.safetensors"
    assert main(["compress", "m.keras", targets, "--report=plain.html"]) == 0
    page = pathlib.Path("plain.html").read_text(encoding="utf-8")
    assert "<h2>Files</h2>" in page
    assert "<h2>Results</h2>" not in page


def test_report_measures_every_file_of_a_folder_by_itself(compressed, capsys):
    found = values(capsys, "report out --to=report.html --data=d.npz")
    assert (found["source"], found["path"]) == ("out", "report.html")
    assert [(file["source"], file["kind"]) for file in found["files"]] == [
        ("out/s.tflite", "tflite"),
        ("out/s.tfqd", "tfqd"),
        ("out/serving", "saved_model"),
    ]
    data = np.load("d.npz")
    answers = tfqd.load("out/s.tfqd").predict(data["x_test"], verbose=0)
    expected = np.mean(answers.argmax(-1) == data["y_test"])
    for file in found["files"]:
        assert file["score"] == pytest.approx(expected, abs=0.011)
        assert file["bytes"] > 0
    assert "<h2>Results</h2>" in pathlib.Path("report.html").read_text(encoding="utf-8")


def test_report_of_one_file_and_of_a_model_in_training(compressed, capsys):
    found = values(capsys, "report out/s.tfqd --to=report.html")
    assert [file["kind"] for file in found["files"]] == ["tfqd"]
    model = keras.saving.load_model("m.keras")
    tfqd.quantize_model(model, "codebook2").save("quantized.keras")
    assert main(["report", "quantized.keras", "--to=report.html"]) == 0
    assert "left out: quantized.keras" in capsys.readouterr().err
    assert "codebook" in pathlib.Path("report.html").read_text(encoding="utf-8")


def test_what_else_lies_in_a_folder_is_left_out(compressed, capsys, tmp_path):
    shutil.copy("out/s.tfqd", tmp_path)
    (tmp_path / "notes").write_text("nothing of tfqd's")
    found = values(capsys, f"report {tmp_path} --to=strays.HTML")
    assert [each["source"] for each in found["files"]] == [str(tmp_path / "s.tfqd")]
    assert pathlib.Path("strays.HTML").exists()


def test_a_file_of_a_folder_that_cannot_be_read_is_told_of(
    compressed, capsys, tmp_path, monkeypatch
):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    shutil.copy("out/s.tfqd", tmp_path)
    (tmp_path / "private").write_text("somebody else's")
    monkeypatch.setattr("tfqd.export.file_kind.is_container", refuse)
    assert main(["report", str(tmp_path), "--to=private.html"]) == 0
    assert "left out: [Errno 13] Permission denied" in capsys.readouterr().err


@pytest.mark.parametrize("name", ["model.bin", "S.TFQD", "archive.keras"])
def test_report_takes_archives_of_any_name(name, compressed, capsys, tmp_path):
    shutil.copy("out/s.tfqd", tmp_path / name)
    (tmp_path / "notes.txt").write_text("nothing of the kind")
    for path in (tmp_path / name, tmp_path):
        found = values(capsys, f"report {path} --to=report.html")
        assert [(file["source"], file["kind"]) for file in found["files"]] == [
            (str(tmp_path / name), "tfqd")
        ]


@pytest.mark.parametrize(
    ("typed", "status", "message"),
    [
        ("report", 2, "report expects PATH; got none"),
        ("report out --to=page.pdf", 2, "--to must end in .html"),
        ("report out --data=d.csv", 2, "--data must be a file"),
        ("report missing", 1, "missing"),
        ("report m.keras", 1, "must be or hold a .tfqd archive or a quantized .keras file"),
        ("report out --data=unlabelled.npz", 1, "--data needs labels y"),
    ],
)
def test_an_error_is_one_line_and_a_status(compressed, typed, status, message, capsys):
    capsys.readouterr()
    assert main(typed.split()) == status
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line
