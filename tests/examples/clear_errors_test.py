"""What is wrong with the data, the results or the arguments of the examples is said in one line."""

import pickle

import example_modules  # noqa: F401
import numpy as np
import pytest
from cifar_data import ImageBatches, cifar10, cifar100, digits
from example_modules import run_here
from imagenet_data import Records, write_random
from PIL import Image
from results_file import ResultsFile


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "is no JSON"),
        ("", "is no JSON"),
        ("{}", "is no results file"),
        ("[]", "is no results file"),
        ('{"data": "points", "rows": [1]}', "is no results file"),
        ('{"data": "points", "rows": {}}', "is no results file"),
    ],
)
def test_what_is_no_results_file_is_named(tmp_path, content, said):
    (tmp_path / "r.json").write_text(content, encoding="utf-8")
    with pytest.raises(ValueError, match=rf"r\.json {said}"):
        ResultsFile(tmp_path / "r.json", {"data": "points"})


def batch(count):
    return {b"data": np.zeros((count, 3072), np.uint8), b"labels": [0] * count}


def cifar_folder(folder, **files):
    """cifar-10-batches-py with these files: bytes, or what is pickled."""
    (folder / "cifar-10-batches-py").mkdir()
    for name, content in files.items():
        written = content if isinstance(content, bytes) else pickle.dumps(content)
        (folder / "cifar-10-batches-py" / name).write_bytes(written)


@pytest.mark.parametrize(
    "content",
    [b"no pickle", b"", pickle.dumps(batch(3))[:50], [1], {}, batch(3) | {b"labels": [0]}],
)
def test_a_broken_batch_is_named(tmp_path, content):
    cifar_folder(tmp_path, data_batch_1=content, test_batch=batch(2))
    with pytest.raises(ValueError, match="data_batch_1 is no batch of CIFAR"):
        cifar10(tmp_path)


def test_batches_of_another_cifar_are_named(tmp_path):
    (tmp_path / "cifar-100-python").mkdir()
    for part in ("train", "test"):
        (tmp_path / "cifar-100-python" / part).write_bytes(pickle.dumps(batch(3)))
    with pytest.raises(ValueError, match="train is no batch of CIFAR"):
        cifar100(tmp_path)


@pytest.mark.parametrize("files", [{}, {"test_batch": batch(2)}, {"data_batch_1": batch(2)}])
def test_a_folder_that_lacks_batches_is_named(tmp_path, files):
    cifar_folder(tmp_path, **files)
    with pytest.raises(FileNotFoundError, match=r"cifar-10-batches-py has no (data|test)_batch"):
        cifar10(tmp_path)


def sheets(folder, train, labels):
    (folder / "cifar10").mkdir()
    for name in (*train, "test_0"):
        Image.new("RGB", (40 * 32, 25 * 32)).save(folder / "cifar10" / f"{name}.webp")
    for part, count in (("train", labels), ("test", 1000)):
        np.save(folder / "cifar10" / f"{part}_labels.npy", np.zeros(count))


def test_a_missing_contact_sheet_shifts_no_labels(tmp_path):
    sheets(tmp_path, ["train_0", "train_2"], 3000)
    with pytest.raises(
        ValueError, match=r"2,000 images in 2 files train_\*\.webp, but 3,000 labels"
    ):
        cifar10(tmp_path)


def test_a_folder_without_contact_sheets_is_named(tmp_path):
    sheets(tmp_path, [], 3000)
    with pytest.raises(FileNotFoundError, match=r"cifar10 has no train_\*\.webp"):
        cifar10(tmp_path)


def test_less_than_a_batch_is_refused(tmp_path):
    with pytest.raises(ValueError, match="1,168 images to train on are less than a batch of 2,000"):
        ImageBatches(digits(), 1, 4, 2000)
    write_random(tmp_path, {"train": 2, "validation": 2})
    with pytest.raises(ValueError, match="40 images to train on are less than a batch of 256"):
        Records(tmp_path, 40, 256, 1)


def test_a_program_says_that_there_are_too_few_images(tmp_path):
    cifar_folder(tmp_path, data_batch_1=batch(20), test_batch=batch(2))
    end = run_here("cifar10_paper.py", f"--data_dir={tmp_path}", f"--output={tmp_path}/out").end
    assert end == "cifar10_paper: 18 images to train on are less than a batch of 25"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--seeds=-1"], "--seeds must be whole numbers from 0 on; got ['-1']"),
        (["--seeds=one"], "--seeds must be whole numbers from 0 on; got ['one']"),
        (["--seeds="], "--seeds must be whole numbers from 0 on; got []"),
        (["--teacher=missing.keras"], "--teacher=missing.keras: there is no such file"),
    ],
)
def test_bad_arguments_end_with_one_line(tmp_path, arguments, said):
    end = run_here("cifar10_paper.py", f"--output={tmp_path}", "--runs=labels", *arguments).end
    assert end == f"cifar10_paper: {said}"


def test_a_teacher_that_is_no_model_ends_with_one_line(tmp_path):
    (tmp_path / "t.keras").write_bytes(b"no model")
    end = run_here(
        "cifar10_paper.py", f"--output={tmp_path}", "--budget=0", f"--teacher={tmp_path}/t.keras"
    ).end
    assert end.startswith(f"cifar10_paper: --teacher={tmp_path}/t.keras")
    assert "\n" not in end
