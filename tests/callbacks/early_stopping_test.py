"""`EarlyStopping(restore_best_weights=True)` behind callbacks whose work it undoes."""

import warnings

import keras
import numpy as np
import pytest
import tf_keras
from small_model import X, Y

import tfqd
from tfqd.callbacks import (
    BatchNormReestimation,
    BitSchedule,
    Prune,
    QuantizeWeights,
    reestimate_batch_norm,
)

SPEC = tfqd.Uniform(bits=2, bucket_size=16)
BEST = 1  # of the epochs 0 to 3


@pytest.fixture(params=[keras, tf_keras], ids=["keras", "tf_keras"])
def library(request):
    return request.param


def network(library):
    library.utils.set_random_seed(1)
    layers = [library.layers.Dense(8, activation="relu"), library.layers.BatchNormalization()]
    model = library.Sequential([library.Input((6,)), *layers, library.layers.Dense(1)])
    model.compile(library.optimizers.SGD(0.03), "mse")
    return model


def stopping(library, judged=lambda: None):
    """Callbacks that stop training and put the weights of the epoch `BEST` back."""

    def judge(epoch, logs):
        judged()
        logs["score"] = abs(epoch - BEST)

    stop = library.callbacks.EarlyStopping(
        "score", mode="min", patience=2, restore_best_weights=True
    )
    return [library.callbacks.LambdaCallback(on_epoch_end=judge), stop]


def train(library, order, *more, data=(X, Y), **options):
    """The model and the callback after a training, and the weights of each epoch's end."""
    model, quantize, floats = network(library), QuantizeWeights(SPEC), []
    stop = stopping(library, lambda: floats.append(model.get_weights()))
    callbacks = [quantize, *stop] if order == "first" else [*stop, quantize]
    model.fit(*data, epochs=10, verbose=0, callbacks=[*callbacks, *more], **options)
    assert len(floats) == BEST + 3
    return model, quantize, floats


def quantized(library, weights):
    """What a model of these weights holds when it is quantized."""
    model = network(library)
    model.set_weights(weights)
    return tfqd.strip_quantization(tfqd.quantize_model(model, SPEC)).get_weights()


def assert_same(left, right):
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("order", ["first", "last"])
@pytest.mark.parametrize("validated", [True, False])
def test_the_weights_of_the_best_epoch_stay_quantized(library, order, validated):
    options = {"validation_data": (X, Y)} if validated else {}
    model, quantize, floats = train(library, order, **options)
    assert_same(model.get_weights(), quantized(library, floats[BEST]))
    quantize.restore()
    assert_same(model.get_weights(), floats[BEST])


def test_they_are_what_is_compressed_and_trained_on(library):
    model, quantize, floats = train(library, "first")
    kernels = [weight for weight in quantized(library, floats[BEST]) if weight.ndim == 2]
    assert_same([t.dequantize() for t in quantize.compress().quantized.values()], kernels)
    model.fit(X, Y, verbose=0, callbacks=[quantize])  # A second fit has another History.
    assert_same(
        [t.dequantize() for t in quantize.compress().quantized.values()],
        [weight for weight in model.get_weights() if weight.ndim == 2],
    )


def test_in_data_of_unknown_length_too(library):
    def batches():
        yield from ((X[i : i + 8], Y[i : i + 8]) for i in range(0, len(X), 8))

    import tensorflow as tf

    data = tf.data.Dataset.from_generator(
        batches, output_signature=(tf.TensorSpec((8, 6)), tf.TensorSpec((8, 1)))
    )
    model, _, floats = train(library, "first", data=(data,))
    assert_same(model.get_weights(), quantized(library, floats[BEST]))


@pytest.mark.parametrize("before", [True, False])
def test_zeros_of_prune_leave_float_weights_their_own(library, before):
    model, prune = network(library), Prune(0.5, end=0.1)
    quantize = QuantizeWeights(tfqd.Uniform(bits=3, scaling="symmetric"))
    stop = stopping(library)
    others = [prune, *stop] if before else [*stop, prune]
    model.fit(X, Y, epochs=10, verbose=0, callbacks=[quantize, *others])
    kernel = model.layers[0].kernel
    assert len(np.unique(kernel.numpy())) <= 7
    quantize.restore()
    assert len(np.unique(kernel.numpy())) == kernel.numpy().size // 2 + 1
    assert np.mean(kernel.numpy() == 0) == 0.5


def test_float_weights_that_a_callback_asks_for_stay(library):
    asked = library.callbacks.LambdaCallback(on_train_end=lambda logs: quantize.restore())
    model, quantize = network(library), QuantizeWeights(SPEC)
    model.fit(X, Y, verbose=0, callbacks=[quantize, asked])
    kernel = model.layers[0].kernel.numpy()
    assert len(np.unique(kernel)) > 40
    assert "on_train_end" not in vars(model.history)


@pytest.mark.parametrize("by_callback", [True, False])
def test_statistics_are_those_of_the_best_epochs_weights(library, by_callback):
    quantize = [QuantizeWeights(SPEC)] if by_callback else []
    model = network(library)
    if not by_callback:
        model = tfqd.quantize_model(model, SPEC)
        model.compile(library.optimizers.SGD(0.03), "mse")
    measure = BatchNormReestimation(X)
    model.fit(X, Y, epochs=10, verbose=0, callbacks=[*quantize, measure, *stopping(library)])
    left = model.get_weights()
    reestimate_batch_norm(model, X)
    assert_same(left, model.get_weights())


def test_statistics_are_measured_once_where_nothing_is_put_back(library):
    batches = Counted()
    network(library).fit(X, Y, verbose=0, callbacks=[BatchNormReestimation(batches)])
    assert batches.rounds == 1


@pytest.mark.parametrize(("begin", "warns"), [(BEST, False), (BEST + 1, True)])
def test_weights_of_another_phase_of_a_schedule_are_warned_of(library, begin, warns):
    model = tfqd.quantize_model(network(library), SPEC)
    model.compile(library.optimizers.SGD(0.03), "mse")
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        callbacks = [BitSchedule({0: 8, begin: 2}), *stopping(library)]
        model.fit(X, Y, epochs=10, verbose=0, callbacks=callbacks)
    said = [str(each.message) for each in caught if "put back" in str(each.message)]
    assert len(said) == warns
    assert not warns or said[0].endswith(f"start_from_epoch={begin}")


class Counted:
    """A batch, and how often it was asked for."""

    rounds = 0

    def __iter__(self):
        self.rounds += 1
        yield X
