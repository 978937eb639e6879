"""The files of a teacher's cache, when another cache takes their place."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_networks import X, network

from tfqd.distillation import CachedTeacher, cache_teacher

HALVES = X[:48], X[48:]


def data(x):
    return tf.data.Dataset.from_tensor_slices(x).batch(20)


def test_a_cached_teacher_keeps_its_outputs_when_the_cache_is_written_anew(tmp_path):
    teacher = network()
    caches = [cache_teacher(teacher, data(half), tmp_path, verbose=0) for half in HALVES]
    for cached, half in zip(caches, HALVES, strict=True):
        batches = [inputs["teacher_outputs"] for (inputs,) in cached.attach(data(half))]
        expected = teacher(half, training=False)
        np.testing.assert_allclose(np.concatenate(batches), expected, rtol=1e-5, atol=1e-6)


def test_a_cache_is_not_written_to_the_current_folder_for_want_of_a_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match="a path must not be empty"):
        cache_teacher(network(), data(X), "", verbose=0)
    assert [*tmp_path.iterdir()] == []


def test_a_cache_that_is_cut_short_spoils_no_cached_teacher_and_leaves_no_file(
    tmp_path, monkeypatch
):
    teacher = network()
    cached = cache_teacher(teacher, data(HALVES[0]), tmp_path, verbose=0)
    files = {path.name for path in tmp_path.iterdir()}

    def interrupt(self, current, *args, **kwargs):
        raise KeyboardInterrupt

    monkeypatch.setattr(keras.utils.Progbar, "update", interrupt)
    with pytest.raises(KeyboardInterrupt):
        cache_teacher(teacher, data(HALVES[1]), tmp_path, verbose=0)
    assert {path.name for path in tmp_path.iterdir()} == files - {"manifest.json"}
    with pytest.raises(FileNotFoundError, match="holds no complete cache"):
        CachedTeacher(tmp_path)
    (inputs,) = next(iter(cached.attach(data(HALVES[0]))))
    expected = teacher(HALVES[0][:20], training=False)
    np.testing.assert_allclose(inputs["teacher_outputs"], expected, rtol=1e-5, atol=1e-6)
