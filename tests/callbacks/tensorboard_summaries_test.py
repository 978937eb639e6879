"""Summaries are what TensorBoard reads, and hold what the model holds."""

import collections
import sys

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from small_model import X, Y, compiled, fit, small_model

import tfqd
from tfqd.callbacks import CodeFlips, TensorBoardSummaries, TrainingRecord
from tfqd.compressed.records import payload_bytes


def written(folder):
    """name -> the values by step, of all event files in a folder."""
    found = collections.defaultdict(dict)
    for file in folder.iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            for value in event.summary.value:
                found[value.tag][event.step] = tf.make_ndarray(value.tensor)
    return found


def test_summaries_hold_flips_bytes_and_histograms(tmp_path):
    spec = {"first/kernel": tfqd.Codebook(bits=2, bucket_size=16), "second": "learned3"}
    model = compiled(tfqd.quantize_model(small_model(), spec))
    flips, record = CodeFlips(), TrainingRecord()
    fit(model, flips, record, TensorBoardSummaries(tmp_path), epochs=2)
    found, quantized = written(tmp_path), tfqd.compress(model).quantized
    assert [*found["code_flips"]] == [0, 1]
    for epoch, shares in enumerate(flips.by_variable):
        for path, share in shares.items():
            assert found[f"code_flips/{path}"][epoch] == pytest.approx(share)
    for path, tensor in quantized.items():
        assert found[f"bytes/{path}"][1] == payload_bytes(tensor)
        left, right, counts = found[f"levels/{path}"][1].T
        assert counts.sum() == tensor.levels
        levels = record.epochs[2].levels[path]  # of six digits
        ends = [float(f"{end:.6g}") for end in (left[0], right[-1])]
        assert ends == pytest.approx([min(levels), max(levels)])
        assert found[f"codes/{path}"][1][:, 2].sum() == tensor.size
        assert found[f"scales/{path}"][1][:, 2].sum() == tensor.bucketing.count
    assert found["bytes"][1] == sum(map(payload_bytes, quantized.values()))


@pytest.mark.parametrize("version", [keras, tf_keras])
def test_both_kerases_write_beside_their_own_tensorboard(version, tmp_path):
    layers = version.layers
    model = version.Sequential([layers.Input((6,)), layers.Dense(1, name="only")])
    quantized = tfqd.quantize_model(model, tfqd.LearnedStep(bits=2))
    quantized.compile("sgd", "mse")
    own = version.callbacks.TensorBoard(tmp_path / "own")
    ours = TensorBoardSummaries(tmp_path / "ours")
    quantized.fit(X, Y, epochs=1, verbose=0, callbacks=[own, ours])
    (path,) = tfqd.compress(quantized).quantized
    assert np.sum(written(tmp_path / "ours")[f"codes/{path}"][0][:, 2]) == 6


def test_without_tensorboard_the_extra_is_named(monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "tensorboard", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'tfqd\[tensorboard\]'"):
        TensorBoardSummaries(tmp_path)
