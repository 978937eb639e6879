"""Trainings of some steps, as the comparisons of codebooks and of pruning make them."""

from collections.abc import Sequence

import keras
from cifar_data import Images, batches

from tfqd.callbacks import reestimate_batch_norm

_SHIFT, _NORM_BATCHES = 2, 100


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


def reestimate(model: keras.Model, images: Images, seed: int, steps: int) -> None:
    """Measures BatchNormalization's statistics anew, on images of the first `steps` or fewer."""
    data = batches(images, seed, 0, min(steps, _NORM_BATCHES), _SHIFT)
    reestimate_batch_norm(model, data)
