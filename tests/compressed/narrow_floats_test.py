"""Scales and what stayed float in two bytes a number: rounded as stated, or refused."""

import dataclasses

import ml_dtypes
import numpy as np
import pytest
from compressed_examples import (
    assert_equal_tensors,
    only,
    quantized_tensor,
    saved,
    small_model,
)

from tfqd.compressed import CompressedModel, read_manifest, write_archive


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.tfqd"


@pytest.mark.parametrize("kind", ["uniform", "codebook", "learned_step"])
@pytest.mark.parametrize("scaling", ["affine", "symmetric"])
@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_scales_move_weights_by_no_more_than_stated(path, kind, scaling, dtype):
    tensor = quantized_tensor((64, 64), 8, scaling, kind, bucket_size=32)
    loaded = saved(only(tensor), path, scale_dtype=dtype).tensors["dense/kernel"]
    to_dtype = ml_dtypes.bfloat16 if dtype == "bfloat16" else np.float16
    np.testing.assert_array_equal(loaded.scale, tensor.scale.astype(to_dtype).astype(np.float32))
    moved = np.abs(loaded.dequantize().astype(float) - tensor.dequantize()).reshape(-1, 32)
    ends = (tensor.points.min(), tensor.points.max()) if kind == "codebook" else None
    last = 127 / 128 if kind == "learned_step" else 1
    low, high = ends or ((0, 1) if scaling == "affine" else (-1, last))
    steps = tensor.scale * (high - low) / (tensor.levels - 1)
    stated = read_manifest(path).tensors[0].error
    assert 0.5 * stated["max_abs"] < moved.max() <= stated["max_abs"] + 1e-6
    in_steps = (moved / steps[:, None]).max()
    assert 0.5 * stated["max_steps"] < in_steps <= stated["max_steps"] + 1e-4


def test_narrow_scales_take_half_the_bytes(path):
    tensor = quantized_tensor((64, 64), 8, bucket_size=32)
    full, half = (
        (write_archive(only(tensor), path, scale_dtype=dtype), read_manifest(path).tensors[0])[1]
        for dtype in ("float32", "bfloat16")
    )
    assert full.bytes - half.bytes == 2 * 2 * 128  # scale and offset of 128 buckets
    assert full.error is None


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_narrow_rest_is_rounded_to_nearest_even(path, dtype):
    patterns = np.random.default_rng(0).integers(0, 2**32, 20_000, np.uint32)
    halfway = np.arange(0x3F80_8000, 0x3FC0_8000, 0x1_0000, np.uint32)
    array = np.concatenate([patterns, halfway]).view(np.float32)
    array = array[np.abs(array) < 60_000]
    array = np.append(array, [np.nan, np.inf, -np.inf, -0.0]).astype(np.float32)
    loaded = saved(only(array), path, rest_dtype=dtype).tensors["dense/kernel"]
    expected = array.astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else np.float16)
    np.testing.assert_array_equal(loaded, expected.astype(np.float32))
    entry = read_manifest(path).tensors[0]
    assert (entry.dtype, entry.stored, entry.bytes) == ("float32", dtype, 2 * len(array))
    finite = np.isfinite(array) & (array != 0)
    moved = np.abs(loaded[finite].astype(float) - array[finite])
    assert moved.max() <= entry.error["max_abs"] <= 1.01 * moved.max()
    relative = (moved / np.abs(array[finite])).max()
    assert relative <= entry.error["max_relative"] <= 1.01 * relative


def test_narrow_rest_leaves_integers_and_probes_alone(path):
    loaded = saved(small_model(), path, rest_dtype="float16")
    assert_equal_tensors(loaded.tensors["steps"], small_model().tensors["steps"])
    for name, values in small_model().probes.inputs.items():
        assert_equal_tensors(loaded.probes.inputs[name], values)


@pytest.mark.parametrize("options", [{"rest_dtype": "float16"}, {"scale_dtype": "float16"}])
def test_values_beyond_float16_are_refused(path, options):
    tensor = quantized_tensor()
    large = dataclasses.replace(tensor, scale=tensor.scale * np.float32(1e6))
    compressed = CompressedModel({"kernel": large, "bias": np.array([1e6], np.float32)})
    name = "bias" if "rest_dtype" in options else "kernel"
    with pytest.raises(ValueError, match=rf"'{name}': values up to .*e\+06 do not fit float16"):
        write_archive(compressed, path, **options)
    assert not path.exists()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_values_beyond_float32_are_refused_as_what_they_are(path, dtype):
    compressed = CompressedModel({"bias": np.array([1e300, -np.inf, 1.0])})
    with pytest.raises(ValueError, match=rf"values up to 1e\+300 do not fit {dtype}"):
        write_archive(compressed, path, rest_dtype=dtype)


@pytest.mark.parametrize("scaling", ["symmetric", "affine"])
@pytest.mark.parametrize(("factor", "stored"), [(1e-3, "float16"), (1e-9, "bfloat16")])
def test_scales_that_float16_would_lose_are_stored_in_bfloat16(path, scaling, factor, stored):
    tensor = quantized_tensor((64, 64), bucket_size=32, scaling=scaling)
    tiny = dataclasses.replace(tensor, scale=tensor.scale * np.float32(factor))
    loaded = saved(only(tiny), path, scale_dtype="float16").tensors["dense/kernel"]
    np.testing.assert_allclose(loaded.scale, tiny.scale, rtol=2.0**-8)
    (entry,) = read_manifest(path).tensors
    assert entry.scale_dtype == stored
    in_half = saved(only(tensor), path, scale_dtype="float16")
    assert in_half.tensors["dense/kernel"].scale.all()
    assert read_manifest(path).tensors[0].bytes == entry.bytes


def test_buckets_of_nothing_beside_others_may_become_zero(path):
    tensor = quantized_tensor((64, 64), bucket_size=32, scaling="symmetric")
    tensor.scale[3] = 1e-12
    loaded = saved(only(tensor), path, scale_dtype="float16").tensors["dense/kernel"]
    assert loaded.scale[3] == 0
    assert np.abs(loaded.dequantize() - tensor.dequantize()).max() < 1e-2 * tensor.scale.max()


@pytest.mark.parametrize("option", ["rest_dtype", "scale_dtype"])
def test_other_dtypes_are_refused(path, option):
    with pytest.raises(ValueError, match=f"{option} must be one of 'float32'.*got 'int8'"):
        write_archive(small_model(), path, **{option: "int8"})
