"""Keras' own tests of distillation, run on tfqd's classes as they were installed with Keras."""

import unittest

import keras
import pytest
from keras.src.testing import TestCase

import tfqd

WITHOUT = "the packages of Keras 3.12 leave its tests out"
distiller_test, distillation_loss_test = (
    pytest.importorskip(f"keras.src.distillation.{name}", reason=WITHOUT)
    for name in ("distiller_test", "distillation_loss_test")
)
OURS = {
    "Distiller": tfqd.Distiller,
    "FeatureDistillation": tfqd.distillation.FeatureDistillation,
    "LogitsDistillation": tfqd.distillation.LogitsDistillation,
}
# They end by looking at models that Keras keeps to itself and makes of a functional model's
# layers, where tfqd reads the one pass of any model.
PRIVATE = {
    "test_feature_distillation_end_to_end",
    "test_multi_distillation_loss_distillation_end_to_end",
}
# They ask that a teacher be frozen. That would outlast the Distiller: who quantizes the same model
# once more would train nothing.
FROZEN = {"test_distiller_initialization", "test_teacher_freezing"}
FOUND = [
    case
    for module in (distiller_test, distillation_loss_test)
    for kind in vars(module).values()
    if isinstance(kind, type) and issubclass(kind, TestCase) and kind is not TestCase
    for case in unittest.defaultTestLoader.loadTestsFromTestCase(kind)
    if case._testMethodName != "test_session"
]


@pytest.fixture(autouse=True)
def _ours(monkeypatch):
    for module in (distiller_test, distillation_loss_test):
        for name, ours in OURS.items():
            if hasattr(module, name):
                monkeypatch.setattr(module, name, ours)


def problems(case):
    result = unittest.TestResult()
    case.run(result)
    return [text for _, text in result.errors + result.failures]


@pytest.mark.parametrize("case", FOUND, ids=lambda case: case._testMethodName)
def test_it_passes(case):
    found = problems(case)
    if case._testMethodName in PRIVATE:
        (only,) = found
        assert only.strip().endswith("has no attribute '_teacher_feature_extractor'")
    elif case._testMethodName in FROZEN:
        (only,) = found
        assert "self.assertFalse(self.teacher.trainable)" in only
    else:
        assert found == []


def test_there_are_as_many_as_keras_has():
    assert len(FOUND) >= 14
    assert {case._testMethodName for case in FOUND} >= PRIVATE | FROZEN
    assert distiller_test.Distiller is tfqd.Distiller is not keras.distillation.Distiller
