"""BatchNormalization statistics are measured before a budget has its last word."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.callbacks import ByteBudget
from tfqd.export.archive_file import archive_size
from tfqd_command.data import Data
from tfqd_command.training import Schedule, train
from tfqd_command.training_task import TrainingTask


def statistics(model):
    return [np.array(weight) for weight in model.weights if "moving_" in weight.name]


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_callbacks_find_the_statistics_of_the_end(version, tmp_path):
    class AtTheEnd(version.callbacks.Callback):
        def on_train_end(self, logs=None):
            self.found = statistics(self.model.student)

    version.utils.set_random_seed(0)
    layers = version.layers
    model = version.Sequential(
        [layers.Input((8,)), layers.Dense(96), layers.BatchNormalization(), layers.Dense(3)]
    )
    data = Data(np.random.default_rng(0).normal(size=(64, 8)).astype("float32"), np.arange(64) % 3)
    arguments = model, data, TrainingTask("classes", True, True), Schedule(2, 32, 1e-3, 0)
    spec = tfqd.EntropyConstrained(average_bits=2)
    budget = archive_size(tfqd.quantize_model(model, spec)) - 100
    for epochs_left in (2, 0):
        student, end = tfqd.quantize_model(model, spec), AtTheEnd()
        callbacks = [ByteBudget(budget, verbose=0), end]
        student = train(student, *arguments, tmp_path / "m.resume.keras", callbacks)
        for found, there in zip(end.found, statistics(student), strict=True):
            # They are measured again where the budget then stretched steps.
            np.testing.assert_allclose(found, there, atol=0.01, err_msg=str(epochs_left))
        assert 0.98 * budget < archive_size(student) <= budget
