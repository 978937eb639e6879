"""A training that can be killed: run by resume_test in processes of its own.

    python train_resumably.py FOLDER killed|resumed

Trains a distiller for four epochs. "killed" keeps it in FOLDER after each epoch, by Keras'
BackupAndRestore and as a file of the whole model, and kills itself in the middle of the third.
"resumed" goes on from either, and then trains one that nothing interrupts; their weights and
optimizer slots are in backup.npz, keras.npz and whole.npz.
"""

import os
import pathlib
import signal
import sys

import keras
import numpy as np
import tensorflow as tf
from small_networks import HARD, X, Y

import tfqd

EPOCHS = 4


class Kill(keras.callbacks.Callback):
    def __init__(self, epoch, batch):
        super().__init__()
        self.at = epoch, batch

    def on_epoch_begin(self, epoch, logs=None):
        self.epoch = epoch

    def on_train_batch_end(self, batch, logs=None):
        if (self.epoch, batch) == self.at:
            os.kill(os.getpid(), signal.SIGKILL)


def student():
    model = keras.Sequential(
        [
            keras.Input((6,)),
            keras.layers.Dense(16, "relu", name="hidden"),
            keras.layers.BatchNormalization(),
            keras.layers.Dropout(0.3),
            keras.layers.Dense(3, name="logits"),
        ]
    )
    return tfqd.quantize_model(
        model,
        {
            "hidden/kernel": tfqd.Uniform(bits=3, rounding="stochastic", bucket_size=16),
            "logits/kernel": tfqd.Codebook(bits=2, bucket_size=16, freeze_above=0.005),
        },
    )


def distiller():
    teacher = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(24, "relu", name="wide"), keras.layers.Dense(3)]
    )
    losses = [
        tfqd.distillation.LogitsDistillation(2.0),
        tfqd.distillation.FeatureDistillation("wide", "hidden"),
    ]
    schedule = tfqd.distillation.WarmUpDecay(steps=16, warm_up_steps=4)
    model = tfqd.Distiller(teacher, student(), losses, [schedule, 0.1])
    model.compile(
        keras.optimizers.Adam(keras.optimizers.schedules.CosineDecay(0.01, 16)),
        HARD,
        jit_compile=False,
    )
    return model


def main(folder: pathlib.Path, way: str) -> None:
    keras.utils.set_random_seed(0)
    checkpoint, start = folder / "distiller.keras", 0
    backup = keras.callbacks.BackupAndRestore(folder / "backup", delete_checkpoint=False)
    callbacks = [tfqd.callbacks.BitSchedule({0: 8, 2: 2})]
    if way == "killed":
        callbacks += [backup, keras.callbacks.ModelCheckpoint(checkpoint), Kill(2, 1)]
    if way == "backup":
        callbacks.append(backup)
    if way == "keras":
        model = keras.saving.load_model(checkpoint)
        start = int(model.optimizer.iterations) // 4
        assert start == 2
    else:
        model = distiller()
    model.fit(X, Y, 24, EPOCHS, shuffle=False, initial_epoch=start, callbacks=callbacks, verbose=0)
    variables = [*model.weights, *model.optimizer.variables]
    np.savez(folder / f"{way}.npz", *[variable.numpy() for variable in variables])


if __name__ == "__main__":
    tf.config.experimental.enable_op_determinism()
    ways = {"killed": ["killed"], "resumed": ["backup", "keras", "whole"]}[sys.argv[2]]
    for way in ways:
        main(pathlib.Path(sys.argv[1]), way)
