"""Images, batches and the float model of the ResNet-8 example."""

import pathlib
import pickle
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfqd.callbacks import reestimate_batch_norm

BATCH = 128
PAD = 4


class Images(NamedTuple):
    """Images uint8 [n, 32, 32, 3] and labels int64 [n], to train and to measure on."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def batches(images: Images, seed: int, start: int, stop: int, shift: int | None = None):
    """The training batches from step `start` to `stop`.

    They depend on the seed and the step alone, so a training that is resumed
    sees what it would have seen: every epoch in an order of its own, images moved
    by up to `shift` pixels and flipped at random; as they are when it is None.
    """
    x = tf.constant(np.pad(images.x_train, ((0, 0), (PAD, PAD), (PAD, PAD), (0, 0))))
    y = tf.constant(images.y_train)
    count = len(images.x_train)
    steps = count // BATCH

    def batch(step):
        epoch, place = step // steps, step % steps
        positions = tf.range(BATCH, dtype=tf.int64) + place * BATCH
        order = tf.random.experimental.index_shuffle(
            positions, seed=tf.stack([tf.cast(epoch, tf.int64), seed]), max_index=count - 1
        )
        rows, columns = _crops(tf.stack([tf.cast(step, tf.int64), seed]), shift)
        cropped = tf.gather(tf.gather(x, order), rows, batch_dims=1)
        cropped = tf.gather(cropped, columns, axis=2, batch_dims=1)
        return tf.cast(cropped, tf.float32), tf.gather(y, order)

    return tf.data.Dataset.range(start, stop).map(batch, num_parallel_calls=1).prefetch(2)


def _crops(seed: tf.Tensor, shift: int | None) -> tuple[tf.Tensor, tf.Tensor]:
    """Rows and columns of each image of a batch: int32 [batch, 32] each."""
    size = tf.range(32)[None, :]
    if shift is None:
        whole = tf.repeat(size + PAD, BATCH, axis=0)
        return whole, whole
    low, high = PAD - shift, PAD + shift + 1
    shifts = tf.random.stateless_uniform([2, BATCH, 1], seed, low, high, tf.int32)
    flips = tf.random.stateless_uniform([BATCH, 1], seed + 1, 0, 2, tf.int32)
    columns = tf.where(flips == 1, size[:, ::-1], size)
    return shifts[0] + size, shifts[1] + columns


def held_out(images: Images, count: int = 5000) -> Images:
    """The training images alone, some of them held out."""
    order = np.random.default_rng(0).permutation(len(images.x_train))
    count = min(count, len(order) // 10)
    held, kept = order[:count], order[count:]
    x, y = images.x_train, images.y_train
    return Images(x[kept], y[kept], x[held], y[held])


def load(folder: str | None, announce=print) -> tuple[Images, keras.Model, str]:
    """The images, the trained float model, and a word on where they come from."""
    if folder is None:
        images = _digits()
        return images, _trained_on(images, announce), "scikit-learn's digits, enlarged to 32x32"
    root = pathlib.Path(folder)
    model_file = root / "models" / "resnet8_cifar10.h5"
    if not model_file.exists():
        raise FileNotFoundError(f"{model_file} is not there")
    model = keras.models.load_model(model_file, compile=False)
    return _cifar10(root), model, "CIFAR-10"


def better_teacher_file(folder: str | None) -> pathlib.Path | None:
    """Where a trained ResNet-20 lies; None where there is none."""
    file = pathlib.Path(folder or "") / "models" / "resnet20_cifar10.keras"
    return file if folder is not None and file.exists() else None


def better_teacher(file: pathlib.Path) -> keras.Model:
    """The ResNet-20, answering with probabilities, as the ResNet-8 does."""
    model = keras.models.load_model(file, compile=False)
    return keras.Model(model.inputs, keras.layers.Softmax()(model.outputs[0]), name="resnet20")


def _cifar10(root: pathlib.Path) -> Images:
    if (root / "cifar-10-batches-py").is_dir():
        return Images(
            *_pickled(sorted((root / "cifar-10-batches-py").glob("data_batch_*"))),
            *_pickled([root / "cifar-10-batches-py" / "test_batch"]),
        )
    if not (root / "cifar10").is_dir():
        raise FileNotFoundError(f"{root} has no cifar10 and no cifar-10-batches-py")
    return Images(*_sheets(root / "cifar10", "train"), *_sheets(root / "cifar10", "test"))


def _pickled(files) -> tuple[np.ndarray, np.ndarray]:
    batches = [pickle.loads(file.read_bytes(), encoding="bytes") for file in files]
    x = np.concatenate([batch[b"data"] for batch in batches]).reshape(-1, 3, 32, 32)
    y = np.concatenate([batch[b"labels"] for batch in batches]).astype(np.int64)
    return np.ascontiguousarray(x.transpose(0, 2, 3, 1)), y


def _sheets(folder: pathlib.Path, part: str) -> tuple[np.ndarray, np.ndarray]:
    """Contact sheets of 25 by 40 images, and their labels."""
    from PIL import Image

    sheets = [np.asarray(Image.open(file).convert("RGB")) for file in _files(folder, part)]
    x = [sheet.reshape(25, 32, 40, 32, 3).transpose(0, 2, 1, 3, 4) for sheet in sheets]
    labels = np.load(folder / f"{part}_labels.npy").astype(np.int64)
    return np.concatenate([each.reshape(1000, 32, 32, 3) for each in x]), labels


def _files(folder: pathlib.Path, part: str) -> list[pathlib.Path]:
    return sorted(folder.glob(f"{part}_*.webp"))


def _digits() -> Images:
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    x = np.kron(x.reshape(-1, 8, 8, 1), np.ones((1, 4, 4, 3))) * (255 / 16)
    order = np.random.default_rng(0).permutation(len(x))
    x, y = x[order].astype(np.uint8), y[order].astype(np.int64)
    return Images(x[500:], y[500:], x[:500], y[:500])


def _trained_on(images: Images, announce) -> keras.Model:
    """A ResNet-8 trained from scratch for a minute."""
    announce("No --data_dir: training a float ResNet-8 on the digits first")
    keras.utils.set_random_seed(0)
    model = resnet8()
    model.compile("adam", "sparse_categorical_crossentropy", jit_compile=False)
    steps = len(images.x_train) // BATCH
    model.fit(
        batches(images, 0, 0, 15 * steps, shift=2), epochs=15, steps_per_epoch=steps, verbose=0
    )
    reestimate_batch_norm(model, batches(images, 0, 0, steps, shift=2))
    return model


def resnet8() -> keras.Model:
    """The MLPerf Tiny ResNet-8: 78,666 weights, inputs 0 to 255, softmax outputs."""
    layers = keras.layers

    def convolution(x, filters, size, strides):
        return layers.Conv2D(filters, size, strides, "same", kernel_initializer="he_normal")(x)

    inputs = keras.Input((32, 32, 3))
    x = layers.ReLU()(layers.BatchNormalization()(convolution(inputs, 16, 3, 1)))
    for filters, strides in ((16, 1), (32, 2), (64, 2)):
        y = layers.ReLU()(layers.BatchNormalization()(convolution(x, filters, 3, strides)))
        y = layers.BatchNormalization()(convolution(y, filters, 3, 1))
        x = x if strides == 1 else convolution(x, filters, 1, strides)
        x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.Flatten()(layers.AveragePooling2D(8)(x))
    return keras.Model(inputs, layers.Dense(10, "softmax")(x), name="resnet8")
