"""The residual networks of the paper's larger experiments."""

import functools
import math

import keras

layers = keras.layers


def wide_resnet(
    depth: int,
    width: int,
    classes: int,
    mean: tuple[float, ...],
    deviation: tuple[float, ...],
    weight_decay: float = 5e-4,
    dropout: float = 0.3,
) -> keras.Model:
    """WRN-depth-width for images of 32x32x3 from 0 to 255; float32 logits (arXiv 1605.07146).

    Convolutions have biases, as in the paper's code.

    Args:
        depth: 6n + 4, with n blocks in each of three groups.
        width: how many times 16, 32 and 64 filters the groups have.
        classes: number of logits.
        mean, deviation: of the channels of images from 0 to 1, which are normalized by them.
        weight_decay: the gradient's share of each weight.
        dropout: rate within the blocks; 0 for none.
    """
    if depth % 6 != 4:
        raise ValueError(f"depth must be 6n + 4; got {depth}")
    decay = keras.regularizers.L2(weight_decay / 2)
    convolution = functools.partial(
        layers.Conv2D, padding="same", kernel_regularizer=decay, bias_regularizer=decay
    )

    def activated(x):
        norm = layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, beta_regularizer=decay, gamma_regularizer=decay
        )
        return layers.ReLU()(norm(x))

    inputs = keras.Input((32, 32, 3))
    scale = [1 / (255 * each) for each in deviation]
    offset = [-m / d for m, d in zip(mean, deviation, strict=True)]
    x = convolution(16, 3, name="first")(layers.Rescaling(scale, offset)(inputs))
    for group in range(3):
        for block in range((depth - 4) // 6):
            filters, strides = 16 * width * 2**group, 2 if group and not block else 1
            y = convolution(filters, 3)(activated(x))
            y = layers.Dropout(dropout)(y) if dropout else y
            y = convolution(filters, 3, strides)(activated(y))
            if strides > 1 or x.shape[-1] != filters:
                x = convolution(filters, 1, strides)(x)
            x = layers.Add()([x, y])
    x = layers.GlobalAveragePooling2D()(activated(x))
    last = layers.Dense(
        classes, kernel_regularizer=decay, bias_regularizer=decay, dtype="float32", name="last"
    )
    return keras.Model(inputs, last(x), name=f"wrn_{depth}_{width}")


def resnet(
    blocks: tuple[int, ...], filters: int, classes: int, weight_decay: float, side: int = 224
) -> keras.Model:
    """ResNet of basic blocks for images from 0 to 255, [side, side, 3]; float32 logits.

    Args:
        blocks: how many in each group: (2, 2, 2, 2) of ResNet-18, (3, 4, 6, 3) of ResNet-34.
        filters: of the first group, 64 as published; each further group has twice as many.
        classes: number of logits.
        weight_decay: the gradient's share of each weight.
        side: height and width of the images.
    """
    decay = keras.regularizers.L2(weight_decay / 2)

    def convolution(x, count, size, strides, activate, name=None):
        kernel = layers.Conv2D(
            count, size, strides, "same", use_bias=False, kernel_regularizer=decay, name=name
        )
        x = kernel(x)
        x = layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, beta_regularizer=decay, gamma_regularizer=decay
        )(x)
        return layers.ReLU()(x) if activate else x

    inputs = keras.Input((side, side, 3))
    scale = [1 / (255 * each) for each in (0.229, 0.224, 0.225)]
    offset = [-0.485 / 0.229, -0.456 / 0.224, -0.406 / 0.225]
    x = layers.Rescaling(scale, offset)(inputs)
    x = convolution(x, filters, 7, 2, activate=True, name="first")
    x = layers.MaxPooling2D(3, 2, "same")(x)
    for group, number in enumerate(blocks):
        for block in range(number):
            count, strides = filters * 2**group, 2 if group and not block else 1
            y = convolution(x, count, 3, strides, activate=True)
            y = convolution(y, count, 3, 1, activate=False)
            if strides > 1 or x.shape[-1] != count:
                x = convolution(x, count, 1, strides, activate=False)
            x = layers.ReLU()(layers.Add()([x, y]))
    x = layers.GlobalAveragePooling2D()(x)
    last = layers.Dense(
        classes, kernel_regularizer=decay, bias_regularizer=decay, dtype="float32", name="last"
    )
    return keras.Model(inputs, last(x), name=f"resnet_{2 * sum(blocks) + 2}_{filters}")


def multiplications(model: keras.Model) -> int:
    """How often convolutions and Dense layers multiply by a weight, for one image."""
    count = 0
    for layer in model.layers:
        if isinstance(layer, (layers.Conv2D, layers.Dense)):
            count += math.prod(layer.kernel.shape) * math.prod(layer.output.shape[1:-1])
    return count
