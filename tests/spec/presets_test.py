"""The recipes that presets stand for."""

import keras
import numpy as np
import pytest

import tfqd
from tfqd.spec import Codebook, Uniform, presets
from tfqd.spec.selection import Candidate, checked_selection, select

CANDIDATES = [Candidate("dense/kernel", True), Candidate("dense/bias", False)]


def test_paper_quantizes_every_trainable_tensor_in_flat_buckets_of_256():
    expected = Uniform(bits=4, bucket_size=256, layout="flat", scaling="affine")
    assert select(presets.paper(4), CANDIDATES) == [expected, expected]
    assert expected.rounding == "deterministic"
    assert expected.clip is None


def test_paper_trains_points_from_the_quantiles_on_request():
    assert select(presets.paper(2, codebook=True), CANDIDATES)[1] == Codebook(
        bits=2,
        bucket_size=256,
        layout="flat",
        scaling="affine",
        train="points",
        init="quantile",
        gradient_scale=None,
    )


def test_deployable_has_one_symmetric_scale_a_channel_for_kernels():
    expected = Uniform(bits=8, bucket_size=None, layout="channel", scaling="symmetric")
    assert select(presets.deployable(8), CANDIDATES) == [expected, None]


@pytest.mark.parametrize("bits", range(1, 9))
def test_presets_are_selections_at_every_number_of_bits(bits):
    for preset in (
        presets.paper(bits),
        presets.paper(bits, codebook=True),
        presets.deployable(bits),
    ):
        checked_selection(preset)


@pytest.mark.parametrize("preset", [presets.paper, presets.deployable])
@pytest.mark.parametrize("bits", [0, 9, 4.0, None])
def test_presets_refuse_impossible_bits(preset, bits):
    with pytest.raises(ValueError, match="bits must be an integer from 1 to 8; got"):
        preset(bits)


def test_whether_points_are_trained_is_a_boolean():
    with pytest.raises(ValueError, match="codebook must be True or False; got 'no'"):
        presets.paper(2, codebook="no")


@pytest.mark.parametrize(
    ("levels", "units"), [(2, [-1, 1]), (3, [-1, 0, 1]), (4, [-1.5, -0.5, 0.5, 1.5])]
)
def test_even_levels_lie_on_both_sides_of_zero(levels, units):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(3)])
    quantized = tfqd.quantize_model(model, presets.even(levels, layout="channel"))
    (tensor,) = tfqd.compress(quantized).quantized.values()
    for channel in tensor.dequantize().T:
        found = np.unique(channel)
        np.testing.assert_allclose(found / found[-1], np.array(units) / units[-1], atol=0.004)


@pytest.mark.parametrize(("levels", "type_"), [(2, "int4"), (3, "int4"), (4, "int8")])
def test_even_levels_are_integers_in_tflite_files(levels, type_, tmp_path):
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((64,)), keras.layers.Dense(3)])
    quantized = tfqd.quantize_model(model, presets.even(levels, layout="channel"))
    written = tfqd.export.tflite(quantized, tmp_path / "even.tflite", strict=True)
    assert [weight.type for weight in written.report.weights] == [type_]
    assert written.report.weight_error < 1e-6


def test_the_step_of_even_levels_learns():
    keras.utils.set_random_seed(0)
    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(3)])
    quantized = tfqd.quantize_model(model, presets.even(3))
    trained = {variable.path for variable in quantized.trainable_variables}
    assert any(path.endswith("scale") for path in trained)
    assert not any("points" in path for path in trained)


@pytest.mark.parametrize("levels", [1, 256, 3.0, None, True])
def test_even_levels_are_2_to_255(levels):
    with pytest.raises(ValueError, match="levels must be an integer from 2 to 255; got"):
        presets.even(levels)


def test_even_levels_have_a_step_a_tensor_or_a_channel():
    assert (presets.even(255).levels, presets.even(255).bits) == (255, 8)
    assert presets.even(3).layout == "flat"
    with pytest.raises(ValueError, match="layout"):
        presets.even(3, layout="rows")


def test_lut_b_is_8_points_a_tile_of_512_weights():
    (spec, _) = select(presets.lut_b(), CANDIDATES)
    bucketing = spec.bucketing((128, 24))
    assert bucketing.length == 512
    assert spec.points_shape(bucketing) == (6, 8)
    assert (spec.point_bytes(bucketing), spec.numbers_per_bucket) == (48, 0)
