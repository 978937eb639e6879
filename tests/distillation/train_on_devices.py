"""A distillation on one device or on two: devices_test runs the latter in a process of its own.

python train_on_devices.py one|mirrored OUTPUT.npz
"""

import contextlib
import sys

import keras
import numpy as np
import tensorflow as tf
from small_networks import HARD, X, Y, network

import tfqd


def student():
    model = network(16, regularizer=keras.regularizers.L2(0.01), norm=False)
    specs = {
        "hidden/kernel": tfqd.Uniform(bits=4, bucket_size=16, freeze_above=0.005),
        "logits/kernel": tfqd.Codebook(bits=2, bucket_size=16),
    }
    return tfqd.quantize_model(model, specs)


def main(devices: str, output: str) -> None:
    keras.utils.set_random_seed(0)
    scope = contextlib.nullcontext()
    if devices == "mirrored":
        cpu = tf.config.list_physical_devices("CPU")[0]
        parts = 2 * [tf.config.LogicalDeviceConfiguration()]
        tf.config.set_logical_device_configuration(cpu, parts)
        strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
        assert strategy.num_replicas_in_sync == 2
        scope = strategy.scope()
    with scope:
        losses = [
            tfqd.distillation.LogitsDistillation(2.0),
            tfqd.distillation.FeatureDistillation("hidden", "hidden"),
        ]
        distiller = tfqd.Distiller(network(24, norm=False), student(), losses, [1.0, 0.1])
        distiller.compile(keras.optimizers.SGD(0.05), HARD, metrics=["accuracy"], jit_compile=False)
    weights = np.linspace(0.5, 1.5, len(X), dtype=np.float32)
    data = tf.data.Dataset.from_tensor_slices((X, Y, weights)).batch(28)  # The last is smaller.
    logs = distiller.fit(data, epochs=3, verbose=0).history
    # The student's state of oscillation among them, which no gradient reaches.
    trained = {str(i): v.numpy() for i, v in enumerate(distiller.student.variables)}
    held = next(v.numpy() for v in distiller.student.variables if "held_code" in v.path)
    assert (held >= 0).any(), "no weight was frozen"
    np.savez(output, **logs, **trained)


if __name__ == "__main__":
    main(*sys.argv[1:])
