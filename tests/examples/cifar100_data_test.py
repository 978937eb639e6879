"""CIFAR-100 is read from the files that its authors give."""

import io
import pickle

import example_modules  # noqa: F401
import numpy as np
import pytest
from cifar_data import cifar100
from example_modules import run_here

CLASSES = np.random.default_rng(0).permutation(100)


class _Python2Pickler(pickle._Pickler):
    """Writes bytes as the strings of Python 2, by which the data set was written."""

    def save_string(self, value):
        self.write(pickle.BINSTRING + len(value).to_bytes(4, "little") + value)
        self.memoize(value)

    dispatch = {**pickle._Pickler.dispatch, bytes: save_string}  # noqa: RUF012


def written(content):
    """The bytes of a file of the data set."""
    file = io.BytesIO()
    _Python2Pickler(file, protocol=2).dump(content)
    return file.getvalue().replace(b"cnumpy._core.", b"cnumpy.core.")


def batch(part, classes):
    return {
        b"filenames": [b"image_%d.png" % number for number in range(len(classes))],
        b"batch_label": b"%s batch 1 of 1" % part,
        b"fine_labels": classes.tolist(),
        b"coarse_labels": (classes // 5).tolist(),
        b"data": np.random.default_rng(len(part)).integers(0, 256, (len(classes), 3072), np.uint8),
    }


TRAIN, TEST = batch(b"training", CLASSES), batch(b"testing", CLASSES[:20])
META = {
    b"fine_label_names": [b"fine %d" % number for number in range(100)],
    b"coarse_label_names": [b"coarse %d" % number for number in range(20)],
}


@pytest.fixture(name="root")
def folder_of_files(tmp_path):
    """A folder with cifar-100-python, of 100 images to train on and 20 to test."""
    folder = tmp_path / "cifar-100-python"
    folder.mkdir()
    for name, content in {"train": TRAIN, "test": TEST, "meta": META}.items():
        (folder / name).write_bytes(written(content))
    return tmp_path


def test_images_have_their_colours_and_their_fine_labels(root):
    images = cifar100(root)
    for x, y, part in (
        (images.x_train, images.y_train, TRAIN),
        (images.x_test, images.y_test, TEST),
    ):
        assert (x.dtype, y.dtype) == ("uint8", "int64")
        assert x.shape == (len(y), 32, 32, 3)
        assert y.tolist() == part[b"fine_labels"]
        for colour in range(3):  # one after the other in the file, row by row
            plane = part[b"data"][:, 1024 * colour : 1024 * (colour + 1)]
            np.testing.assert_array_equal(x[..., colour].reshape(-1, 1024), plane)
    assert {*images.y_train.tolist()} == {*range(100)}


def test_the_program_reads_them(root):
    end = run_here("cifar_wide_resnet.py", "--classes=100", f"--data_dir={root}").end
    assert end == "cifar_wide_resnet: 90 images to train on are less than a batch of 110"


def test_a_folder_that_is_not_there_is_named(tmp_path):
    end = run_here("cifar_wide_resnet.py", "--classes=100", f"--data_dir={tmp_path}").end
    assert end == f"cifar_wide_resnet: {tmp_path} has no cifar-100-python"


@pytest.mark.parametrize("part", ["train", "test"])
def test_a_file_that_is_not_there_is_named(part, root):
    (root / "cifar-100-python" / part).unlink()
    with pytest.raises(FileNotFoundError, match=f"cifar-100-python has no {part}"):
        cifar100(root)


@pytest.mark.parametrize(
    "content",
    [
        written(TRAIN)[:-5000],
        written({key: value for key, value in TRAIN.items() if key != b"fine_labels"}),
        written({**TRAIN, b"fine_labels": [0] * 99}),
        written({**TRAIN, b"data": TRAIN[b"data"][:, :3071]}),
        written(META),
    ],
    ids=["cut off", "coarse labels alone", "a label too few", "images too small", "another file"],
)
def test_a_broken_file_is_named(content, root):
    (root / "cifar-100-python" / "train").write_bytes(content)
    with pytest.raises(ValueError, match="train is no batch of CIFAR"):
        cifar100(root)
