"""Trainings that go on as they would have: their data's order, and the epoch that they are at."""

import example_modules  # noqa: F401
import keras
import numpy as np
import pytest
import tensorflow as tf
from imagenet_data import Records, write_random
from learning_rates import Steps
from trainings import Trainer, Training

from tfqd.distillation import LogitsDistillation


class Killed:
    """Data whose held-out part is gone after some epochs."""

    def __init__(self, data, epochs):
        self._data, self._left, self.steps = data, epochs, data.steps

    def train(self, start, stop):
        return self._data.train(start, stop)

    def held_out(self):
        self._left -= 1
        if self._left < 0:
            raise InterruptedError
        return self._data.held_out()


class Steep:
    """Points so large that the scaled loss of 16 bits overflows in the first steps."""

    steps = 4

    def train(self, start, stop):
        def batch(step):
            x = tf.random.stateless_normal((8, 5), tf.stack([step, 1])) * 30.0
            return x, tf.cast(x[:, 0] > 0, tf.int64)

        return tf.data.Dataset.range(start, stop).map(batch)

    def held_out(self):
        return self.train(1000, 1001)


def dense():
    layers = [keras.Input((5,)), keras.layers.Dense(6, "relu")]
    return keras.Sequential([*layers, keras.layers.Dense(2, dtype="float32")])


def convolution():
    layers = [keras.Input((16, 16, 3)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    return keras.Sequential([*layers, keras.layers.Dense(10)])


def trained(student, data, folder):
    training = Training(4, 0.01, Steps((2,), 0.1))
    trainer = Trainer(data, 7, LogitsDistillation(), 1.0)
    return trainer.train(student, lambda: None, training, folder, "tried").get_weights()


def resumed(student, data, folder, epochs):
    """Trained in two processes, of which the first is killed after so many epochs."""
    with pytest.raises(InterruptedError):
        trained(student, Killed(data, epochs), folder)
    tf.random.set_seed(99)  # another process has another seed, or none
    return trained(student, data, folder)


def same(first, second):
    return all(np.array_equal(a, b) for a, b in zip(first, second, strict=True))


def test_records_come_in_the_order_that_they_would_have(tmp_path):
    write_random(tmp_path / "records", {"train": 12, "validation": 4})
    data = Records(tmp_path / "records", 12, 4, 3, side=16)
    whole = trained(convolution, data, tmp_path / "whole")
    assert same(whole, resumed(convolution, data, tmp_path / "killed", 2))


def test_steps_that_overflow_count_too(tmp_path, capsys):
    keras.mixed_precision.set_global_policy("mixed_float16")
    try:
        whole = trained(dense, Steep(), tmp_path / "whole")
        capsys.readouterr()
        again = resumed(dense, Steep(), tmp_path / "killed", 2)
    finally:
        keras.mixed_precision.set_global_policy("float32")
    assert capsys.readouterr().out.count(": epoch ") == 4
    assert same(whole, again)
