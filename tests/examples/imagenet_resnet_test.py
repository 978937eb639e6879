"""The ImageNet experiment, on a few records of random images and two logical devices."""

import json
import re

import example_modules
import numpy as np
import pytest
from imagenet_data import Records, write_random
from paper_results import PAGE
from residual_networks import multiplications, resnet


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Twelve records to train on, five to measure on."""
    folder = tmp_path_factory.mktemp("records")
    write_random(folder, {"train": 12, "validation": 5})
    return folder


def batches(data):
    return [(x.numpy(), y.numpy()) for x, y in data]


def test_batches_of_an_epoch_are_the_same_wherever_a_training_begins(folder):
    data = Records(folder, count=12, batch=4, seed=3, side=16)
    assert data.steps == 3
    whole, resumed = batches(data.train(0, 6)), batches(data.train(3, 6))
    assert len(whole) == 6
    assert all(x.shape == (4, 16, 16, 3) and set(y) <= set(range(10)) for x, y in whole)
    for (x, y), (expected, labels) in zip(resumed, whole[3:], strict=True):
        np.testing.assert_array_equal(x, expected)
        np.testing.assert_array_equal(y, labels)
    first, second = (
        sorted(np.concatenate([y for _, y in part])) for part in (whole[:3], whole[3:])
    )
    assert first == second, "an epoch sees each image once"
    assert not np.array_equal(whole[0][0], whole[3][0]), "and cuts it anew"
    with pytest.raises(ValueError, match="start must be a multiple of 3; got 1"):
        data.train(1, 3)


def test_validation_sees_all_images(folder):
    labels = np.concatenate([y for _, y in batches(Records(folder, 12, 4, 3, 16).held_out())])
    assert len(labels) == 5


def test_a_folder_without_records_is_refused(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"has no train-\*"):
        Records(tmp_path, 12, 4, 3)


def test_the_page_says_what_the_program_counts():
    told = example_modules.run_here("imagenet_resnet.py", "--cost").stdout
    (operations,) = re.findall(r"[\d.]+ TFLOP", told)
    weights, outputs = re.findall(r"[\d.]+ GB", told)
    page = " ".join(PAGE.read_text(encoding="utf-8").split("## ImageNet")[1].split())
    assert f"a step of 256 images takes {operations} " in page
    assert f"{weights} of weights, gradients and momentum, and at most {outputs} for" in page


def test_networks_have_the_papers_parameters():
    counts = [
        sum(weight.shape.num_elements() for weight in model.trainable_weights)
        for model in (
            resnet((3, 4, 6, 3), 64, 1000, 1e-4),
            resnet((2, 2, 2, 2), 128, 1000, 1e-4),
        )
    ]
    assert counts == [21_797_672, 45_693_032]


def test_multiplications_are_counted_by_hand():
    model = resnet((1,), 2, 3, 0.0, side=8)
    first, block, last = 4 * 4 * 2 * 7 * 7 * 3, 2 * (2 * 2 * 2 * 3 * 3 * 2), 2 * 3
    assert multiplications(model) == first + block + last


def test_smoke_trains_teacher_and_quantized_student_on_two_devices(tmp_path):
    arguments = ["--smoke", "--devices=2", "--runs=quantized_4bit", f"--output={tmp_path}"]
    process = example_modules.run("imagenet_resnet.py", *arguments)
    assert process.returncode == 0, process.stderr
    assert "device:CPU:1" in process.stderr
    rows = {row["run"]: row for row in json.loads((tmp_path / "results.json").read_text())["rows"]}
    assert list(rows) == ["labels", "quantized_4bit"]
    (archive,) = tmp_path.glob("*/student/quantized_4bit/student.tfqd")
    assert archive.stat().st_size == rows["quantized_4bit"]["bytes"]
