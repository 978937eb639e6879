"""ImageNet from TFRecords, in batches that depend on the seed and the epoch alone."""

import functools
import os
import pathlib
from collections.abc import Sequence

import numpy as np
import tensorflow as tf

SHUFFLED = 10_000
FEATURES = {
    "image/encoded": tf.io.FixedLenFeature((), tf.string),
    "image/class/label": tf.io.FixedLenFeature((), tf.int64),
}


class Records:
    """TFRecords of encoded images as the data of `trainings.Trainer`.

    Records have ``image/encoded``, a JPEG or PNG, and ``image/class/label``, from 1 on, as the
    usual conversion of ImageNet writes them to files ``train-*`` and ``validation-*``.

    Args:
        folder: where the files lie.
        count: number of training images.
        batch: images a step, over all devices.
        seed: of the order of the images, and how they are cut and flipped.
        side: height and width that images are brought to.

    Raises:
        FileNotFoundError: when there are no files of one of the two names.
        ValueError: when there are fewer images than those of a step.
    """

    def __init__(self, folder: pathlib.Path, count: int, batch: int, seed: int, side: int = 224):
        self._train = _files(folder, "train")
        self._validation = _files(folder, "validation")
        self._batch, self._seed, self._side = batch, seed, side
        self.steps = count // batch
        if not self.steps:
            raise ValueError(f"{count:,} images to train on are less than a batch of {batch:,}")
        files = [*self._train, *self._validation]
        stored = sum(os.path.getsize(file) for file in files)
        self.described = f"{count:,} images of {len(files)} TFRecords, {stored:,} bytes"

    def train(self, start: int, stop: int) -> tf.data.Dataset:
        """The training batches of these steps, the first of which begins an epoch."""
        if start % self.steps:
            raise ValueError(f"start must be a multiple of {self.steps}; got {start}")
        epochs = map(self._epoch, range(start // self.steps, -(-stop // self.steps)))
        return functools.reduce(tf.data.Dataset.concatenate, epochs).take(stop - start)

    def held_out(self) -> tf.data.Dataset:
        """The validation images, their centres."""
        data = tf.data.TFRecordDataset(self._validation)
        data = data.map(lambda record: _centre(record, self._side), tf.data.AUTOTUNE)
        return data.batch(self._batch).prefetch(2)

    def _epoch(self, epoch: int) -> tf.data.Dataset:
        """The batches of one epoch: files, then images, in an order of its own."""
        seed = tf.constant([epoch, self._seed], tf.int64)
        files = tf.random.experimental.stateless_shuffle(tf.constant(self._train), seed)
        data = tf.data.Dataset.from_tensor_slices(files).interleave(
            tf.data.TFRecordDataset,
            cycle_length=16,
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        data = data.shuffle(SHUFFLED, seed=epoch, reshuffle_each_iteration=False).enumerate()
        data = data.map(
            lambda place, record: _moved(record, seed + place, self._side),
            tf.data.AUTOTUNE,
            deterministic=True,
        )
        return data.repeat().batch(self._batch, drop_remainder=True).take(self.steps)


def _files(folder: pathlib.Path, part: str) -> Sequence[str]:
    files = sorted(str(file) for file in folder.glob(f"{part}-*"))
    if not files:
        raise FileNotFoundError(f"{folder} has no {part}-*")
    return files


def _moved(record: tf.Tensor, seed: tf.Tensor, side: int) -> tuple[tf.Tensor, tf.Tensor]:
    """A random part of the image, of 8 to 100 % of its area, perhaps flipped."""
    image, label = _image(record)
    start, size, _ = tf.image.stateless_sample_distorted_bounding_box(
        tf.shape(image),
        tf.constant([0.0, 0.0, 1.0, 1.0], shape=(1, 1, 4)),
        seed,
        aspect_ratio_range=(3 / 4, 4 / 3),
        area_range=(0.08, 1.0),
    )
    image = tf.image.resize(tf.slice(image, start, size), (side, side))
    image = tf.image.stateless_random_flip_left_right(image, seed)
    return tf.ensure_shape(image, (side, side, 3)), label


def _centre(record: tf.Tensor, side: int) -> tuple[tf.Tensor, tf.Tensor]:
    """The middle of the image, seven eighths of its shorter side."""
    image, label = _image(record)
    shorter = tf.reduce_min(tf.shape(image)[:2]) * 7 // 8
    image = tf.image.resize_with_crop_or_pad(image, shorter, shorter)
    return tf.ensure_shape(tf.image.resize(image, (side, side)), (side, side, 3)), label


def _image(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    parsed = tf.io.parse_single_example(record, FEATURES)
    image = tf.io.decode_image(parsed["image/encoded"], 3, expand_animations=False)
    return tf.ensure_shape(image, (None, None, 3)), parsed["image/class/label"] - 1


def write_random(folder: pathlib.Path, counts: dict[str, int]) -> None:
    """Records of random images of ten classes, to try a program out.

    Args:
        folder: where the files go; made when missing.
        counts: number of images by part, ``"train"`` or ``"validation"``.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(0)
    for part, count in counts.items():
        with tf.io.TFRecordWriter(str(folder / f"{part}-00000-of-00001")) as writer:
            for label in rng.integers(1, 11, count):
                image = rng.integers(0, 256, (*rng.integers(40, 60, 2), 3), np.uint8)
                writer.write(_record(tf.io.encode_jpeg(image).numpy(), int(label)))


def _record(encoded: bytes, label: int) -> bytes:
    feature = {
        "image/encoded": tf.train.Feature(bytes_list=tf.train.BytesList(value=[encoded])),
        "image/class/label": tf.train.Feature(int64_list=tf.train.Int64List(value=[label])),
    }
    return tf.train.Example(features=tf.train.Features(feature=feature)).SerializeToString()
