"""CIFAR-10 and other small images, in batches that depend on nothing but the step."""

import pathlib
import pickle
from typing import NamedTuple

import numpy as np
import tensorflow as tf

PAD = 4


class Images(NamedTuple):
    """Images uint8 [n, 32, 32, 3] and labels int64 [n], to train and to measure on."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def batches(
    images: Images, seed: int, start: int, stop: int, shift: int | None = None, size: int = 128
) -> tf.data.Dataset:
    """The training batches of `size` images from step `start` to `stop`.

    They depend on the seed and the step alone, so a training that is resumed
    sees what it would have seen: every epoch in an order of its own, images moved
    by up to `shift` pixels and flipped at random; as they are when it is None.
    """
    x = tf.constant(np.pad(images.x_train, ((0, 0), (PAD, PAD), (PAD, PAD), (0, 0))))
    y = tf.constant(images.y_train)
    count = len(images.x_train)
    steps = count // size

    def batch(step):
        epoch, place = step // steps, step % steps
        positions = tf.range(size, dtype=tf.int64) + place * size
        order = tf.random.experimental.index_shuffle(
            positions, seed=tf.stack([tf.cast(epoch, tf.int64), seed]), max_index=count - 1
        )
        rows, columns = _crops(tf.stack([tf.cast(step, tf.int64), seed]), shift, size)
        cropped = tf.gather(tf.gather(x, order), rows, batch_dims=1)
        cropped = tf.gather(cropped, columns, axis=2, batch_dims=1)
        return tf.cast(cropped, tf.float32), tf.gather(y, order)

    return tf.data.Dataset.range(start, stop).map(batch, num_parallel_calls=1).prefetch(2)


def _crops(seed: tf.Tensor, shift: int | None, count: int) -> tuple[tf.Tensor, tf.Tensor]:
    """Rows and columns of each image of a batch: int32 [count, 32] each."""
    size = tf.range(32)[None, :]
    if shift is None:
        whole = tf.repeat(size + PAD, count, axis=0)
        return whole, whole
    low, high = PAD - shift, PAD + shift + 1
    shifts = tf.random.stateless_uniform([2, count, 1], seed, low, high, tf.int32)
    flips = tf.random.stateless_uniform([count, 1], seed + 1, 0, 2, tf.int32)
    columns = tf.where(flips == 1, size[:, ::-1], size)
    return shifts[0] + size, shifts[1] + columns


def held_out(images: Images, count: int = 5000) -> Images:
    """The training images alone, some of them held out."""
    order = np.random.default_rng(0).permutation(len(images.x_train))
    count = min(count, len(order) // 10)
    held, kept = order[:count], order[count:]
    x, y = images.x_train, images.y_train
    return Images(x[kept], y[kept], x[held], y[held])


class ImageBatches:
    """Images in memory as the data of `trainings.Trainer`; some to train on are held out.

    Args:
        images: with labels.
        seed: of the order of the images and how they are moved.
        shift: pixels by which they are moved at random.
        size: images a step.

    Raises:
        ValueError: when there are fewer images than those of a step.
    """

    def __init__(self, images: Images, seed: int, shift: int, size: int):
        self._images, self._parts = images, held_out(images)
        self._seed, self._shift, self._size = seed, shift, size
        self.steps = len(self._parts.x_train) // size
        if not self.steps:
            count = len(self._parts.x_train)
            raise ValueError(f"{count:,} images to train on are less than a batch of {size:,}")

    def train(self, start: int, stop: int) -> tf.data.Dataset:
        """The training batches of these steps."""
        return batches(self._parts, self._seed, start, stop, self._shift, self._size)

    def held_out(self) -> tf.data.Dataset:
        """Images that are not trained on."""
        return _in_order(self._parts.x_test, self._parts.y_test)

    def test(self) -> tf.data.Dataset:
        """The images to measure on at the end."""
        return _in_order(self._images.x_test, self._images.y_test)


def _in_order(x: np.ndarray, y: np.ndarray) -> tf.data.Dataset:
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(500)
    return data.map(lambda images, labels: (tf.cast(images, tf.float32), labels))


def cifar10(root: pathlib.Path) -> Images:
    """CIFAR-10 of ``root/cifar10`` (contact sheets) or ``root/cifar-10-batches-py``.

    Raises:
        FileNotFoundError: when neither is there, or files are missing in it.
        ValueError: when a file is broken, or there are not as many labels as images.
    """
    folder = root / "cifar-10-batches-py"
    if folder.is_dir():
        train, test = _files(folder, "data_batch_*"), _files(folder, "test_batch")
        return Images(*_pickled(train), *_pickled(test))
    if not (root / "cifar10").is_dir():
        raise FileNotFoundError(f"{root} has no cifar10 and no cifar-10-batches-py")
    return Images(*_sheets(root / "cifar10", "train"), *_sheets(root / "cifar10", "test"))


def cifar100(root: pathlib.Path) -> Images:
    """CIFAR-100 of ``root/cifar-100-python``, with its 100 fine labels.

    Raises:
        FileNotFoundError: when it is not there, or a file is missing in it.
        ValueError: when a file is broken, or has no fine label of each image.
    """
    folder = root / "cifar-100-python"
    if not folder.is_dir():
        raise FileNotFoundError(f"{root} has no cifar-100-python")
    files = [_files(folder, part) for part in ("train", "test")]
    return Images(*(part for each in files for part in _pickled(each, b"fine_labels")))


def _pickled(files, labels: bytes = b"labels") -> tuple[np.ndarray, np.ndarray]:
    x, y = zip(*(_batch(file, labels) for file in files), strict=True)
    return np.concatenate(x), np.concatenate(y)


def _batch(file: pathlib.Path, labels: bytes) -> tuple[np.ndarray, np.ndarray]:
    try:
        batch = pickle.loads(file.read_bytes(), encoding="bytes")
        x = np.reshape(batch[b"data"], (-1, 3, 32, 32))
        y = np.reshape(batch[labels], len(x)).astype(np.int64)
    except (pickle.UnpicklingError, EOFError, LookupError, TypeError, ValueError) as error:
        raise ValueError(f"{file} is no batch of CIFAR: {error!r}") from error
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)), y


def _sheets(folder: pathlib.Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Contact sheets of 25 by 40 images, and their labels."""
    from PIL import Image

    pattern = f"{part}_*.webp"
    files = _files(folder, pattern)
    sheets = [np.asarray(Image.open(file).convert("RGB")) for file in files]
    x = [sheet.reshape(25, 32, 40, 32, 3).transpose(0, 2, 1, 3, 4) for sheet in sheets]
    x = np.concatenate([each.reshape(1000, 32, 32, 3) for each in x])
    labels = np.load(folder / f"{part}_labels.npy").astype(np.int64)
    if len(x) != len(labels):
        raise ValueError(
            f"{folder} has {len(x):,} images in {len(files)} files {pattern}, "
            f"but {len(labels):,} labels"
        )
    return x, labels


def _files(folder: pathlib.Path, pattern: str) -> list[pathlib.Path]:
    files = sorted(folder.glob(pattern))
    if not files:
        raise FileNotFoundError(f"{folder} has no {pattern}")
    return files


def digits() -> Images:
    """scikit-learn's digits, enlarged to 32x32."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = np.kron(x.reshape(-1, 8, 8, 1), np.ones((1, 4, 4, 3))) * (255 / 16)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order].astype(np.uint8), y[order].astype(np.int64)
    return Images(x[500:], y[500:], x[:500], y[:500])
