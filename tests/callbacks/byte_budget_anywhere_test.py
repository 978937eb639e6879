"""A killed training to a budget goes on bit for bit, of both Kerases and of a Distiller too."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.callbacks import ByteBudget
from tfqd.distillation import RegressionDistillation
from tfqd.export.archive_file import archive_size

X = np.random.default_rng(0).standard_normal((256, 24)).astype(np.float32)
Y = np.tanh(X[:, :8])


def network(kit, seed, units, name):
    kit.utils.set_random_seed(seed)
    hidden, last = (f"{name}_{part}" for part in ("hidden", "last"))
    return kit.Sequential(
        [
            kit.layers.Input((24,), name=f"{name}_input"),
            kit.layers.Dense(units, "relu", name=hidden),
            kit.layers.Dense(8, name=last),
        ],
        name=name,
    )


class Killed(Exception):
    """What ends a fit in the middle of training."""


def kill_in(kit, epoch):
    """Ends a fit before the first step of the epoch."""

    def begin(current, logs=None):
        if current == epoch:
            raise Killed

    return kit.callbacks.LambdaCallback(on_epoch_begin=begin)


@pytest.mark.parametrize("distilled", [False, True], ids=["plain", "distilled"])
@pytest.mark.parametrize("kit", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_a_killed_fit_goes_on_as_the_whole_one_would_have(kit, distilled, tmp_path):
    def run(folder, *more):
        spec = tfqd.EntropyConstrained(average_bits=2, bits=5)
        student = tfqd.quantize_model(network(kit, 0, 160, "student"), spec)
        budget = archive_size(student) - 150
        model = student
        if distilled:
            teacher = network(kit, 1, 32, "teacher")
            model = tfqd.Distiller(teacher, student, RegressionDistillation())
        model.compile(kit.optimizers.Adam(0.01), "mse")
        backup = kit.callbacks.BackupAndRestore(str(tmp_path / folder))
        callbacks = [ByteBudget(budget, verbose=0), backup, *more]
        options = {"epochs": 4, "batch_size": 16, "shuffle": False, "verbose": 0}
        prices = model.fit(X, Y, callbacks=callbacks, **options).history["bit_price"]
        return student.get_weights(), prices[-1], archive_size(student) / budget

    weights, price, share = run("whole")
    assert 0.99 <= share <= 1
    with pytest.raises(Killed):
        run("killed", kill_in(kit, 3))
    resumed, price_then, _ = run("killed")
    assert price_then == price
    for one, other in zip(resumed, weights, strict=True):
        np.testing.assert_array_equal(one, other)
