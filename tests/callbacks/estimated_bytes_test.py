"""What the entropy of the codes tells of a file, before it is brought to its budget."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.callbacks import ByteBudget
from tfqd.callbacks.callback import Callback
from tfqd.export.archive_file import archive_size
from tfqd.wrapping.fitting import student_or_self

X = np.random.default_rng(0).standard_normal((128, 24)).astype(np.float32)
Y = np.tanh(X[:, :8])


def network(kit, units=160):
    kit.utils.set_random_seed(0)
    layers = kit.layers
    return kit.Sequential([layers.Input((24,)), layers.Dense(units, "relu"), layers.Dense(8)])


class Swelling(Callback):
    """Makes weights larger once an epoch has trained, and notes the bytes of such files."""

    def __init__(self, factor):
        super().__init__()
        self.factor, self.sizes = factor, []

    def on_epoch_begin(self, epoch, logs=None):
        self.is_done = False

    def on_test_begin(self, logs=None):
        self.swell()

    def on_epoch_end(self, epoch, logs=None):
        self.swell()

    def swell(self):
        if self.is_done:
            return
        self.is_done = True
        model = student_or_self(self.model)
        for entry in tfqd.wrapping.quantized.find_quantized(model):
            entry.variable.assign(tf.convert_to_tensor(entry.variable) * self.factor)
        self.sizes.append(archive_size(model))


def fit(kit, spec, swelling, distilled=False, **options):
    """Trains to a budget for two epochs; what was logged, and the budget."""
    model = student = tfqd.quantize_model(network(kit), spec)
    budget = archive_size(student) - 300
    if distilled:
        loss = tfqd.distillation.RegressionDistillation()
        model = tfqd.Distiller(network(kit, units=16), student, loss)
    model.compile(kit.optimizers.Adam(0.01), "mse")
    callbacks = [swelling, ByteBudget(budget, verbose=0)]
    return model.fit(X, Y, epochs=2, verbose=0, callbacks=callbacks, **options).history, budget


@pytest.mark.parametrize(
    ("kit", "distilled", "validated"),
    [(keras, False, True), (keras, True, False), (tf_keras, False, False), (tf_keras, True, True)],
    ids=["plain_validated", "distilled", "tf_keras", "tf_keras_distilled_validated"],
)
def test_it_is_what_the_file_would_take_as_training_left_it(kit, distilled, validated):
    swelling = Swelling(1.5)
    options = {"validation_data": (X, Y)} if validated else {}
    history, budget = fit(kit, tfqd.EntropyConstrained(bits=6), swelling, distilled, **options)
    assert history["estimated_bytes"] == pytest.approx(swelling.sizes, rel=0.01)
    assert min(history["estimated_bytes"]) > 1.02 * budget
    assert max(history["size_bytes"]) <= budget


def test_an_epoch_without_batches_is_estimated_as_it_is():
    model = tfqd.quantize_model(network(keras), tfqd.EntropyConstrained())
    model.compile("sgd", "mse")
    nothing = tf.data.Dataset.from_tensor_slices((X[:0], Y[:0])).batch(4)
    budget = ByteBudget(archive_size(model) - 100, verbose=0)
    history = model.fit(nothing, epochs=1, verbose=0, callbacks=[budget]).history
    assert history["estimated_bytes"] == history["size_bytes"] == [archive_size(model)]


@pytest.mark.parametrize(
    "spec",
    [
        tfqd.EntropyConstrained(bits=8, average_bits=6),
        tfqd.EntropyConstrained(bits=5, bucket_size=100),
        tfqd.EntropyCodebook(bits=4, average_bits=2),
    ],
    ids=["many_levels", "buckets", "points"],
)
def test_scales_points_and_tables_count(spec):
    swelling = Swelling(1.0)
    history, _ = fit(keras, spec, swelling)
    assert history["estimated_bytes"] == pytest.approx(swelling.sizes, rel=0.01)
