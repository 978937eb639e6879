"""The network that several benchmarks time."""

import keras


def resnet20(width: int = 16) -> keras.Model:
    """ResNet-20 for CIFAR-10: three stages of three blocks, of width, 2 width and 4 width.

    The layer before the logits is called ``features``.
    """
    layers = keras.layers

    def block(x, filters, stride):
        y = layers.Conv2D(filters, 3, stride, padding="same", use_bias=False)(x)
        y = layers.ReLU()(layers.BatchNormalization()(y))
        y = layers.Conv2D(filters, 3, padding="same", use_bias=False)(y)
        y = layers.BatchNormalization()(y)
        if stride != 1:
            x = layers.Conv2D(filters, 1, stride, use_bias=False)(x)
            x = layers.BatchNormalization()(x)
        return layers.ReLU()(layers.Add()([x, y]))

    inputs = keras.Input((32, 32, 3))
    x = layers.Conv2D(width, 3, padding="same", use_bias=False)(inputs)
    x = layers.ReLU()(layers.BatchNormalization()(x))
    for factor, stride in ((1, 1), (2, 2), (4, 2)):
        for index in range(3):
            x = block(x, factor * width, stride if index == 0 else 1)
    x = layers.GlobalAveragePooling2D(name="features")(x)
    return keras.Model(inputs, layers.Dense(10)(x), name="resnet20")
