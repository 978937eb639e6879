"""Codebooks of tiles, with points that are 8-bit floats, against loops in numpy."""

import keras
import ml_dtypes
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy_quantization import bucket_indices

import tfqd
from tfqd.compressed import float8
from tfqd.compressed.records import payload_bytes
from tfqd.compressed.sizes import tensor_size
from tfqd.export.packing import pack_tensors
from tfqd.quantizers import quantizer_for

E4M3 = ml_dtypes.float8_e4m3fn


def tiles(size=(8, 64), **fields):
    fields = {"bits": 3, "scaling": "symmetric", "init": "kmeans", "grid": "e4m3", **fields}
    return tfqd.Codebook(layout="tile", bucket_size=size, **fields)


def built(spec, weights, channel_axes=(-1,)):
    quantizer = quantizer_for(spec, channel_axes)
    tensor = tf.constant(weights)
    return quantizer, quantizer.build(weights.shape, "w", keras.layers.Layer(), lambda: tensor)


def network(seed=0):
    keras.utils.set_random_seed(seed)
    return keras.Sequential(
        [
            keras.Input((7, 7, 3)),
            keras.layers.Conv2D(10, 3, activation="relu"),
            keras.layers.Flatten(),
            keras.layers.Dense(11),
        ]
    )


@settings(max_examples=15, deadline=None)
@given(
    shape=st.sampled_from([(13, 9), (3, 2, 5, 7), (17, 1), (1, 4)]),
    axes=st.sampled_from([(-1,), (0,)]),
    size=st.tuples(st.integers(1, 9), st.integers(1, 20)),
    scale=st.sampled_from([None, "learned"]),
    seed=st.integers(0, 2**16),
)
def test_values_and_gradients_are_those_of_a_loop_over_tiles(shape, axes, size, scale, seed):
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=shape).astype(np.float32)
    upstream = rng.normal(size=shape).astype(np.float32)
    spec = tiles(size, scale=scale)
    quantizer, variables = built(spec, weights, axes)
    count = quantizer.bucketing(shape).count
    points = rng.uniform(-1, 1, (count, 8)).astype(np.float32)
    variables["points"].assign(points)
    alpha = np.ones(count, np.float32)
    if scale == "learned":
        alpha = rng.uniform(1, 2, count).astype(np.float32)
        variables["scale"].assign(alpha)
    tensor = tf.constant(weights)
    trained = [variables[role].value for role in ("points", "scale") if role in variables]
    with tf.GradientTape() as tape:
        tape.watch([tensor, *trained])
        found = quantizer(tensor, True, variables)
        loss = tf.reduce_sum(found * upstream)
    to_weights, to_points, *to_scale = tape.gradient(loss, [tensor, *trained])

    unit = 448 if scale == "learned" else 1
    expected_points, expected_scale = np.zeros((count, 8)), np.zeros(count)
    flat, moved = weights.reshape(-1), found.numpy().reshape(-1)
    for tile, indices in enumerate(bucket_indices(quantizer.bucketing(shape))):
        on_grid = (points[tile] * unit).astype(E4M3).astype(np.float64)
        step = float(alpha[tile]) / unit
        for index in indices:
            distances = np.abs(on_grid * step - flat[index])
            nearest = np.argmin(np.abs(on_grid * step - moved[index]))
            assert distances[nearest] <= distances.min() + 1e-6
            np.testing.assert_allclose(moved[index], on_grid[nearest] * step, rtol=1e-6)
            gradient = upstream.reshape(-1)[index]
            expected_points[tile, np.flatnonzero(on_grid == on_grid[nearest])[0]] += (
                alpha[tile] * gradient
            )
            x = flat[index] / alpha[tile]
            inside = on_grid.min() / unit <= x <= on_grid.max() / unit
            expected_scale[tile] += gradient * (on_grid[nearest] / unit - (x if inside else 0))
        # Equal points share their weights as they lie in the sorted codebook.
        for number in np.unique(on_grid):
            same = on_grid == number
            np.testing.assert_allclose(
                to_points[tile].numpy()[same].sum(),
                expected_points[tile][same].sum(),
                rtol=1e-4,
                atol=1e-4,
            )
    np.testing.assert_array_equal(to_weights, upstream)
    for gradient in to_scale:
        np.testing.assert_allclose(gradient, expected_scale, rtol=1e-3, atol=1e-4)


def test_points_start_by_kmeans_of_their_own_tile():
    weights = np.random.default_rng(0).normal(size=(70, 10)).astype(np.float32)
    quantizer, variables = built(tiles(scale=None), weights)
    whole = quantizer(tf.constant(weights), False, variables).numpy()
    for rows in (slice(0, 8), slice(8, 10)):
        for columns in (slice(0, 64), slice(64, 70)):
            part = np.ascontiguousarray(weights[columns, rows])
            alone, own = built(tiles(scale=None), part)
            np.testing.assert_array_equal(
                whole[columns, rows], alone(tf.constant(part), False, own)
            )


@pytest.mark.parametrize(
    ("train", "scale"), [("both", None), ("points", "range"), ("weights", None)]
)
def test_trains_what_it_is_to_train_and_files_are_exact(train, scale, tmp_path):
    model = tfqd.quantize_model(network(), tiles((4, 10), train=train, scale=scale))
    entry = model.quantized_variables[0]
    before = np.array(entry.variable), np.array(entry.state["points"])
    x = np.random.default_rng(0).normal(size=(32, 7, 7, 3)).astype(np.float32)
    model.compile(keras.optimizers.Adam(0.01), "mse")
    model.fit(x, x[:, :1, :1, 0].repeat(11, 2)[:, 0], epochs=2, verbose=0)
    moved = [
        not np.array_equal(now, then)
        for now, then in zip((entry.variable, entry.state["points"]), before, strict=True)
    ]
    assert moved == [train != "points", train != "weights"]
    tensors = tfqd.compress(model).quantized
    assert all(float8.fits(tensor.points) for tensor in tensors.values())
    expected = model(x).numpy()

    tfqd.save(model, tmp_path / "m.tfqd")
    np.testing.assert_array_equal(tfqd.load(tmp_path / "m.tfqd")(x), expected)
    again = tfqd.compress(tfqd.load(tmp_path / "m.tfqd", "quantized")).quantized
    for path, tensor in tensors.items():
        np.testing.assert_array_equal(again[path].dequantize(), tensor.dequantize())
        np.testing.assert_array_equal(again[path].points, tensor.points)
        assert again[path].spec == tensor.spec
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(keras.saving.load_model(tmp_path / "m.keras")(x), expected)
    assert tfqd.export.saved_model(model, tmp_path / "served").largest_difference < 1e-6


def test_a_tile_of_lut_b_takes_200_bytes():
    weights = np.random.default_rng(0).normal(0, 0.1, (128, 24)).astype(np.float32)
    spec = tfqd.presets.lut_b()
    quantizer, variables = built(spec, weights)
    tensor = quantizer.encode(tf.constant(weights), variables)
    assert tensor_size(tensor).fixed_bytes == 6 * 200 == weights.size * 3.125 / 8
    assert payload_bytes(tensor) <= 6 * 200
    packed = pack_tensors([tensor])
    assert (packed.codes.nbytes, packed.numbers.size) == (6 * 200, 0)
    model = tfqd.quantize_model(
        keras.Sequential([keras.Input((128,)), keras.layers.Dense(24, use_bias=False)]), spec
    )
    assert tfqd.size_report(model).total.fixed_bytes == 6 * 200


def test_a_scale_a_tile_and_points_in_bytes_are_counted():
    weights = np.random.default_rng(0).normal(size=(70, 10)).astype(np.float32)
    quantizer, variables = built(tiles(scale="range"), weights)
    tensor = quantizer.encode(tf.constant(weights), variables)
    assert tensor.scale.shape == (4,)
    assert tensor.points.shape == (4, 8)
    assert np.abs(tensor.points).max() == 448
    assert tensor_size(tensor).fixed_bytes == -(-700 * 3 // 8) + 4 * 4 + 4 * 8


def test_tflite_packs_rows_of_one_tile_and_names_the_others(tmp_path):
    keras.utils.set_random_seed(0)
    plain = keras.Sequential(
        [keras.Input((96,)), keras.layers.Dense(64, name="many"), keras.layers.Dense(8)]
    )
    model = tfqd.quantize_model(plain, {"many/kernel": tiles((64, 96), scale=None)})
    with pytest.warns(UserWarning, match="many/kernel.*its points are floats, trained on no grid"):
        tfqd.export.tflite(model, tmp_path / "m.tflite")
    result = tfqd.export.tflite(model, tmp_path / "m.tflite", prefer="size", strict=True)
    assert [row.type for row in result.report.weights] == ["codebook"]
    model = tfqd.quantize_model(plain, {"many/kernel": tiles(scale=None)})
    with pytest.raises(ValueError, match=r"many/kernel.*several scales or codebooks"):
        tfqd.export.tflite(model, tmp_path / "n.tflite", prefer="size", strict=True)
    assert not (tmp_path / "n.tflite").exists()


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match=r"layout='tile' needs bucket_size=.*got 256"):
        tfqd.Codebook(layout="tile")
    with pytest.raises(ValueError, match=r"got \(8, 0\)"):
        tiles((8, 0))
    with pytest.raises(ValueError, match=r"grid must be one of .*'e4m3'; got 'e5m2'"):
        tiles(grid="e5m2")
    with pytest.raises(ValueError, match="grid='e4m3' needs scaling='symmetric'"):
        tiles(scaling="affine")
    with pytest.raises(ValueError, match="scale=None needs scaling='symmetric'"):
        tiles(grid=None, scale=None, scaling="affine")
    with pytest.raises(ValueError, match="scale=None needs grid='e4m3' or None"):
        tiles(scale=None, grid="int8")
    with pytest.raises(ValueError, match="scale=None needs init='quantile' or 'kmeans'"):
        tiles(scale=None, init="normal")
    with pytest.raises(ValueError, match="e4m3' has 253 values, too few for 256 points"):
        tiles(bits=8)
    with pytest.raises(ValueError, match="channels_per_codebook needs layout='channel'"):
        tiles(channels_per_codebook=2)
    with pytest.raises(ValueError, match="cuts a matrix, a tensor of two axes or more"):
        tfqd.quantize_model(network(), {"bias": tiles()})
