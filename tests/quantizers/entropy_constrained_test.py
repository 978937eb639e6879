"""The quantizer whose codes are chosen with their length in view."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from short_codes import X, check_files, network, trained

import tfqd
from tfqd import ops
from tfqd.callbacks.priced_variable import PricedVariable
from tfqd.spec import from_dict


def entropy(tensor):
    return float(ops.entropy(ops.shares(tensor.codes, tensor.levels)))


@pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_starts_with_the_bits_that_were_asked_for(library):
    for bits in (1.0, 2.5):
        spec = tfqd.EntropyConstrained(average_bits=bits, bits=5)
        model = tfqd.quantize_model(network(library), spec)
        for tensor in tfqd.compress(model).quantized.values():
            assert entropy(tensor) == pytest.approx(bits, abs=0.1)


@pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_lengths_rest_until_they_are_counted_anew(library):
    model = tfqd.quantize_model(network(library), tfqd.EntropyConstrained())
    entry = tfqd.wrapping.quantized.find_quantized(model)[0]
    before = np.array(entry.state["code_frequency"])
    entry.variable.assign(tf.convert_to_tensor(entry.variable) * 2)
    codes = entry.codes()
    model.compile(library.optimizers.SGD(0.0), "mse")
    model.fit(X, X[:, :4], epochs=25, batch_size=32, verbose=0)
    np.testing.assert_array_equal(entry.codes(), codes)
    np.testing.assert_array_equal(entry.state["code_frequency"], before)
    PricedVariable(entry).stretch_steps(1.0, settle=False)
    np.testing.assert_array_equal(entry.state["code_frequency"], before)
    PricedVariable(entry).stretch_steps(1.0)
    counted = np.array(entry.state["code_frequency"])
    np.testing.assert_allclose(counted, ops.shares(entry.codes(), 16), atol=0.01)
    assert np.abs(counted - before).max() > 0.02


def test_longer_steps_take_fewer_bits():
    model = tfqd.quantize_model(network(), tfqd.EntropyConstrained(average_bits=3))
    entry = model.quantized_variables[0]
    before, step = entry.encode(), np.array(entry.encode().scale)
    PricedVariable(entry).stretch_steps(2.0)
    after = entry.encode()
    np.testing.assert_allclose(after.scale, 2 * step, rtol=1e-6)
    assert entropy(before) - entropy(after) == pytest.approx(1, abs=0.2)
    assert PricedVariable(entry).coded_bits() == pytest.approx(
        entry.size * entropy(after), rel=1e-5
    )


def test_steps_are_held_in_units_of_about_their_size():
    model = tfqd.quantize_model(network(), tfqd.EntropyConstrained(layout="channel"))
    for entry in model.quantized_variables:
        unit = float(entry.state["step_unit"])
        assert np.log2(unit) == np.round(np.log2(unit))
        assert 0.7 < np.exp(np.mean(np.log(entry.state["step"]))) < 1.42


def test_stretches_in_training_leave_the_unit_that_averages_are_in():
    """Else an average of before, put in, would make steps of twice or half the length."""
    model = tfqd.quantize_model(network(), tfqd.EntropyConstrained())
    entry = model.quantized_variables[0]
    before, scale = float(entry.state["step_unit"]), entry.encode().scale
    for _ in range(4):
        PricedVariable(entry).stretch_steps(1.3, settle=False)
    assert float(entry.state["step_unit"]) == before
    np.testing.assert_allclose(entry.encode().scale, scale * 1.3**4, rtol=1e-6)
    PricedVariable(entry).stretch_steps(2.0, settle=True)
    assert float(entry.state["step_unit"]) > 2 * before


@pytest.mark.parametrize(
    "spec",
    [
        tfqd.EntropyConstrained(average_bits=1.5),
        tfqd.EntropyConstrained(average_bits=3, bits=6, scaling="affine", layout="channel"),
        tfqd.EntropyConstrained(average_bits=2, rate_weight=0.4, learning_rate_multiplier=3.0),
    ],
)
def test_every_file_computes_what_was_trained(spec, tmp_path):
    model = trained(spec)
    check_files(model, tmp_path)
    tfqd.export.tflite(model, tmp_path / "m.tflite")


def test_freezing_of_oscillations_composes():
    model = trained(tfqd.EntropyConstrained(freeze_above=0.02), epochs=4)
    before = model(X).numpy()
    np.testing.assert_array_equal(model(X), before)
    tfqd.compress(model)


@pytest.mark.parametrize("kind", [tfqd.EntropyConstrained, tfqd.EntropyCodebook])
def test_codes_that_change_with_the_steps_count_as_no_oscillation(kind):
    model = tfqd.quantize_model(network(), kind(average_bits=3, freeze_above=0.02))
    entry = model.quantized_variables[0]
    found = []
    for factor in (1.0, 1.5, 1 / 1.5, 1.5):
        PricedVariable(entry).stretch_steps(factor, settle=False)
        entry.quantize(True)
        found.append(entry.codes())
    assert np.mean(found[0] != found[1]) > 0.3
    np.testing.assert_array_equal(entry.state["last_code"], found[-1])
    assert not np.any(entry.state["frequency"])


def test_allocated_bits_are_those_after_entropy_coding():
    data = X, X[:, :4]
    spec = tfqd.EntropyConstrained(average_bits=2)
    allocation = tfqd.allocate_bits(network(), data, average_bits=3, spec=spec, loss="mse")
    found = [spec.average_bits for spec in allocation.values()]
    assert 2.5 < np.average(found, weights=[12 * 64, 64 * 4]) <= 3


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ({"average_bits": 0}, "average_bits must be a number above 0 and at most bits, which is 4"),
        ({"average_bits": 4.5}, "at most bits, which is 4; got 4.5"),
        ({"average_bits": "2"}, "got '2'"),
        ({"rate_weight": -1}, "rate_weight must be a finite number of at least 0; got -1"),
        ({"rate_weight": float("nan")}, "got nan"),
        ({"clip": 1.0}, "clip must be None"),
        ({"bits": 1, "average_bits": 1}, "bits must be an integer from 2 to 8.* got 1"),
    ],
)
def test_bad_arguments_are_refused(arguments, words):
    with pytest.raises(ValueError, match=words):
        tfqd.EntropyConstrained(**arguments)


def test_spec_survives_its_dict():
    spec = tfqd.EntropyConstrained(average_bits=1.5, rate_weight=0.2)
    assert from_dict(spec.to_dict()) == spec
    assert spec.with_bits(3) == tfqd.EntropyConstrained(average_bits=3, bits=5, rate_weight=0.2)
