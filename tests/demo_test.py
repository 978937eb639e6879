import io
import json

import command
import numpy as np
import pytest
from rich.console import Console

import tfqd
from tfqd import demo
from tfqd_command.main import main


@pytest.fixture(scope="module")
def result(tmp_path_factory):
    """The demo, run by its command: its folder and what it printed."""
    folder = tmp_path_factory.mktemp("demo")
    done = command.tfqd("demo", f"--output={folder}")
    assert done.returncode == 0, done.stderr
    return folder, done


@pytest.fixture(scope="module")
def rows(result):
    folder, _ = result
    report = json.loads((folder / "report.json").read_text())
    return {(row["model"], row["bits"]): row for row in report["rows"]}


def test_the_printed_table_is_the_written_report(result, rows):
    folder, done = result
    assert [bits for _, bits in rows] == [32, 32, 4, 4, 2, 2]
    for row in rows.values():
        assert f"{row['accuracy']:.2f} %" in done.stdout
        assert f"{row['bytes']:,}" in done.stdout
    report = json.loads((folder / "report.json").read_text())
    assert sorted(path.name for path in folder.glob("*.tfqd")) == sorted(report["sizes"])


def test_progress_is_shown_and_tensorflow_is_silent(result):
    _, done = result
    for stage in ("teacher", "float student", "quantized distillation, 2 bit"):
        assert f"{stage}: " in done.stdout
    assert done.stderr == ""


def test_its_files_verify(result, capsys):
    folder, _ = result
    assert main(["verify", str(folder / "distilled_2bit.tfqd")]) == 0
    assert "agrees with the model" in capsys.readouterr().out


def test_distillation_recovers_what_quantizing_afterwards_loses(rows):
    student = rows["float student", 32]["accuracy"]
    assert student > 95
    assert rows["quantized distillation", 4]["accuracy"] > student - 1.5
    assert rows["quantized distillation", 2]["accuracy"] > student - 2.5
    lost = rows["post-training quantization", 2]["accuracy"]
    assert rows["quantized distillation", 2]["accuracy"] > lost + 5


def test_the_bytes_are_those_of_files_that_hold_the_models(result, rows):
    folder, _ = result
    digits = demo.load()
    for bits in demo.BITS:
        path = folder / f"distilled_{bits}bit.tfqd"
        row = rows["quantized distillation", bits]
        assert row["bytes"] == path.stat().st_size
        assert row["ratio"] == pytest.approx(rows["float student", 32]["bytes"] / row["bytes"])
        logits = np.asarray(tfqd.load(path)(digits.x_test))
        assert 100 * np.mean(logits.argmax(-1) == digits.y_test) == pytest.approx(row["accuracy"])


def test_the_split_keeps_train_and_test_apart_and_balanced():
    digits = demo.load()
    assert len(digits.x_train) + len(digits.x_test) == 1797
    train = {image.tobytes() for image in digits.x_train}
    assert sum(image.tobytes() in train for image in digits.x_test) <= 1
    assert np.bincount(digits.y_test).min() >= 55


def test_the_folder_is_named_as_it_is(tmp_path, monkeypatch):
    monkeypatch.setattr("tfqd.demo._experiments", lambda *_: ([], {}))
    folder, console = tmp_path / "digits[v2]:smile:", Console(file=io.StringIO())
    demo.run(folder, console)
    assert f"are in {folder}\n" in console.file.getvalue()
