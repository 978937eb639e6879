"""The wide residual networks, on two logical devices."""

import json

import pytest
from example_modules import run
from residual_networks import wide_resnet

NORMALIZED = (0.0, 0.0, 0.0), (1.0, 1.0, 1.0)


@pytest.mark.parametrize(
    ("depth", "width", "classes", "parameters"),
    [(28, 10, 100, 36_546_980), (22, 8, 100, 17_210_564), (16, 2, 10, 692_810)],
)
def test_networks_have_the_papers_parameters(depth, width, classes, parameters):
    model = wide_resnet(depth, width, classes, *NORMALIZED)
    assert sum(weight.shape.num_elements() for weight in model.trainable_weights) == parameters


def test_smoke_trains_teacher_and_quantized_student_on_two_devices(tmp_path):
    arguments = "--smoke", "--devices=2", "--precision=mixed_bfloat16"
    process = run("cifar_wide_resnet.py", *arguments, f"--output={tmp_path}")
    assert process.returncode == 0, process.stderr
    assert "device:CPU:1" in process.stderr
    rows = {row["run"]: row for row in json.loads((tmp_path / "results.json").read_text())["rows"]}
    assert list(rows) == ["labels", "quantized_4bit"]
    assert {row["precision"] for row in rows.values()} == {"mixed_bfloat16"}
    (archive,) = tmp_path.glob("10-2_10-1/*/student/quantized_4bit/student.tfqd")
    assert archive.stat().st_size == rows["quantized_4bit"]["bytes"]
    assert rows["quantized_4bit"]["bytes"] < 4 * 78_000 / 5


def test_a_batch_that_does_not_go_evenly_to_the_devices_is_refused(tmp_path):
    process = run("cifar_wide_resnet.py", "--smoke", "--devices=3", f"--output={tmp_path}")
    assert process.returncode == 1
    assert process.stderr.splitlines()[-1] == (
        "cifar_wide_resnet: a batch of 20 images does not go evenly to 3 devices; "
        "--devices may be 1, 2, 4, 5, 10, 20"
    )
