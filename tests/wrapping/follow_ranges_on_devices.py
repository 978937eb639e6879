"""Ranges that follow batches on two devices: moving_ranges_on_devices_test runs it by itself.

python follow_ranges_on_devices.py OUTPUT.npz
"""

import sys

import keras
import numpy as np
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.wrapping.activations import quantized_activations

# Each batch of 4 has one of these numbers in the half of each device.
BATCHES = [(1.0, 2.0), (3.0, 4.0)]
X = np.repeat(np.float32(BATCHES).reshape(-1, 1), 2, axis=0)


def followed(version, strategy):
    """What each device holds after an epoch: of each range's variables by name, [devices]."""
    with strategy.scope():
        model = version.Sequential([version.Input((1,)), version.layers.Dense(1)])
        activations = tfqd.Activations(ranges="moving", start="minmax")
        spec = tfqd.Uniform(bits=8, scaling="symmetric", layout="channel", bucket_size=None)
        quantized = tfqd.quantize_model(model, spec, activations=activations)
        tfqd.calibrate(quantized, X)
        quantized.compile("sgd", "mse", jit_compile=False)
    data = tf.data.Dataset.from_tensor_slices((X, X)).batch(4)
    quantized.fit(data, verbose=0)
    held = {}
    for layer in quantized_activations(quantized):
        for role, variable in layer.state.items():
            replicas = variable.value if version is keras else variable
            name = f"{version.__name__}/{layer.name}/{role}"
            held[name] = [float(each) for each in replicas.values]
    return held


def main(output: str) -> None:
    cpu = tf.config.list_physical_devices("CPU")[0]
    tf.config.set_logical_device_configuration(cpu, 2 * [tf.config.LogicalDeviceConfiguration()])
    strategy = tf.distribute.MirroredStrategy(["CPU:0", "CPU:1"])
    assert strategy.num_replicas_in_sync == 2
    np.savez(output, **followed(keras, strategy), **followed(tf_keras, strategy))


if __name__ == "__main__":
    main(*sys.argv[1:])
