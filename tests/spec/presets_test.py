"""The recipes that presets stand for."""

import pytest

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


def test_lut_b_is_8_points_a_tile_of_512_weights():
    (spec, _) = select(presets.lut_b(), CANDIDATES)
    bucketing = spec.bucketing((128, 24))
    assert bucketing.length == 512
    assert spec.points_shape(bucketing) == (6, 8)
    assert (spec.point_bytes(bucketing), spec.numbers_per_bucket) == (48, 0)
