"""Trainings of some steps, as the comparisons of codebooks and of pruning make them."""

from collections.abc import Sequence

import keras
import tensorflow as tf
from cifar_data import Images, batches
from norm_batches import NORM_BATCHES

_SHIFT = 2


def train(
    model: keras.Model,
    images: Images,
    seed: int,
    steps: range,
    rate: float,
    callbacks: Sequence[keras.callbacks.Callback] = (),
) -> None:
    """Trains for some steps, by a learning rate that falls to 0 along half a cosine."""
    decay = keras.optimizers.schedules.CosineDecay(rate, len(steps))
    adam = keras.optimizers.Adam(decay)
    model.compile(adam, "sparse_categorical_crossentropy", jit_compile=False)
    data = batches(images, seed, steps.start, steps.stop, _SHIFT)
    model.fit(data, callbacks=list(callbacks), verbose=2)


def norm_batches(images: Images, seed: int, steps: int) -> tf.data.Dataset:
    """What BatchNormalization's statistics are measured over: images of the first `steps`."""
    return batches(images, seed, 0, min(steps, NORM_BATCHES), _SHIFT)
