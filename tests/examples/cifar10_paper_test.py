"""The paper's CIFAR-10 experiments, on a few digits."""

import json

import pytest
from example_modules import run
from paper_networks import NETWORKS, build


def test_smoke_makes_a_run_of_each_kind_and_a_second_time_none(tmp_path):
    arguments = ["--smoke", f"--output={tmp_path}"]
    first = run("cifar10_paper.py", *arguments)
    assert first.returncode == 0, first.stderr
    rows = {row["run"]: row for row in json.loads((tmp_path / "results.json").read_text())["rows"]}
    assert list(rows) == [
        "labels",
        "distilled",
        "post_training_buckets_4bit",
        "quantized_2bit",
        "points_4bit",
    ]
    assert rows["labels"]["student"] == "teacher"
    assert rows["distilled"]["bytes"] > 4 * 111_935
    for name in ("post_training_buckets_4bit", "quantized_2bit"):
        (archive,) = tmp_path.glob(f"*/S3/{name}/student.tfqd")
        assert archive.stat().st_size == rows[name]["bytes"]
        assert 0.9 < rows[name]["paper_bytes"] / rows[name]["bytes"] < 1
    assert "epoch 1 of 1" in first.stdout
    assert "ends at" in first.stdout
    second = run("cifar10_paper.py", *arguments)
    assert second.returncode == 0, second.stderr
    assert "epoch" not in second.stdout.split("Runs")[0]


def test_networks_have_the_papers_parameters():
    counts = {
        name: sum(
            weight.shape.num_elements() for weight in build(name, 0.0, True).trainable_weights
        )
        for name in NETWORKS
    }
    assert counts == {"teacher": 5_346_142, "S1": 1_000_235, "S2": 318_415, "S3": 111_935}


@pytest.mark.parametrize(
    ("argument", "message"),
    [
        ("--students=S4", "--students: no 'S4'; there are S3, S2, S1"),
        ("--data_dir=missing", "missing has no cifar10 and no cifar-10-batches-py"),
    ],
)
def test_bad_arguments_end_with_one_line(argument, message):
    process = run("cifar10_paper.py", argument)
    assert process.returncode != 0
    assert [line for line in process.stderr.splitlines() if message in line]
    assert "Traceback" not in process.stderr
