"""Code flips are the weights whose code differs from the epoch before."""

import math

import keras
import numpy as np
import pytest
from small_model import compiled, fit, small_model

import tfqd
from tfqd.callbacks import BitSchedule, CodeFlips, QuantizeWeights
from tfqd.distillation import FeatureDistillation

SPEC = tfqd.Uniform(bits=3, bucket_size=16)


class Codes(keras.callbacks.Callback):
    """The codes at the end of each epoch, and before the first."""

    def __init__(self, entries):
        super().__init__()
        self.entries, self.epochs = entries, []

    def on_train_begin(self, logs=None):
        self.keep()

    def on_epoch_end(self, epoch, logs=None):
        self.keep()

    def keep(self):
        self.epochs.append([entry.encode().codes for entry in self.entries])

    @property
    def changed(self):
        """By epoch the number of changed codes of each variable."""
        return [
            [int(np.sum(old != new)) for old, new in zip(before, after, strict=True)]
            for before, after in zip(self.epochs, self.epochs[1:], strict=False)
        ]


@pytest.mark.parametrize("spec", [SPEC, tfqd.Codebook(bits=2, bucket_size=16)])
def test_shares_are_those_of_all_weights_and_of_each_variable(spec):
    quantized = compiled(tfqd.quantize_model(small_model(), spec))
    codes, flips = Codes(quantized.quantized_variables), CodeFlips(per_variable=True)
    history = fit(quantized, flips, codes, epochs=3)
    changed = codes.changed
    assert sum(map(sum, changed)) > 0
    np.testing.assert_allclose(history["code_flips"], [sum(each) / 56 for each in changed])
    for i, (path, size) in enumerate([("small/first/kernel", 48), ("small/second/kernel", 8)]):
        shares = [each[i] / size for each in changed]
        assert [epoch[path] for epoch in flips.by_variable] == shares
        assert history[f"code_flips/{path}"] == shares


def test_without_an_update_nothing_flips():
    quantized = compiled(tfqd.quantize_model(small_model(), SPEC), rate=0.0)
    assert fit(quantized, CodeFlips())["code_flips"] == [0.0, 0.0]


def test_other_bits_are_compared_with_codes_of_these_bits():
    quantized = compiled(tfqd.quantize_model(small_model(), SPEC), rate=0.0)
    schedule = BitSchedule({0: None, 1: 5, 3: 3})
    history = fit(quantized, schedule, CodeFlips(), epochs=4)
    assert math.isnan(history["code_flips"][0])
    assert history["code_flips"][1:] == [0.0, 0.0, 0.0]


def test_a_schedule_behind_it_is_waited_for():
    quantized = compiled(tfqd.quantize_model(small_model(), SPEC), rate=0.0)
    history = fit(quantized, CodeFlips(), BitSchedule({0: 5, 1: 3}), epochs=3)
    assert math.isnan(history["code_flips"][1])
    assert history["code_flips"][2] == 0.0


def test_later_callbacks_and_other_models_see_them():
    stop = keras.callbacks.EarlyStopping(monitor="code_flips", mode="min", patience=0)
    model = compiled(small_model(), rate=0.0)
    history = fit(model, QuantizeWeights(SPEC), CodeFlips(), stop, epochs=5)
    assert history["code_flips"] == [0.0, 0.0]
    student = tfqd.quantize_model(small_model(), SPEC)
    distiller = compiled(tfqd.Distiller(small_model(), student, FeatureDistillation()))
    assert len(fit(distiller, CodeFlips())["code_flips"]) == 2


def test_a_float_model_has_no_codes():
    with pytest.raises(ValueError, match="no quantized variables"):
        fit(compiled(small_model()), CodeFlips())
