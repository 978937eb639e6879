"""Small models and data that the tests of distillation share."""

import keras
import numpy as np

RNG = np.random.default_rng(0)
X = RNG.normal(size=(96, 6)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.int64) + (X[:, 1] > 0)
HARD = keras.losses.SparseCategoricalCrossentropy(from_logits=True)


def network(units=16, classes=3, regularizer=None, name="network", norm=True):
    """Dense, BatchNormalization unless `norm` is False, Dense: logits of three classes."""
    middle = [keras.layers.BatchNormalization(name="norm")] if norm else []
    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(units, "relu", kernel_regularizer=regularizer, name="hidden"),
            *middle,
            keras.layers.Dense(classes, name="logits"),
        ],
        name=name,
    )


def compiled(distiller, optimizer="adam", **kwargs):
    """The model compiled for the labels of `Y`."""
    distiller.compile(optimizer, HARD, jit_compile=False, **kwargs)
    return distiller


def loss_of(distiller, **kwargs):
    """The logs of an evaluation in one batch."""
    return distiller.evaluate(X, Y, batch_size=len(X), verbose=0, return_dict=True, **kwargs)
