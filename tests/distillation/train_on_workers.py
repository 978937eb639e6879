"""A tf_keras distillation in one process or in two, which devices_test starts.

python train_on_workers.py one OUTPUT.npz
TF_CONFIG=... python train_on_workers.py workers OUTPUT.npz
"""

import contextlib
import sys

import numpy as np
import tensorflow as tf
import tf_keras

import tfqd


def network(units):
    layers = tf_keras.layers
    regularizer = tf_keras.regularizers.L2(0.01)
    return tf_keras.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(units, "relu", kernel_regularizer=regularizer, name="hidden"),
            layers.Dense(3, name="logits"),
        ]
    )


def student():
    specs = {
        "hidden/kernel": tfqd.Uniform(bits=4, bucket_size=16),
        "logits/kernel": tfqd.Codebook(bits=2, bucket_size=16),
    }
    return tfqd.quantize_model(network(16), specs)


def main(devices: str, output: str) -> None:
    scope = contextlib.nullcontext()
    if devices == "workers":
        strategy = tf.distribute.MultiWorkerMirroredStrategy()
        assert strategy.num_replicas_in_sync == 2
        scope = strategy.scope()
    tf_keras.utils.set_random_seed(0)
    with scope:
        losses = [
            tfqd.distillation.LogitsDistillation(2.0),
            tfqd.distillation.FeatureDistillation("hidden", "hidden"),
        ]
        distiller = tfqd.Distiller(network(24), student(), losses, [1.0, 0.1])
        loss = tf_keras.losses.SparseCategoricalCrossentropy(from_logits=True)
        distiller.compile(tf_keras.optimizers.SGD(0.05), loss, metrics=["accuracy"])
    x = np.random.default_rng(0).normal(size=(96, 6)).astype(np.float32)
    y = (x[:, 0] > 0).astype(np.int64) + (x[:, 1] > 0)
    data = tf.data.Dataset.from_tensor_slices((x, y)).batch(24)
    options = tf.data.Options()
    options.experimental_distribute.auto_shard_policy = tf.data.experimental.AutoShardPolicy.DATA
    logs = distiller.fit(data.with_options(options), epochs=3, verbose=0).history
    trained = {str(i): v.numpy() for i, v in enumerate(distiller.trainable_variables)}
    np.savez(output, **logs, **trained)


if __name__ == "__main__":
    main(*sys.argv[1:])
