"""The evaluation of ResNet-8's compressed forms, on a few digits."""

import json

from example_modules import run_here


def test_smoke_measures_every_form(tmp_path):
    process = run_here("evaluate_resnet8.py", "--smoke", f"--output={tmp_path}")
    assert process.end is None
    found = json.loads((tmp_path / "evaluation.json").read_text())
    assert [*found["values"]] == ["float", "2 bits", "4 bits, 80 % zeros"]
    for name, values in found["values"].items():
        assert {"accuracy", "calibration_error", "corrupted", "archive_bytes"} <= values.keys()
        assert ("steps" in values) == ("," in name)
    assert "Reliability" in process.stdout
    assert "<h2>Evaluation</h2>" in (tmp_path / "report.html").read_text()


def test_bad_arguments_end_with_one_line():
    end = run_here("evaluate_resnet8.py", "--data_dir=missing").end
    assert end == "evaluate_resnet8: missing/models/resnet8_cifar10.h5 is not there"
