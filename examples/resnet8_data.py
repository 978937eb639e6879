"""The images and the float model of the ResNet-8 example."""

import pathlib

import keras
from cifar_data import Images, batches, cifar10, digits

from tfqd.callbacks import reestimate_batch_norm

BATCH = 128


def load(folder: str | None, announce=print) -> tuple[Images, keras.Model, str]:
    """The images, the trained float model, and a word on where they come from."""
    if folder is None:
        images = digits()
        return images, _trained_on(images, announce), "scikit-learn's digits, enlarged to 32x32"
    root = pathlib.Path(folder)
    model_file = root / "models" / "resnet8_cifar10.h5"
    if not model_file.exists():
        raise FileNotFoundError(f"{model_file} is not there")
    model = keras.models.load_model(model_file, compile=False)
    return cifar10(root), model, "CIFAR-10"


def float_network(
    folder: str | None, network: str = "resnet8", smoke: bool = False
) -> tuple[Images, keras.Model, str]:
    """As `load`, of the one network or the other; of an untrained one for a smoke test.

    Raises:
        ValueError: for a ResNet-20 where there is none.
    """
    if smoke:
        return digits(), resnet8(), "a few of the digits, and an untrained network"
    images, model, source = load(folder)
    if network == "resnet8":
        return images, model, source
    file = better_teacher_file(folder)
    if file is None:
        raise ValueError("--network=resnet20 needs models/resnet20_cifar10.keras in --data_dir")
    return images, better_teacher(file), source


def better_teacher_file(folder: str | None) -> pathlib.Path | None:
    """Where a trained ResNet-20 lies; None where there is none."""
    file = pathlib.Path(folder or "") / "models" / "resnet20_cifar10.keras"
    return file if folder is not None and file.exists() else None


def better_teacher(file: pathlib.Path) -> keras.Model:
    """The ResNet-20, answering with probabilities, as the ResNet-8 does."""
    model = keras.models.load_model(file, compile=False)
    return keras.Model(model.inputs, keras.layers.Softmax()(model.outputs[0]), name="resnet20")


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
