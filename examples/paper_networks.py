"""The convolutional networks of the paper's CIFAR-10 experiments (its Table 1).

Every convolution and every hidden Dense layer is followed by ReLU, then BatchNormalization;
some by max-pooling, and in training from labels by Dropout. The last layer's outputs, the
logits, go through a ReLU too, as in the authors' code.
"""

import dataclasses

import keras


@dataclasses.dataclass(frozen=True)
class Network:
    """One of the networks.

    filters: of the convolutions, block by block; each block ends with max-pooling.
    dense: units of the hidden Dense layers.
    size: of the convolutions' kernels.
    parameters: trainable ones, with 10 classes.
    pool_dropout, dense_dropout: rates after each pooling and each hidden Dense layer.
    """

    filters: tuple[tuple[int, ...], ...]
    dense: tuple[int, ...]
    size: int
    parameters: int
    pool_dropout: tuple[float, ...]
    dense_dropout: tuple[float, ...]


NETWORKS = {
    "teacher": Network(
        filters=((76, 76), (126, 126), (148, 148, 148, 148)),
        dense=(1200, 1200),
        size=3,
        parameters=5_346_142,
        pool_dropout=(0.2, 0.3, 0.35),
        dense_dropout=(0.4, 0.4),
    ),
    "S1": Network(((75, 50), (50, 25)), (500,), 5, 1_000_235, (0.2, 0.3), (0.4,)),
    "S2": Network(((50, 25), (25, 10)), (400,), 5, 318_415, (0.2, 0.3), (0.4,)),
    "S3": Network(((25, 10), (10, 5)), (300,), 5, 111_935, (0.2, 0.3), (0.4,)),
}


def build(name: str, weight_decay: float, dropout: bool) -> keras.Model:
    """The network for images of 32x32x3 from 0 to 255; 10 logits.

    Args:
        name: ``"teacher"``, ``"S1"``, ``"S2"`` or ``"S3"``.
        weight_decay: the gradient's share of each weight, as PyTorch counts it, of all
            weights; as L2 penalties, so that momentum applies to it.
        dropout: whether it has its Dropout; the distilled small students have none.
    """
    network, layers = NETWORKS[name], keras.layers
    decay = keras.regularizers.L2(weight_decay / 2)

    def activated(layer, x):
        x = layers.ReLU()(layer(x))
        norm = layers.BatchNormalization(
            momentum=0.9, epsilon=1e-5, beta_regularizer=decay, gamma_regularizer=decay
        )
        return norm(x)

    def dropped(kind, rate, x):
        return kind(rate)(x) if dropout else x

    penalties = {"kernel_regularizer": decay, "bias_regularizer": decay}
    inputs = keras.Input((32, 32, 3))
    x = layers.Rescaling(1 / 127.5, offset=-1)(inputs)
    for block, rate in zip(network.filters, network.pool_dropout, strict=True):
        for filters in block:
            x = activated(layers.Conv2D(filters, network.size, padding="same", **penalties), x)
        x = dropped(layers.SpatialDropout2D, rate, layers.MaxPooling2D(2)(x))
    x = layers.Flatten()(x)
    for units, rate in zip(network.dense, network.dense_dropout, strict=True):
        x = dropped(layers.Dropout, rate, activated(layers.Dense(units, **penalties), x))
    # Under mixed precision too: what is close in 16 bits is equal.
    outputs = layers.Dense(10, "relu", **penalties, dtype="float32", name="logits")(x)
    model = keras.Model(inputs, outputs, name=name)
    counted = sum(weight.shape.num_elements() for weight in model.trainable_weights)
    if counted != network.parameters:
        raise RuntimeError(f"{name} has {counted:,} parameters, the paper's {network.parameters:,}")
    return model
