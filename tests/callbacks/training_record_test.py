"""The record of a training holds what its callbacks and quantizers saw, and goes on with it."""

import keras
import numpy as np
import pytest
import tf_keras
from small_model import X, Y, compiled, fit, small_model

import tfqd
from tfqd.callbacks import CodeFlips, TrainingRecord
from tfqd.compressed.mean_bucket import levels_in_mean_bucket

FIRST = "small/first/kernel"


@pytest.fixture
def model():
    spec = {"first": tfqd.Codebook(bits=2, bucket_size=16), "second": tfqd.LearnedStep(bits=3)}
    return compiled(tfqd.quantize_model(small_model(), spec))


def levels_of(model):
    tensors = tfqd.compress(model).quantized
    return {path: levels_in_mean_bucket(tensor) for path, tensor in tensors.items()}


def test_levels_and_flips_are_those_of_the_model(model):
    before = levels_of(model)
    record, flips = TrainingRecord(), CodeFlips()
    history = fit(model, flips, record, epochs=3)
    assert [epoch.number for epoch in record.epochs] == [0, 1, 2, 3]
    for epoch, expected in ((record.epochs[0], before), (record.epochs[3], levels_of(model))):
        assert epoch.levels.keys() == expected.keys()
        for path, levels in expected.items():
            np.testing.assert_allclose(epoch.levels[path], levels, rtol=1e-5, atol=1e-7)
    assert [epoch.flips for epoch in record.epochs[1:]] == flips.by_variable
    for name in ("loss", "code_flips"):
        assert [epoch.logs[name] for epoch in record.epochs[1:]] == history[name]
    assert record.epochs[0].logs == record.epochs[0].flips == {}
    assert record.epochs[0].levels[FIRST] != record.epochs[3].levels[FIRST]
    assert record.paths == [*before]


def test_a_training_goes_on_with_the_record_in_its_file(model, tmp_path):
    path = tmp_path / "record.json"
    fit(model, TrainingRecord(path), epochs=2)
    # As after an interruption in the second epoch.
    record = TrainingRecord(path)
    kept = record.epochs[:2]
    fit(model, record, epochs=3, initial_epoch=1)
    assert [epoch.number for epoch in record.epochs] == [0, 1, 2, 3]
    assert record.epochs[:2] == kept
    assert TrainingRecord(path).epochs == record.epochs


def test_another_training_begins_another_record(model):
    record = TrainingRecord()
    fit(model, record, epochs=2)
    last = record.epochs[-1]
    fit(model, record, epochs=1)
    assert [epoch.number for epoch in record.epochs] == [0, 1]
    assert record.epochs[0].levels == last.levels


def test_a_distillers_student_and_a_tf_keras_model_are_recorded():
    teacher = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    student = tfqd.quantize_model(small_model(), tfqd.Uniform(bits=2, bucket_size=16))
    loss = tfqd.distillation.FeatureDistillation()
    distiller, record = tfqd.Distiller(teacher, student, loss), TrainingRecord()
    distiller.compile("sgd", "mse")
    fit(distiller, record, epochs=1)
    assert FIRST in record.epochs[1].levels
    assert "distillation_loss" in record.epochs[1].logs
    layers = tf_keras.layers
    other = tf_keras.Sequential([layers.Input((6,)), layers.Dense(1, name="only")])
    quantized = tfqd.quantize_model(other, tfqd.LearnedStep(bits=2))
    quantized.compile("sgd", "mse")
    quantized.fit(X, Y, epochs=1, callbacks=[record], verbose=0)
    assert [*record.epochs[1].levels] == ["only/kernel"]


def test_a_float_model_and_another_file_are_refused(tmp_path):
    with pytest.raises(ValueError, match="has no quantized variables"):
        fit(compiled(small_model()), TrainingRecord())
    path = tmp_path / "record.json"
    path.write_text('[{"epoch": 1}]')
    with pytest.raises(ValueError, match=r"record\.json is no record of a training"):
        TrainingRecord(path)
    with pytest.raises(ValueError, match="a path must not be empty"):
        TrainingRecord("")
