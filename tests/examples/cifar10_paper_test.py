"""The paper's CIFAR-10 experiments, on a few digits."""

import json

import keras
import numpy as np
from example_modules import run_here
from paper_networks import NETWORKS, build

import tfqd
from tfqd.wrapping.layers import all_layers

SMOKE_RUNS = [
    "labels",
    "distilled",
    "post_training_buckets_4bit",
    "quantized_2bit",
    "points_4bit",
]


def test_smoke_makes_a_run_of_each_kind(tmp_path):
    done = run_here("cifar10_paper.py", "--smoke", f"--output={tmp_path}")
    assert done.end is None
    rows = {row["run"]: row for row in json.loads((tmp_path / "results.json").read_text())["rows"]}
    assert list(rows) == SMOKE_RUNS
    assert rows["labels"]["student"] == "teacher"
    assert rows["distilled"]["bytes"] > 4 * 111_935
    for name in ("post_training_buckets_4bit", "quantized_2bit"):
        (archive,) = tmp_path.glob(f"*/S3/{name}/student.tfqd")
        assert archive.stat().st_size == rows[name]["bytes"]
        assert 0.8 < rows[name]["paper_bytes"] / rows[name]["bytes"] < 0.96
    assert rows["labels"]["agreement"] == 1
    assert all(0 <= row["calibration_error"] <= 1 for row in rows.values())
    assert "epoch 1 of 1" in done.stdout
    assert "ends at" in done.stdout
    for row in rows.values():
        assert any(row["run"] in line and "trained" in line for line in done.stdout.splitlines())


def test_smoke_of_todays_recipe_trains_steps_and_points_of_kernels(tmp_path):
    arguments = ["--smoke", "--recipe=modern", f"--output={tmp_path}"]
    assert run_here("cifar10_paper.py", *arguments).end is None
    rows = {row["run"]: row for row in json.loads((tmp_path / "results.json").read_text())["rows"]}
    assert list(rows) == SMOKE_RUNS
    assert {row["recipe"] for row in rows.values()} == {"modern"}
    for name, kind in {"quantized_2bit": tfqd.LearnedStep, "points_4bit": tfqd.Codebook}.items():
        (archive,) = tmp_path.glob(f"*/S3/{name}/student.tfqd")
        assert archive.stat().st_size == rows[name]["bytes"]
        quantized = tfqd.load(archive, "quantized").quantized_variables
        assert {type(entry.quantizer.spec) for entry in quantized} == {kind}
        assert len(quantized) == 6
        assert all(entry.path.endswith("/kernel") for entry in quantized)


def test_networks_have_the_papers_parameters():
    counts = {
        name: sum(
            weight.shape.num_elements() for weight in build(name, 0.0, True).trainable_weights
        )
        for name in NETWORKS
    }
    assert counts == {"teacher": 5_346_142, "S1": 1_000_235, "S2": 318_415, "S3": 111_935}


def test_precision_is_told_in_the_rows_and_logits_are_floats(tmp_path):
    before = keras.config.dtype_policy()
    arguments = ["--smoke", "--runs=quantized_2bit", "--precision=mixed_bfloat16"]
    assert run_here("cifar10_paper.py", *arguments, f"--output={tmp_path}").end is None
    assert keras.config.dtype_policy() == before
    rows = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert {row["precision"] for row in rows} == {"mixed_bfloat16"}
    (file,) = tmp_path.glob("*/S3/quantized_2bit/student.keras")
    student = keras.saving.load_model(file, compile=False)
    assert {layer.compute_dtype for layer in all_layers(student)} >= {"bfloat16"}
    assert student(np.zeros((1, 32, 32, 3))).dtype == "float32"


def test_bad_arguments_end_with_one_line():
    end = run_here("cifar10_paper.py", "--data_dir=missing").end
    assert end == "cifar10_paper: missing has no cifar10 and no cifar-10-batches-py"
