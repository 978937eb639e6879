"""Each epoch trains with the bits of its phase, also in a resumed run."""

import keras
import numpy as np
import pytest
from small_model import X, Y, arrays, compiled, fit, small_model

import tfqd
from tfqd.callbacks import BitSchedule, QuantizeWeights
from tfqd.distillation import FeatureDistillation

UNIFORM = tfqd.Uniform(bits=2, bucket_size=16)
CODEBOOK = tfqd.Codebook(bits=2, bucket_size=16)


class LossOfBits(keras.callbacks.Callback):
    """What each epoch's weights give on the data, by the model's own functions and by hand."""

    def __init__(self, entries):
        super().__init__()
        self.entries, self.bits, self.evaluated, self.called = entries, [], [], []

    def on_epoch_end(self, epoch, logs=None):
        self.bits.append(self.entries[0].bits)
        self.evaluated.append(logs["val_mse"])
        self.called.append(float(np.mean(np.square(np.array(self.model(X)) - Y))))


@pytest.mark.parametrize("run_eagerly", [True, False])
def test_training_and_validation_use_the_bits_of_the_epoch(run_eagerly):
    quantized = tfqd.quantize_model(small_model(), UNIFORM)
    quantized.compile("sgd", "mse", metrics=["mse"], run_eagerly=run_eagerly)
    watch = LossOfBits(quantized.quantized_variables)
    phases = {0: None, 1: 5, 3: 2}
    fit(quantized, BitSchedule(phases), watch, epochs=4, validation_data=(X, Y))
    assert watch.bits == [None, 5, 5, 2]
    np.testing.assert_allclose(watch.evaluated, watch.called, rtol=1e-5)
    np.testing.assert_allclose(quantized.predict(X, verbose=0), quantized(X), rtol=1e-5)


@pytest.mark.parametrize("bits", [None, 5])
def test_a_phase_trains_as_a_model_of_these_bits(bits):
    spec = tfqd.Uniform(bits=bits or 8, bucket_size=16)
    other = tfqd.quantize_model(small_model(), spec)
    for entry in other.quantized_variables:
        entry.set_bits(bits)
    fit(compiled(other), epochs=2)
    quantized = compiled(tfqd.quantize_model(small_model(), UNIFORM))
    fit(quantized, BitSchedule({0: bits, 2: 2}), epochs=2)
    for ours, theirs in zip(arrays(quantized), arrays(other), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_functions_that_were_traced_before_the_fit_follow_the_bits():
    quantized = compiled(tfqd.quantize_model(small_model(), UNIFORM))
    fit(quantized, epochs=1)
    quantized.evaluate(X, Y, verbose=0)
    quantized.predict(X, verbose=0)
    other = tfqd.quantize_model(small_model(), tfqd.Uniform(bits=8, bucket_size=16))
    other.set_weights(quantized.get_weights())
    fit(quantized, BitSchedule({0: 8, 1: 2}), epochs=1)
    np.testing.assert_allclose(quantized.predict(X, verbose=0), quantized(X), rtol=1e-5)
    loss = quantized.evaluate(X, Y, verbose=0)
    np.testing.assert_allclose(loss, np.mean(np.square(np.array(quantized(X)) - Y)), rtol=1e-5)


def start_of(entry):
    """The points that the variable's weights as they are would start from."""
    fresh = keras.Variable(entry.state["points"])
    entry.quantizer.initialize(entry.value(), {"points": fresh})
    return np.array(fresh)


class Points(keras.callbacks.Callback):
    """Whether the points are as the weights would have them, at the beginning of each epoch."""

    def __init__(self, entries):
        super().__init__()
        self.entries, self.fresh = entries, []

    def on_epoch_begin(self, epoch, logs=None):
        self.fresh.append(
            all(np.array_equal(each.state["points"], start_of(each)) for each in self.entries)
        )


@pytest.mark.parametrize(
    ("phases", "fresh"),
    [
        ({0: 4, 2: 2}, [True, False, True, False]),
        ({0: None, 1: 2}, [True, True, False, False]),
        ({0: 2}, [True, False, False, False]),
        ({0: 2, 1: 5, 2: 2}, [True, False, True, False]),
        ({0: 5, 1: 2, 2: 1}, [True, True, False, False]),
    ],
)
def test_points_start_anew_when_their_own_bits_begin(phases, fresh):
    quantized = compiled(tfqd.quantize_model(small_model(), CODEBOOK))
    points = Points(quantized.quantized_variables)
    fit(quantized, BitSchedule(phases), points, epochs=4)
    assert points.fresh == fresh


@pytest.mark.parametrize("stop", [1, 2, 3])
def test_a_resumed_run_ends_as_the_whole_run(stop, tmp_path):
    def model():
        return compiled(tfqd.quantize_model(small_model(dropout=0.0), CODEBOOK))

    phases = {0: None, 1: 4, 2: 2}
    whole = model()
    fit(whole, BitSchedule(phases), epochs=4)
    begun = model()
    fit(begun, BitSchedule(phases), epochs=stop)
    begun.save(tmp_path / "model.keras")
    resumed = keras.models.load_model(tmp_path / "model.keras")
    fit(resumed, BitSchedule(phases), epochs=4, initial_epoch=stop)
    for ours, theirs in zip(arrays(resumed), arrays(whole), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_a_variable_never_has_fewer_bits_than_its_own():
    specs = {"first/kernel": tfqd.Uniform(bits=4), "second/kernel": tfqd.Uniform(bits=2)}
    quantized = compiled(tfqd.quantize_model(small_model(), specs))
    seen = []

    class Bits(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append([entry.bits for entry in quantized.quantized_variables])

    fit(quantized, BitSchedule({0: 5, 1: 3, 2: 2}), Bits(), epochs=3)
    assert seen == [[5, 5], [4, 3], [4, 2]]


def test_a_distillers_student_follows_and_its_quantized_teacher_does_not():
    student = tfqd.quantize_model(small_model(), UNIFORM)
    teacher = tfqd.quantize_model(small_model(seed=3), tfqd.Uniform(bits=3))
    distiller = compiled(tfqd.Distiller(teacher, student, FeatureDistillation()), metrics=["mse"])
    watch = LossOfBits(student.quantized_variables)
    fit(distiller, BitSchedule({0: None, 1: 4, 2: 2}), watch, epochs=3, validation_data=(X, Y))
    assert watch.bits == [None, 4, 2]
    np.testing.assert_allclose(watch.called, watch.evaluated, rtol=1e-5)
    assert {entry.bits for entry in teacher.quantized_variables} == {3}


def test_a_plain_model_under_quantize_weights_follows():
    quantized = compiled(tfqd.quantize_model(small_model(), UNIFORM))
    model, callback = compiled(small_model()), QuantizeWeights(UNIFORM)
    phases = {0: None, 1: 4, 2: 2}
    expected = fit(quantized, BitSchedule(phases), epochs=3, validation_data=(X, Y))
    history = fit(model, callback, BitSchedule(phases), epochs=3, validation_data=(X, Y))
    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ({}, "the first phase must begin at epoch 0"),
        ({1: 4}, "the first phase must begin at epoch 0"),
        ({0: 4, 1.5: 2}, "epochs must be integers"),
        ({0: 4, -1: 2}, "epochs must be integers"),
        ({0: 9}, "bits must be integers from 1 to 8"),
        ({0: True}, "bits must be integers from 1 to 8"),
    ],
)
def test_phases_that_are_none_are_refused(phases, message):
    with pytest.raises(ValueError, match=message):
        BitSchedule(phases)


def test_what_cannot_be_scheduled_is_refused():
    with pytest.raises(TypeError, match="phases must be a mapping"):
        BitSchedule([8, 4])
    with pytest.raises(ValueError, match="no quantized variables"):
        fit(compiled(small_model()), BitSchedule({0: 4}))
    quantized = compiled(tfqd.quantize_model(small_model(), UNIFORM))
    for last in (3, None):
        with pytest.raises(ValueError, match=f"from epoch 1, has {last} bits, .* end with 2"):
            fit(quantized, BitSchedule({0: 8, 1: last}))
