"""A small model with what makes training hard to repeat, and its data."""

import keras
import numpy as np

X = np.random.default_rng(0).normal(1.0, 2.0, size=(48, 6)).astype("float32")
Y = X[:, :1] - X[:, 1:2]


def small_model(seed: int = 1, dropout: float = 0.2) -> keras.Model:
    """Dense, BatchNormalization, Dropout, Dense: not compiled."""
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(8, activation="relu", name="first"),
            keras.layers.BatchNormalization(name="norm"),
            keras.layers.Dropout(dropout),
            keras.layers.Dense(1, name="second"),
        ],
        name="small",
    )


def compiled(model: keras.Model, rate: float = 0.03, **options) -> keras.Model:
    """The model, compiled with SGD and the squared error, and unless asked for without XLA."""
    model.compile(keras.optimizers.SGD(rate), "mse", **{"jit_compile": False, **options})
    return model


def fit(model: keras.Model, *callbacks, **options):
    """Fits the model to the data in order, in 6 steps an epoch; gives the history."""
    arguments = {"epochs": 2, "batch_size": 8, "shuffle": False, "verbose": 0, **options}
    return model.fit(X, Y, callbacks=list(callbacks), **arguments).history


def arrays(model) -> list[np.ndarray]:
    """The model's weights."""
    return [np.array(variable) for variable in model.weights]
