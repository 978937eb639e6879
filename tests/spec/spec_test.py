"""Specs: what may be asked for, and how it is written down."""

import dataclasses
import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfqd.spec import (
    Codebook,
    EntropyCodebook,
    EntropyConstrained,
    LearnedStep,
    Spec,
    Uniform,
    from_dict,
)
from tfqd.spec.bucketing import Bucketing

SPECS = (Uniform, Codebook, LearnedStep)

common_fields = {
    "bits": st.integers(1, 8),
    "bucket_size": st.none() | st.integers(1, 4096),
    "layout": st.sampled_from(["flat", "channel"]),
    "scaling": st.sampled_from(["affine", "symmetric"]),
    "clip": st.none() | st.floats(1e-3, 1e3),
}
trained_fields = {
    "gradient_scale": st.sampled_from([None, "lsq"]),
    "learning_rate_multiplier": st.floats(1e-3, 1e3),
}
specs = (
    st.builds(Uniform, rounding=st.sampled_from(["deterministic", "stochastic"]), **common_fields)
    | st.builds(
        Codebook,
        train=st.sampled_from(["both", "points", "weights"]),
        init=st.sampled_from(["quantile", "uniform", "kmeans", "normal"]),
        points=st.none() | st.just(2),
        **common_fields,
        **trained_fields,
    )
    | st.builds(
        Codebook,
        bits=st.integers(1, 3),
        layout=st.just("channel"),
        scaling=st.just("symmetric"),
        channels_per_codebook=st.none() | st.integers(1, 300),
        grid=st.sampled_from([None, "int8", "int4"]),
    )
    | st.builds(LearnedStep, **common_fields | trained_fields | {"clip": st.none()})
)


@given(specs)
def test_survives_json(spec):
    assert from_dict(json.loads(json.dumps(spec.to_dict()))) == spec


@pytest.mark.parametrize("kind", [*SPECS, EntropyConstrained, EntropyCodebook])
def test_classes_read_their_own_dicts(kind):
    spec = kind(bits=3)
    assert kind.from_dict(spec.to_dict()) == Spec.from_dict(spec.to_dict()) == spec
    other = Codebook if kind is Uniform else Uniform
    with pytest.raises(
        ValueError, match=f"must be that of a {other.__name__}; got that of {kind.__name__}"
    ):
        other.from_dict(spec.to_dict())
    with pytest.raises(TypeError, match="a spec's config must be a dict; got"):
        kind.from_dict(None)


@given(specs)
def test_repr_makes_the_spec_again(spec):
    assert eval(repr(spec)) == spec


def test_repr_tells_bits_and_what_is_not_as_by_default():
    assert repr(Uniform()) == "Uniform(bits=4)"
    assert repr(LearnedStep(bits=4, layout="channel")) == "LearnedStep(bits=4, layout='channel')"
    assert repr(Codebook(bits=2, bucket_size=None)) == "Codebook(bits=2, bucket_size=None)"
    assert repr(EntropyConstrained()) == "EntropyConstrained(bits=4)"


@pytest.mark.parametrize("kind", [Uniform, Codebook, LearnedStep])
def test_bits_need_no_name(kind):
    assert kind(3) == kind(bits=3)
    with pytest.raises(TypeError, match="positional argument"):
        kind(3, 64)


def test_dict_says_everything():
    assert Uniform(bits=2, bucket_size=None, clip=1).to_dict() == {
        "kind": "uniform",
        "bits": 2,
        "bucket_size": None,
        "layout": "flat",
        "scaling": "affine",
        "clip": 1.0,
        "preserve_zeros": False,
        "freeze_above": None,
        "rounding": "deterministic",
        "scale_grid": None,
    }
    assert Codebook().to_dict()["kind"] == "codebook"


def test_defaults_are_the_papers_buckets_and_gradient():
    for spec in (Uniform(), Codebook()):
        assert (spec.bucket_size, spec.layout, spec.scaling) == (256, "flat", "affine")
        assert spec.clip is None
    assert Uniform().rounding == "deterministic"
    assert Codebook().init == "quantile"


def test_learned_step_defaults_are_those_of_lsq():
    spec = LearnedStep()
    assert (spec.bucket_size, spec.layout, spec.scaling) == (None, "flat", "symmetric")
    assert (spec.gradient_scale, spec.learning_rate_multiplier) == ("lsq", 1.0)


def test_numpy_numbers_are_kept_as_pythons():
    spec = Uniform(bits=np.int64(4), bucket_size=np.int32(64), clip=np.float32(0.5))
    assert spec == Uniform(bits=4, bucket_size=64, clip=0.5)
    assert hash(spec) == hash(Uniform(bits=4, bucket_size=64, clip=0.5))
    assert json.loads(json.dumps(spec.to_dict()))["bits"] == 4


@pytest.mark.parametrize("true", [np.True_, 1])
def test_what_is_true_or_false_is_kept_as_pythons(true):
    spec = Uniform(scaling="symmetric", preserve_zeros=true)
    assert spec.preserve_zeros is True
    assert json.loads(json.dumps(spec.to_dict()))["preserve_zeros"] is True
    with pytest.raises(ValueError, match="preserve_zeros must be True or False; got 'yes'"):
        Uniform(scaling="symmetric", preserve_zeros="yes")


@pytest.mark.parametrize("bits", range(1, 9))
def test_number_of_levels(bits):
    assert Uniform(bits=bits).levels == Codebook(bits=bits).levels == 2**bits
    assert Codebook(bits=bits, scaling="symmetric").levels == 2**bits
    assert (
        LearnedStep(bits=bits).levels == LearnedStep(bits=bits, scaling="affine").levels == 2**bits
    )
    symmetric = Uniform(bits=bits, scaling="symmetric").levels
    assert symmetric == (2 if bits == 1 else 2**bits - 1)


def test_bucketing_is_that_of_the_spec():
    spec = Uniform(bucket_size=8, layout="channel")
    assert spec.bucketing((3, 4), (0,)) == Bucketing((3, 4), 8, "channel", (0,))
    assert spec.bucketing([3, 4]) == Bucketing((3, 4), 8, "channel", (-1,))


def test_specs_are_frozen_and_hashable():
    spec = Uniform(bits=4)
    with pytest.raises(dataclasses.FrozenInstanceError):
        spec.bits = 2
    assert len({spec, Uniform(bits=4), Uniform(bits=2), Codebook(bits=4)}) == 3


@pytest.mark.parametrize("spec", SPECS)
@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("bits", bits) for bits in (True, 4.0, 0, 9, -1, "4", None, np.float32(4), np.bool_(1))],
        *[("bucket_size", size) for size in (0, -1, 1.5, True, "256")],
        *[("layout", layout) for layout in ("row", None, 3, np.array(["flat"]), ["flat"])],
        *[("scaling", scaling) for scaling in ("linear", None, "Affine")],
        *[("clip", clip) for clip in (0, -1.0, float("inf"), float("nan"), True, "1", 10**400)],
    ],
)
def test_refuses_a_bad_field_by_its_name(spec, field, value):
    with pytest.raises(ValueError, match=f"{field} must be .*; got"):
        spec(**{field: value})


def test_refuses_unknown_rounding_and_init():
    with pytest.raises(ValueError, match="rounding must be one of 'deterministic', 'stochastic'"):
        Uniform(rounding="floor")
    with pytest.raises(ValueError, match=r"init must be one of 'quantile', .*; got 'k-means'"):
        Codebook(init="k-means")


@pytest.mark.parametrize("spec", [Codebook, LearnedStep])
@pytest.mark.parametrize("multiplier", [0, -1, math.nan, math.inf, 10**400, True, "1", None])
def test_refuses_a_bad_learning_rate_multiplier(spec, multiplier):
    message = "learning_rate_multiplier must be a positive finite number; got"
    with pytest.raises(ValueError, match=message):
        spec(learning_rate_multiplier=multiplier)


@pytest.mark.parametrize("spec", [Codebook, LearnedStep])
def test_refuses_other_gradient_scales(spec):
    with pytest.raises(ValueError, match=r"gradient_scale must be one of None, 'lsq'; got 0\.1"):
        spec(gradient_scale=0.1)


def test_learned_step_refuses_a_clip():
    with pytest.raises(ValueError, match=r"clip must be None: .*; got 1"):
        LearnedStep(clip=1.0)


def test_a_codebook_may_have_fewer_points_than_its_bits_can_tell_apart():
    assert Codebook(bits=4, points=10).levels == 10
    assert Codebook(bits=np.int8(5), points=np.int64(28)).points == 28
    for points in (1, 17, 2.0, True, "10"):
        with pytest.raises(ValueError, match="points must be None or an integer from 2 to 16"):
            Codebook(bits=4, points=points)


def test_codebooks_of_channels_by_hand():
    bucketing = Bucketing((3, 10), None, "channel")
    for channels, shape in ((None, (4,)), (1, (10, 4)), (4, (3, 4)), (10, (1, 4)), (11, (1, 4))):
        spec = Codebook(bits=2, layout="channel", channels_per_codebook=channels)
        assert spec.points_shape(bucketing) == shape
    with pytest.raises(ValueError, match="channels_per_codebook needs layout='channel'"):
        Codebook(channels_per_codebook=1)
    for channels in (0, -1, 1.5, True):
        with pytest.raises(ValueError, match="channels_per_codebook must be None or a positive"):
            Codebook(layout="channel", channels_per_codebook=channels)


def test_a_grid_needs_symmetric_scaling_and_room():
    assert Codebook(scaling="symmetric", grid="int8", bits=7).steps == 127
    assert Codebook(bits=4, points=15, scaling="symmetric", grid="int4").steps == 7
    assert Codebook().steps == 1
    with pytest.raises(ValueError, match="grid='int8' needs scaling='symmetric'"):
        Codebook(grid="int8")
    with pytest.raises(ValueError, match="grid='int4' has 15 values, too few for 16 points"):
        Codebook(scaling="symmetric", grid="int4")
    with pytest.raises(ValueError, match="grid must be one of None, 'int8', 'int4', 'e4m3'; got"):
        Codebook(scaling="symmetric", grid="int16")


def test_codebook_refuses_to_train_anything_else():
    with pytest.raises(ValueError, match="train must be one of 'both', 'points', 'weights'; got"):
        Codebook(train="scales")


@pytest.mark.parametrize(
    "config",
    [
        {},
        {"bits": 4},
        {"kind": "ternary", "bits": 4},
        {"kind": ["uniform"]},
        {"kind": "uniform", "init": "quantile"},
        {"kind": "uniform", "bits": 9},
        {"kind": "codebook", 4: 4},
    ],
)
def test_from_dict_refuses_what_to_dict_does_not_write(config):
    with pytest.raises(ValueError, match=r"kind must be one of|not a \w+ spec|bits must be"):
        from_dict(config)


@pytest.mark.parametrize("config", [None, "uniform", 4, [("kind", "uniform")]])
def test_from_dict_refuses_what_is_no_mapping(config):
    with pytest.raises(TypeError, match="a spec's config must be a dict; got"):
        from_dict(config)


@pytest.mark.parametrize(
    ("spec", "fits"),
    [
        (LearnedStep(bits=4), True),
        (EntropyConstrained(layout="channel"), True),
        (Uniform(bits=4, bucket_size=None, layout="channel", scaling="symmetric"), True),
        (Codebook(bits=4, bucket_size=None, scaling="symmetric", grid="int4", points=15), True),
        (Uniform(bits=4, bucket_size=None, layout="channel"), False),
        (Uniform(bits=4, bucket_size=32, layout="channel", scaling="symmetric"), False),
        (Codebook(bits=4, bucket_size=None, scaling="symmetric"), False),
        (Codebook(bits=4, bucket_size=None, scaling="symmetric", grid="e4m3"), False),
        (EntropyCodebook(average_bits=2, layout="channel"), False),
        (EntropyCodebook(average_bits=2, layout="channel", grid="int8"), True),
        (EntropyCodebook(average_bits=2, bucket_size=32, grid="int8"), False),
    ],
    ids=repr,
)
def test_integer_kernels_take_integers_with_one_scale_a_channel_or_tensor(spec, fits):
    assert spec.fits_integer_kernels is fits
