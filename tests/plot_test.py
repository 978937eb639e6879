"""Plots show the numbers of the models and trainings that they were made of."""

import sys

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.compressed.records import payload_bytes

X = np.random.default_rng(0).normal(size=(64, 6)).astype("float32")
SPEC = {
    "first/kernel": tfqd.Codebook(bits=2, bucket_size=None),
    "second/kernel": tfqd.LearnedStep(bits=3),
}


def small(version):
    layers = version.layers
    return version.Sequential(
        [
            layers.Input((6,)),
            layers.Dense(40, name="first", activation="relu"),
            layers.Dense(3, name="second"),
        ],
        name="small",
    )


@pytest.fixture(scope="module")
def trained():
    """A quantized model and the record of its training."""
    keras.utils.set_random_seed(0)
    model = tfqd.quantize_model(small(keras), SPEC)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    record = tfqd.callbacks.TrainingRecord()
    data = {"validation_data": (X, X[:, :3]), "verbose": 0, "callbacks": [record]}
    model.fit(X, X[:, :3], epochs=3, **data)
    return model, record


def axes_by_title(figure):
    return {axes.get_title(loc="left"): axes for axes in figure.axes}


def lines(axes):
    return {line.get_label(): line.get_xydata() for line in axes.lines}


@pytest.mark.parametrize("version", [keras, tf_keras])
def test_histograms_hold_all_weights_and_the_levels_in_use(version):
    model = tfqd.quantize_model(small(version), SPEC)
    quantized = tfqd.compress(model).quantized
    found = axes_by_title(tfqd.plot.weights(model))
    assert found.keys() == quantized.keys()
    for path, tensor in quantized.items():
        (drawn,) = found[path].patches
        assert drawn.get_data().values.sum() == tensor.size
        rules = [line.get_xdata()[0] for line in found[path].lines]
        np.testing.assert_allclose(sorted(rules), np.unique(tensor.dequantize()), atol=1e-6)


def test_histograms_of_a_compressed_model_count_its_quantized_weights(trained):
    compressed = tfqd.compress(trained[0])
    (path, *_) = compressed.quantized
    (axes,) = tfqd.plot.weights(compressed, [path]).axes
    counts = axes.patches[0].get_data().values
    assert np.count_nonzero(counts) == len(axes.lines) == 4


def test_bars_are_bits_and_bytes(trained):
    model, _ = trained
    compressed = tfqd.compress(model)
    (bits,), (sizes,) = tfqd.plot.bits(model).axes, tfqd.plot.sizes(compressed).axes
    assert [bar.get_width() for bar in bits.patches] == [2, 3]
    payloads = [payload_bytes(tensor) for tensor in compressed.quantized.values()]
    stayed = sum(array.nbytes for array in compressed.rest.values())
    assert [bar.get_width() for bar in sizes.patches] == [*payloads, stayed]
    names = [label.get_text() for label in sizes.get_yticklabels()]
    assert names == [*compressed.quantized, "all that stayed float"]


def test_levels_and_flips_and_losses_move_as_recorded(trained):
    _, record = trained
    path = record.paths[0]
    (axes,) = tfqd.plot.levels(record, [path]).axes
    drawn = np.stack([points[:, 1] for points in lines(axes).values()], axis=1)
    np.testing.assert_array_equal(drawn, [epoch.levels[path] for epoch in record.epochs])
    (axes,) = tfqd.plot.flips(record).axes
    assert lines(axes).keys() == {*record.paths, "all weights"}
    shares = [epoch.flips[path] for epoch in record.epochs[1:]]
    np.testing.assert_array_equal(lines(axes)[path][:, 1], shares)
    (axes,) = tfqd.plot.losses(record).axes
    assert lines(axes).keys() == {"loss", "val_loss"}
    losses = [(epoch.number, epoch.logs["val_loss"]) for epoch in record.epochs[1:]]
    np.testing.assert_array_equal(lines(axes)["val_loss"], losses)


def test_a_path_alone_is_taken_as_one(trained):
    model, record = trained
    path = record.paths[0]
    assert axes_by_title(tfqd.plot.weights(model, path)).keys() == {path}
    assert len(tfqd.plot.levels(record, path).axes) == 1
    with pytest.raises(ValueError, match=r"got a/kernel$"):
        tfqd.plot.weights(model, "a/kernel")


def test_of_many_levels_few_are_drawn():
    model = tfqd.quantize_model(small(keras), tfqd.Uniform(bits=8, bucket_size=None))
    model.compile("sgd", "mse")
    record = tfqd.callbacks.TrainingRecord()
    model.fit(X, X[:, :3], epochs=1, verbose=0, callbacks=[record])
    first, _ = tfqd.plot.levels(record).axes
    assert 16 <= len(first.lines) <= 17
    levels = record.epochs[0].levels[record.paths[0]]
    heights = [line.get_ydata()[0] for line in first.lines]
    assert [heights[0], heights[-1]] == [levels[0], levels[-1]]


def test_the_tradeoff_has_a_point_for_each_model():
    figure = tfqd.plot.tradeoff(
        {"float": (39_208, 0.977), "4 bits": (6_976, 0.983)}, metric="top-1"
    )
    (axes,) = figure.axes
    assert {name: xy.tolist() for name, xy in lines(axes).items()} == {
        "float": [[39_208, 0.977]],
        "4 bits": [[6_976, 0.983]],
    }
    assert axes.get_ylabel() == "top-1"
    assert [label.get_text() for label in axes.get_xticklabels()] == ["10,000", "20,000"]


def test_wrong_calls_name_what_is_allowed(trained):
    model, record = trained
    with pytest.raises(ValueError, match="paths must be some of small/first/kernel, "):
        tfqd.plot.weights(model, ["small/third/kernel"])
    with pytest.raises(ValueError, match="paths must be some of"):
        tfqd.plot.levels(record, [])
    with pytest.raises(ValueError, match="record holds no epoch"):
        tfqd.plot.flips(tfqd.callbacks.TrainingRecord())
    with pytest.raises(ValueError, match="results must hold"):
        tfqd.plot.tradeoff({})
    with pytest.raises(ValueError, match="model holds no quantized tensor"):
        tfqd.plot.bits(tfqd.CompressedModel({"bias": np.zeros(3, np.float32)}))
    with pytest.raises(TypeError, match="model"):
        tfqd.plot.bits(3)


def test_without_matplotlib_the_extra_is_named(monkeypatch):
    for name in ("matplotlib", "matplotlib.figure"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'tfqd\[plot\]'"):
        tfqd.plot.tradeoff({"float": (1, 1.0)})


def test_radar_has_a_ring_a_model_and_needs_three_measures(trained):
    model, _ = trained
    float_model = tfqd.strip_quantization(model)
    found = tfqd.evaluate({"float": float_model, "small": model}, (X, X[:, :3].argmax(-1)))
    (axes,) = tfqd.plot.radar(found).axes
    rings = lines(axes)
    assert {"float", "small"} <= rings.keys()
    for name in ("float", "small"):
        assert np.hypot(*rings[name].T).max() <= 1 + 1e-6
        np.testing.assert_array_equal(rings[name][0], rings[name][-1])
    alone = tfqd.evaluate({"float": float_model}, (X, X[:, :3].argmax(-1)), efficiency=False)
    with pytest.raises(ValueError, match="three measures that differ"):
        tfqd.plot.radar(alone)
