"""A training that can be killed: run by resume_test in processes of its own.

    python train_resumably.py FOLDER backup|keras|both [EPOCH BATCH]

Trains a distiller for four epochs, going on from what it finds in FOLDER, and
writes its weights and optimizer slots to FOLDER/final.npz; both ways, each in a folder of
its name in FOLDER, take one process. Given an epoch and a batch it kills itself after that batch.
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


def main(folder: pathlib.Path, way: str, kill_at: list[int]) -> None:
    keras.utils.set_random_seed(0)
    tf.config.experimental.enable_op_determinism()
    callbacks = [tfqd.callbacks.BitSchedule({0: 8, 2: 2})] if way == "backup" else []
    checkpoint, start = folder / "distiller.keras", 0
    if way == "backup":
        model = distiller()
        backup = keras.callbacks.BackupAndRestore(folder / "backup", delete_checkpoint=False)
        callbacks.append(backup)
    else:
        model = keras.saving.load_model(checkpoint) if checkpoint.exists() else distiller()
        start = int(model.optimizer.iterations) // 4
        callbacks.append(keras.callbacks.ModelCheckpoint(checkpoint))
    if kill_at:
        callbacks.append(Kill(*kill_at))
    model.fit(X, Y, 24, EPOCHS, shuffle=False, initial_epoch=start, callbacks=callbacks, verbose=0)
    variables = [*model.weights, *model.optimizer.variables]
    np.savez(folder / "final.npz", *[variable.numpy() for variable in variables])


if __name__ == "__main__":
    folder, ways = pathlib.Path(sys.argv[1]), sys.argv[2]
    if ways == "both":
        for way in ("backup", "keras"):
            (folder / way).mkdir(exist_ok=True)
            main(folder / way, way, [])
    else:
        main(folder, ways, [int(each) for each in sys.argv[3:]])
