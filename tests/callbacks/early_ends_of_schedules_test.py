"""What is said where a fit ends before the last phase of a schedule of bits."""

import warnings

import keras
import numpy as np
import pytest
import tf_keras
from small_model import X, Y

import tfqd
from tfqd.callbacks import BitSchedule, QuantizeWeights

TWO = tfqd.Uniform(bits=2, bucket_size=16)


@pytest.fixture(params=[keras, tf_keras], ids=["keras", "tf_keras"])
def library(request):
    return request.param


def network(library):
    layers = library.layers
    hidden = layers.Dense(8, activation="relu", name="hidden")
    model = library.Sequential([library.Input((6,), name="x"), hidden, layers.Dense(1)])
    model.compile("sgd", "mse", jit_compile=False)
    return model


def quantized(library, spec=TWO, activations=None):
    model = tfqd.quantize_model(network(library), spec, activations=activations)
    model.compile("sgd", "mse", jit_compile=False)
    return model


def warned(model, *callbacks, **options):
    """What a fit warns of bits that it leaves."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        model.fit(X, Y, batch_size=24, verbose=0, callbacks=list(callbacks), **options)
    return [str(each.message) for each in caught if "instead of its own" in str(each.message)]


@pytest.mark.parametrize(
    ("first", "left"), [(8, "hidden/kernel with 8 bits"), (None, "hidden/kernel float")]
)
def test_epochs_that_end_before_the_last_phase_are_warned_of_once(library, first, left):
    model = quantized(library)
    (said,) = warned(model, BitSchedule({0: first, 3: 2}), epochs=2)
    assert left in said
    assert "instead of its own 2" in said
    assert said.endswith("give fit at least 4 epochs, or go on with initial_epoch=2")
    assert {entry.bits for entry in model.quantized_variables} == {first}
    assert not warned(model, BitSchedule({0: first, 3: 2}), epochs=4, initial_epoch=2)
    assert {entry.bits for entry in model.quantized_variables} == {2}


def test_training_that_is_stopped_before_the_last_phase_is_warned_of(library):
    stop = library.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(stop.model, "stop_training", epoch == 1)
    )
    (said,) = warned(quantized(library), BitSchedule({0: 8, 3: 2}), stop, epochs=9)
    assert "ends with epoch 1, before the phase from epoch 3" in said


def test_behind_quantize_weights_too(library):
    stop = library.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: setattr(stop.model, "stop_training", True)
    )
    model = network(library)
    callbacks = QuantizeWeights(TWO), BitSchedule({0: 4, 1: 2})
    assert len(warned(model, *callbacks, stop, epochs=2)) == 1
    assert len(np.unique(model.layers[-2].kernel.numpy()[:2])) > 4


def test_activations_that_are_left_with_other_bits_are_named(library):
    activations = tfqd.Activations(bits=3)
    model = quantized(library, tfqd.presets.deployable(8), activations)
    tfqd.calibrate(model, X)
    schedule = BitSchedule({0: None, 1: 8}, activations={0: 6, 2: 3})
    (said,) = warned(model, schedule, epochs=2)
    assert "hidden_range with 6 bits instead of its own 3" in said


def test_phases_that_change_nothing_any_more_may_be_left_out():
    model, schedule = quantized(keras), BitSchedule({0: 4, 1: 2, 5: 1})
    assert not warned(model, schedule, epochs=2)
    assert not warned(model, schedule, epochs=2, initial_epoch=2)
