"""The first training step is traced once, and trains as Keras' own does."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import tfqd

X = np.random.default_rng(0).normal(size=(32, 4)).astype(np.float32)
Y = np.arange(32) % 3


def network(kind=keras.Sequential):
    keras.utils.set_random_seed(0)
    return kind(
        [
            keras.Input((4,)),
            keras.layers.Dense(5, activation="relu", name="hidden"),
            keras.layers.Dense(3, name="scores"),
        ],
        name="network",
    )


def quantized():
    return tfqd.quantize_model(network(), 4)


def distilled():
    return tfqd.Distiller(network(), quantized())


class CountingLoss(keras.losses.SparseCategoricalCrossentropy):
    """A loss that counts how often Python runs it, which is once in every trace."""

    def __init__(self):
        super().__init__(from_logits=True)
        self.runs = 0

    def call(self, y_true, y_pred):
        self.runs += 1
        return super().call(y_true, y_pred)


@pytest.mark.parametrize("build", [quantized, distilled])
@pytest.mark.parametrize("metrics", [None, ["accuracy"]])
def test_the_first_step_is_traced_once(build, metrics):
    model, loss = build(), CountingLoss()
    model.compile("adam", loss, metrics=metrics, jit_compile=False)
    model.fit(X, Y, batch_size=8, epochs=2, verbose=0)
    assert loss.runs == 1


def test_the_optimizer_has_the_variables_that_keras_makes():
    paths = []
    for model in (network(), tfqd.quantize_model(network(), tfqd.Uniform(4))):
        optimizer = keras.optimizers.Adam(name="moves")
        model.compile(optimizer, CountingLoss(), jit_compile=False)
        model.fit(X, Y, verbose=0)
        paths.append([variable.path for variable in optimizer.variables])
    assert paths[0] == paths[1]


def test_what_callbacks_freeze_before_the_first_step_has_no_variables_of_the_optimizer():
    model = quantized()

    class Freezes(keras.callbacks.Callback):
        def on_train_batch_begin(self, batch, logs=None):
            self.model.model.get_layer("hidden").trainable = False

    model.compile("adam", CountingLoss(), jit_compile=False)
    model.fit(X, Y, verbose=0, callbacks=[Freezes()])
    paths = " ".join(variable.path for variable in model.optimizer.variables)
    assert "scores" in paths
    assert "hidden" not in paths


class TrainsScores(keras.Sequential):
    """Trains its last layer alone."""

    def train_step(self, data):
        x, y = data
        with tf.GradientTape() as tape:
            loss = self.compute_loss(x, y, self(x, training=True))
        variables = self.get_layer("scores").trainable_variables
        gradients = tape.gradient(loss, [variable.value for variable in variables])
        self.optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return {"loss": loss}


def test_a_step_of_the_users_own_says_what_its_optimizer_moves():
    model = tfqd.quantize_model(network(TrainsScores), 4)
    optimizer = keras.optimizers.SGD(0.1, momentum=0.9)
    model.compile(optimizer, CountingLoss(), jit_compile=False)
    model.fit(X, Y, verbose=0)
    paths = " ".join(variable.path for variable in optimizer.variables)
    assert "scores" in paths
    assert "hidden" not in paths
