"""Tensors of models whose layers have equal names are told apart, by the names in files."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.callbacks import CodeFlips, CoupleWeights, TensorBoardSummaries, TrainingRecord
from tfqd.charts.sources import source_of
from tfqd.compressed.mean_bucket import levels_in_mean_bucket
from tfqd.compressed.records import payload_bytes

BOTH = pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
NAMES = ["dense/kernel", "dense/kernel:1", "out/kernel"]
X = np.random.default_rng(0).normal(size=(32, 4)).astype("float32")


def towers(version):
    """Two models in a model, whose layers have the same name."""
    version.utils.set_random_seed(0)
    inputs = version.Input((4,))
    ends = []
    for i, size in enumerate((3, 5)):
        entry = version.Input((4,))
        tower = version.Model(entry, version.layers.Dense(size, name="dense")(entry), name=f"t{i}")
        ends.append(tower(inputs))
    joined = version.layers.Concatenate()(ends)
    return version.Model(inputs, version.layers.Dense(1, name="out")(joined))


def fit(model, version, *callbacks):
    model.compile(version.optimizers.SGD(0.1), "mse")
    model.fit(X, X[:, :1], verbose=0, callbacks=[*callbacks])


@BOTH
def test_each_is_drawn_with_its_own_weights(version):
    model = towers(version)
    quantized = tfqd.quantize_model(model, tfqd.LearnedStep(bits=4))
    source = source_of(quantized)
    assert [*source.weights] == [*source.compressed.quantized] == NAMES
    for name, layer in zip(NAMES, ("t0", "t1", "out"), strict=True):
        kernel = model.get_layer(layer).weights[0]
        np.testing.assert_array_equal(source.weights[name], kernel.numpy())


@BOTH
def test_names_count_weights_that_are_not_quantized(version):
    inputs = outputs = version.Input((4,))
    for _ in range(3):
        entry = version.Input((4,))
        outputs = version.Model(entry, version.layers.Dense(4, name="dense")(entry))(outputs)
    source = source_of(tfqd.quantize_model(version.Model(inputs, outputs), 4, first_last=None))
    assert [*source.weights] == [*source.compressed.quantized] == ["dense/kernel:1"]


@BOTH
def test_each_is_recorded(version):
    quantized = tfqd.quantize_model(towers(version), tfqd.LearnedStep(bits=4))
    record, flips = TrainingRecord(), CodeFlips(per_variable=True)
    fit(quantized, version, record, flips)
    assert record.paths == NAMES
    assert [*record.epochs[-1].flips] == [*flips.by_variable[-1]] == NAMES
    for name, tensor in tfqd.compress(quantized).quantized.items():
        levels = record.epochs[-1].levels[name]
        np.testing.assert_allclose(levels, levels_in_mean_bucket(tensor), rtol=1e-4)


@BOTH
def test_bytes_of_each_are_summed(version, tmp_path):
    quantized = tfqd.quantize_model(towers(version), tfqd.LearnedStep(bits=4))
    fit(quantized, version, TensorBoardSummaries(tmp_path))
    found = {}
    for file in tmp_path.iterdir():
        for event in tf.compat.v1.train.summary_iterator(str(file)):
            found.update({each.tag: tf.make_ndarray(each.tensor) for each in event.summary.value})
    sizes = {name: payload_bytes(t) for name, t in tfqd.compress(quantized).quantized.items()}
    assert {name: found[f"bytes/{name}"] for name in NAMES} == sizes
    assert found["bytes"] == sum(sizes.values())


@BOTH
def test_coupled_ones_have_a_codebook_that_holds_the_centers_of_all(version):
    model = towers(version)
    coupling = CoupleWeights(strength=1e-9, reach=0.1)
    fit(model, version, coupling)
    rng = np.random.default_rng(0)
    kernels = [model.get_layer(name).weights[0] for name in ("t0", "t1", "out")]
    for kernel, points in zip(kernels, ([-1, 0.5, 1], [-1, 1], [-1, 1]), strict=True):
        kernel.assign(np.resize(rng.permutation(points), kernel.shape))
    selection = coupling.settle()
    assert [spec.levels for spec in selection.values()] == [3, 2]
    quantized = tfqd.compress(tfqd.quantize_model(model, selection)).quantized
    for tensor, kernel in zip(quantized.values(), kernels, strict=True):
        np.testing.assert_allclose(tensor.dequantize(), kernel.numpy(), atol=1e-6)
