"""Fits with callbacks on two devices: callbacks_on_devices_test runs it by itself.

python train_with_callbacks_on_devices.py OUTPUT.npz
"""

import contextlib
import sys

import keras
import numpy as np
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.callbacks import ByteBudget, CoupleWeights
from tfqd.export.archive_file import archive_size

X = np.random.default_rng(0).normal(size=(128, 6)).astype("float32")
BUDGET = 2000


def trained(version, kind, strategy):
    """The weights of a fit, and the bytes of its archive."""
    version.utils.set_random_seed(0)
    with strategy.scope() if strategy else contextlib.nullcontext():
        wide = version.layers.Dense(64, "tanh", name="wide")
        layers = [wide, version.layers.Dense(3, name="last")]
        # The file holds the names.
        model = version.Sequential([version.Input((6,), name="input"), *layers], name="network")
        if kind is ByteBudget:
            model = tfqd.quantize_model(model, tfqd.EntropyConstrained(average_bits=2))
        model.compile(version.optimizers.SGD(0.1), "mse", jit_compile=False)
    callback = ByteBudget(BUDGET, verbose=0) if kind is ByteBudget else CoupleWeights(5.0, 0.3)
    data = tf.data.Dataset.from_tensor_slices((X, X[:, :3])).batch(32)
    model.fit(data, epochs=3, verbose=0, callbacks=[callback])
    return archive_size(tfqd.compress(model)) if kind is ByteBudget else 0, model.get_weights()


def main(output: str) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, 2 * [tf.config.LogicalDeviceConfiguration()])
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    held = {}
    for version in (keras, tf_keras):
        for kind in (ByteBudget, CoupleWeights):
            for devices in (None, strategy):
                size, weights = trained(version, kind, devices)
                where = "two" if devices else "one"
                name = f"{version.__name__}/{kind.__name__}/{where}"
                flat = np.concatenate([each.ravel() for each in weights])
                held |= {f"{name}/bytes": size, f"{name}/weights": flat}
    np.savez(output, **held)


if __name__ == "__main__":
    main(*sys.argv[1:])
