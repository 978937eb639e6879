"""How the translator's students are quantized."""

import example_modules  # noqa: F401
import keras
import numpy as np
import pytest
from translation_methods import METHODS, QUANTIZED, method_and_bits, spec_of
from translation_networks import network, with_dropout

import tfqd


def kernel_levels(spec):
    """What a kernel's first channel may be, and what it is in units of that channel's steps."""
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(3)])
    (tensor,) = tfqd.compress(tfqd.quantize_model(model, spec)).quantized.values()
    levels = np.unique(tensor.dequantize()[:, 0])
    return levels / np.diff(levels).min()


def test_a_run_is_named_by_method_and_bits():
    assert len(QUANTIZED) == 2 * len(METHODS)
    assert method_and_bits("post_training_4bit") == ("post_training", 4)
    for run in QUANTIZED:
        assert spec_of(run).bits >= method_and_bits(run)[1]


def test_learned_grids_have_zero_and_even_ones_lie_on_both_sides_of_it():
    np.testing.assert_allclose(kernel_levels(spec_of("even_2bit")), [-1.5, -0.5, 0.5, 1.5], 1e-5)
    assert 0 in kernel_levels(spec_of("learned_2bit"))


def test_codebooks_have_a_range_of_their_own_in_each_channel():
    spec = spec_of("codebook_4bit")
    assert (spec.scale, spec.layout, spec.train, spec.levels) == ("learned", "channel", "both", 16)


@pytest.mark.parametrize("dropout", [0.0, 0.1])
def test_students_are_trained_on_with_another_dropout(dropout):
    keras.utils.set_random_seed(1)
    model = network(20, 1, 4, 0.9, "student")
    changed = with_dropout(model, dropout)
    assert changed is model
    rates = [layer.rate for layer in model.layers if isinstance(layer, keras.layers.Dropout)]
    assert rates == [dropout] * 3
    inputs = [np.ones((2, 3), "int32")] * 2
    same = np.array_equal(model(inputs, training=True), model(inputs, training=False))
    assert same == (dropout == 0.0)
    copied = tfqd.quantize_model(model, spec_of("learned_2bit"))
    assert np.array_equal(copied(inputs, training=True), copied(inputs)) == same
