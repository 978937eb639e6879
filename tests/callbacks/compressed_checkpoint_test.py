"""The archive on disk is the best model's, whatever the runs before and after."""

import keras
import numpy as np
import pytest
from small_model import X, Y, arrays, compiled, fit, small_model

import tfqd
from tfqd.callbacks import BitSchedule, CompressedCheckpoint, QuantizeWeights
from tfqd.compressed import read_manifest
from tfqd.distillation import FeatureDistillation

SPEC = tfqd.Uniform(bits=3, bucket_size=16)


class Scores(keras.callbacks.Callback):
    """Puts given values into the logs, and keeps what the model computes."""

    def __init__(self, values, name="score"):
        super().__init__()
        self.values, self.name, self.outputs = dict(enumerate(values)), name, {}

    def on_epoch_end(self, epoch, logs=None):
        logs[self.name] = self.values[epoch]
        self.outputs[epoch] = np.array(self.model(X))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "best.tfqd"


@pytest.fixture
def quantized():
    return compiled(tfqd.quantize_model(small_model(), SPEC))


def record(path):
    return read_manifest(path).facts["checkpoint"]


@pytest.mark.parametrize(
    ("mode", "values", "best"),
    [
        ("min", [3.0, 1.0, 2.0], 1),
        ("max", [3.0, 1.0, 2.0], 0),
        ("min", [3.0, float("nan"), 2.0], 2),
        ("min", [2.0, 2.0, 2.0], 0),
    ],
)
def test_the_best_epoch_is_kept(mode, values, best, quantized, path):
    scores = Scores(values)
    checkpoint = CompressedCheckpoint(path, "score", mode=mode, facts={"run": "a"})
    fit(quantized, scores, checkpoint, epochs=3)
    assert checkpoint.best == values[best]
    assert record(path) == {"epoch": best, "monitor": "score", "value": values[best]}
    assert read_manifest(path).facts["run"] == "a"
    np.testing.assert_allclose(tfqd.load(path)(X), scores.outputs[best], rtol=1e-5, atol=1e-6)


def test_the_validation_loss_decides_if_nothing_else_is_said(quantized, path):
    history = fit(quantized, CompressedCheckpoint(path), epochs=3, validation_data=(X, Y))
    assert record(path)["value"] == min(history["val_loss"])
    restored = compiled(tfqd.load(path))
    assert restored.evaluate(X, Y, verbose=0) == pytest.approx(min(history["val_loss"]), rel=1e-5)


def test_a_resumed_run_replaces_the_file_by_a_better_one_only(quantized, path):
    fit(quantized, Scores([1.0]), CompressedCheckpoint(path, "score", mode="min"), epochs=1)
    before = path.read_bytes()
    resumed = CompressedCheckpoint(path, "score", mode="min")
    fit(quantized, Scores([0.0, 3.0, 2.0]), resumed, epochs=3, initial_epoch=1)
    assert path.read_bytes() == before
    assert resumed.best == 1.0
    resumed = CompressedCheckpoint(path, "score", mode="min")
    fit(quantized, Scores([0.0, 0.0, 3.0, 0.5]), resumed, epochs=4, initial_epoch=2)
    assert record(path)["epoch"] == 3


def test_a_new_run_replaces_the_file(quantized, path):
    fit(quantized, Scores([1.0]), CompressedCheckpoint(path, "score", mode="min"), epochs=1)
    fit(quantized, Scores([5.0]), CompressedCheckpoint(path, "score", mode="min"), epochs=1)
    assert record(path)["value"] == 5.0


def test_a_file_of_something_else_is_not_compared_with(quantized, path):
    tfqd.save(quantized, path)
    before = path.read_bytes()
    with pytest.raises(ValueError, match="was not written by a CompressedCheckpoint that monitors"):
        fit(
            quantized,
            Scores([0.0, 1.0]),
            CompressedCheckpoint(path, "score", mode="min"),
            initial_epoch=1,
        )
    assert path.read_bytes() == before


def test_the_latest_may_be_kept_instead(quantized, path):
    checkpoint = CompressedCheckpoint(path, "score", mode="min", save_best_only=False)
    fit(quantized, Scores([1.0, 2.0]), checkpoint)
    assert record(path)["epoch"] == 1
    assert checkpoint.best == 1.0


def test_epochs_with_more_bits_than_the_final_ones_do_not_count(quantized, path):
    checkpoint = CompressedCheckpoint(path, "score", mode="min")
    fit(quantized, BitSchedule({0: 8, 1: 3}), Scores([0.0, 2.0, 1.0]), checkpoint, epochs=3)
    assert record(path) == {"epoch": 2, "monitor": "score", "value": 1.0}
    assert {tensor.bits for tensor in tfqd.load(path, "compressed").quantized.values()} == {3}


def test_a_new_run_whose_first_epochs_do_not_count_replaces_the_file(quantized, path):
    fit(quantized, Scores([1.0]), CompressedCheckpoint(path, "score", mode="min"), epochs=1)
    checkpoint = CompressedCheckpoint(path, "score", mode="min")
    fit(quantized, BitSchedule({0: 8, 2: 3}), Scores([0.0, 0.0, 5.0]), checkpoint, epochs=3)
    assert record(path) == {"epoch": 2, "monitor": "score", "value": 5.0}


def test_a_resumed_run_whose_first_epochs_do_not_count_knows_what_to_beat(quantized, path):
    fit(quantized, Scores([1.0]), CompressedCheckpoint(path, "score", mode="min"), epochs=1)
    checkpoint = CompressedCheckpoint(path, "score", mode="min")
    scores, schedule = Scores([0.0, 0.0, 5.0]), BitSchedule({0: 8, 2: 3})
    fit(quantized, schedule, scores, checkpoint, epochs=3, initial_epoch=1)
    assert record(path)["value"] == checkpoint.best == 1.0


def test_a_fit_that_never_has_the_final_bits_says_so(quantized, path):
    checkpoint = CompressedCheckpoint(path, "loss")
    with pytest.warns(UserWarning, match="nothing was written .* own bits"):
        fit(quantized, BitSchedule({0: 8, 5: 3}), checkpoint)
    assert not path.exists()


def test_a_fit_whose_monitor_is_never_a_number_says_so(quantized, path):
    checkpoint = CompressedCheckpoint(path, "score", mode="min")
    scores = Scores([0.0, float("nan"), float("nan")])
    with pytest.warns(UserWarning, match="nothing was written .* 'score' was NaN in all epochs"):
        fit(quantized, BitSchedule({0: 8, 1: 3}), scores, checkpoint, epochs=3)
    assert not path.exists()


def test_a_fit_of_no_epoch_says_so(quantized, path):
    with pytest.warns(UserWarning, match="nothing was written .* no epoch was trained") as told:
        fit(quantized, CompressedCheckpoint(path, "loss"), epochs=1, initial_epoch=1)
    assert "bits" not in str(told[0].message)


def test_a_plain_model_is_kept_with_its_quantized_weights(path):
    model, callback = compiled(small_model()), QuantizeWeights(SPEC)
    history = fit(model, callback, CompressedCheckpoint(path), validation_data=(X, Y), epochs=1)
    for ours, theirs in zip(arrays(tfqd.load(path)), arrays(model), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert record(path)["value"] == history["val_loss"][0]


def test_a_distillers_student_is_kept(path):
    student = tfqd.quantize_model(small_model(), SPEC)
    distiller = compiled(tfqd.Distiller(small_model(seed=3), student, FeatureDistillation()))
    fit(distiller, CompressedCheckpoint(path), validation_data=(X, Y), epochs=1)
    np.testing.assert_allclose(tfqd.load(path)(X), student(X), rtol=1e-5)


def test_a_missing_monitor_is_named_with_what_there_is(quantized, path):
    with pytest.raises(
        ValueError, match=r"monitor 'val_loss' is not among .* are: loss; give fit "
    ):
        fit(quantized, CompressedCheckpoint(path))


@pytest.mark.parametrize(
    ("monitor", "larger"),
    [("val_loss", False), ("val_sparse_categorical_accuracy", True), ("size_bytes", False)],
)
def test_the_mode_follows_from_the_name(monitor, larger, quantized, path):
    checkpoint = CompressedCheckpoint(path, monitor)
    fit(quantized, Scores([1.0, 2.0], monitor), checkpoint)
    assert checkpoint.best == (2.0 if larger else 1.0)


def test_modes_that_cannot_be_told_are_refused(path):
    with pytest.raises(ValueError, match="'score' does not tell"):
        CompressedCheckpoint(path, "score")
    with pytest.raises(ValueError, match="mode must be"):
        CompressedCheckpoint(path, mode="best")
    with pytest.raises(ValueError, match="save_best_only must be True or False; got 'min'"):
        CompressedCheckpoint(path, save_best_only="min")
