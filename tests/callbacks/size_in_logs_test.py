"""The logs hold the size of the file that `tfqd.save` writes."""

import csv

import keras
import pytest
from small_model import compiled, fit, small_model

import tfqd
from tfqd.callbacks import BitSchedule, QuantizeWeights, SizeReport
from tfqd.distillation import FeatureDistillation

SPEC = tfqd.Uniform(bits=3, bucket_size=16)
FLOAT_BYTES = 4 * (6 * 8 + 8 + 4 * 8 + 8 + 1)


def saved_bytes(model, path):
    tfqd.save(model, path)
    return path.stat().st_size


class Saved(keras.callbacks.Callback):
    """The bytes of the model, saved at the end of each epoch."""

    def __init__(self, folder):
        super().__init__()
        self.folder, self.bytes = folder, []

    def on_epoch_end(self, epoch, logs=None):
        self.bytes.append(saved_bytes(self.model, self.folder / "model.tfqd"))


@pytest.mark.parametrize("spec", [SPEC, tfqd.Codebook(bits=2, bucket_size=16)])
def test_bytes_are_those_of_the_saved_file(spec, tmp_path):
    quantized = compiled(tfqd.quantize_model(small_model(), spec))
    saved = Saved(tmp_path)
    history = fit(quantized, SizeReport(), saved)
    assert history["size_bytes"] == saved.bytes
    assert history["size_ratio"] == [FLOAT_BYTES / size for size in saved.bytes]


def test_bytes_fall_with_the_bits():
    big = keras.Sequential([keras.Input((6,)), keras.layers.Dense(500), keras.layers.Dense(1)])
    quantized = compiled(tfqd.quantize_model(big, tfqd.Uniform(bits=2)))
    sizes = fit(quantized, BitSchedule({0: None, 1: 2}), SizeReport())["size_bytes"]
    assert sizes[1] < 0.5 * sizes[0]


def test_a_plain_model_and_a_student_are_reported(tmp_path):
    model, callback = compiled(small_model()), QuantizeWeights(SPEC)
    history = fit(model, callback, SizeReport())
    assert history["size_bytes"][-1] == saved_bytes(callback.compress(), tmp_path / "plain.tfqd")
    student = tfqd.quantize_model(small_model(), SPEC)
    distiller = tfqd.Distiller(small_model(), student, FeatureDistillation())
    history = fit(compiled(distiller), SizeReport())
    assert history["size_bytes"][-1] == saved_bytes(student, tmp_path / "student.tfqd")


def test_later_callbacks_read_it(tmp_path):
    quantized = compiled(tfqd.quantize_model(small_model(), SPEC))
    log = keras.callbacks.CSVLogger(tmp_path / "log.csv")
    stop = keras.callbacks.EarlyStopping("size_ratio", mode="max", baseline=1000.0, patience=0)
    history = fit(quantized, SizeReport(), log, stop, epochs=5)
    assert len(history["loss"]) == 2
    rows = csv.DictReader((tmp_path / "log.csv").open())
    assert [int(row["size_bytes"]) for row in rows] == history["size_bytes"]


def test_it_measures_every_few_epochs():
    quantized = compiled(tfqd.quantize_model(small_model(), SPEC))
    assert len(fit(quantized, SizeReport(every=2), epochs=5)["size_bytes"]) == 2


def test_bad_arguments_and_float_models_are_refused():
    with pytest.raises(ValueError, match="every must be a positive integer; got 0"):
        SizeReport(every=0)
    with pytest.raises(ValueError, match="not quantized"):
        fit(compiled(small_model()), SizeReport())
