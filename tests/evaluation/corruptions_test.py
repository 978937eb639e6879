"""Corruptions change what they should, by more at greater strengths, and nothing else."""

import numpy as np
import pytest

from tfqd.evaluation.corruptions import STRENGTHS, corruptions_for

RNG = np.random.default_rng(0)
PLACES = np.arange(32)
FREQUENCIES = RNG.uniform(0.1, 1.5, (2, 6, 1, 1, 3))
WAVES = np.cos(PLACES[:, None, None] * FREQUENCIES[0] + PLACES[:, None] * FREQUENCIES[1])
SMOOTH = (0.5 + 0.5 * WAVES * RNG.random((6, 1, 1, 3))).astype(np.float32)
PICTURES = {
    "unit": SMOOTH,
    "bytes": SMOOTH * 255,
    "centred": SMOOTH * 2 - 1,
    "grey": SMOOTH[..., :1],
    "integers": (SMOOTH * 255).astype(np.uint8),
}
NAMES = [*corruptions_for(SMOOTH)]


def corrupted(name, images, strength, seed=1):
    return corruptions_for(images)[name](images, strength, np.random.default_rng(seed))


@pytest.mark.parametrize("name", NAMES)
def test_images_keep_their_form_and_range(name):
    for images in PICTURES.values():
        worse = corrupted(name, images, 3)
        assert (worse.shape, worse.dtype) == (images.shape, images.dtype)
        assert images.min() - 1e-3 <= worse.min() <= worse.max() <= images.max() * 1.001
        assert not np.allclose(worse, images)


@pytest.mark.parametrize("name", NAMES)
def test_range_does_not_matter(name):
    unit = corrupted(name, PICTURES["unit"], 2)
    low, high = SMOOTH.min(), SMOOTH.max()
    for name_, (scale, shift) in {"bytes": (255, 0), "centred": (2, -1)}.items():
        other = (corrupted(name, PICTURES[name_], 2) - shift) / scale
        # A photon more or less, or a step of a JPEG file.
        assert np.mean(np.abs(other - unit) > 1e-4 * (high - low)) < 0.02


@pytest.mark.parametrize("name", NAMES)
def test_more_strength_moves_images_further(name):
    moves = [np.mean(np.abs(corrupted(name, SMOOTH, each) - SMOOTH)) for each in STRENGTHS]
    assert moves[0] < moves[2] < moves[4]


def test_the_same_seed_gives_the_same_noise():
    for name in NAMES:
        np.testing.assert_array_equal(corrupted(name, SMOOTH, 4), corrupted(name, SMOOTH, 4))
    assert not np.array_equal(
        corrupted("shot noise", SMOOTH, 4, 1), corrupted("shot noise", SMOOTH, 4, 2)
    )


def test_noise_has_its_deviation():
    grey = np.full((2, 100, 100, 1), 0.5, np.float32)
    grey[:, 0, :2, 0] = 0, 1  # the range
    worse = corrupted("Gaussian noise", grey, 5)
    assert np.std(worse[:, 1:] - 0.5) == pytest.approx(0.10, rel=0.05)
    impulses = corrupted("impulse noise", grey, 5)[:, 1:]
    assert np.mean(impulses != 0.5) == pytest.approx(0.07, rel=0.1)
    assert set(np.unique(impulses)) == {np.float32(0), np.float32(0.5), np.float32(1)}


def test_contrast_and_brightness_are_as_stated():
    contrast = corrupted("contrast", SMOOTH, 5)
    low, high = SMOOTH.min(), SMOOTH.max()
    mean = SMOOTH.mean((1, 2), keepdims=True)
    np.testing.assert_allclose(contrast, mean + 0.15 * (SMOOTH - mean), atol=1e-5)
    dark = SMOOTH * 0.5
    dark[0, 0, 0], dark[0, 0, 1] = 0, 1  # the range
    bright = corrupted("brightness", dark, 3)
    value = dark.max(-1)
    np.testing.assert_allclose(bright.max(-1), np.minimum(value + 0.15, 1), atol=1e-5)
    assert low < high


def test_blur_keeps_what_is_even():
    even = np.concatenate([np.zeros((1, 8, 8, 1)), np.ones((1, 8, 8, 1))]).astype(np.float32)
    np.testing.assert_allclose(corrupted("Gaussian blur", even, 5), even, atol=1e-6)


def test_tokens_are_replaced_by_others_and_padding_stays():
    tokens = RNG.integers(1, 50, (40, 100))
    tokens[:, 80:] = 0
    (name,) = corruptions_for(tokens)
    worse = corrupted(name, tokens, 5)
    assert worse.dtype == tokens.dtype
    assert not worse[:, 80:].any()
    assert np.isin(worse, tokens).all()
    assert np.mean(worse[:, :80] != tokens[:, :80]) == pytest.approx(0.2 * 48 / 49, rel=0.1)
    np.testing.assert_array_equal(corrupted(name, tokens * 0, 5), tokens * 0)


def test_numbers_get_noise_in_units_of_their_feature():
    series = RNG.normal(0, (1, 100), (500, 20, 2)).astype(np.float32)
    (name,) = corruptions_for(series)
    worse = corrupted(name, series, 5)
    assert worse.dtype == np.float32
    np.testing.assert_allclose((worse - series).std((0, 1)), (0.5, 50), rtol=0.05)


def test_steps_that_pad_a_series_get_no_noise():
    series = RNG.normal(0, (1, 100), (500, 20, 2)).astype(np.float32)
    series[:, 12:] = 0
    (name,) = corruptions_for(series)
    worse = corrupted(name, series, 5)
    assert not worse[:, 12:].any()
    np.testing.assert_allclose((worse - series)[:, :12].std((0, 1)), (0.5, 50), rtol=0.05)
    rows = series[:, 0]
    rows[0] = 0
    assert corrupted(name, rows, 5)[0].all()  # no series: zeros are numbers


def test_bytes_without_channels_are_pictures():
    grey = PICTURES["integers"][..., 0]
    assert [*corruptions_for(grey)] == NAMES
    worse = corrupted("shot noise", grey, 3)
    assert (worse.shape, worse.dtype) == (grey.shape, np.uint8)
    assert not np.array_equal(worse, grey)


def words_of(old, new):
    return zip(old.split(), new.split(), strict=True)


@pytest.mark.parametrize("kind", ["U", "S", object])
def test_words_are_replaced_by_others_of_the_data(kind):
    lines = [f"the {animal} sat on the {place}" for animal in ("cat", "dog") for place in "abc"]
    texts = np.array([*lines * 20, ""]).astype("U").astype(kind).reshape(-1, 1)
    (name,) = corruptions_for(texts)
    worse = corrupted(name, texts, 5)
    assert worse.shape == texts.shape
    pairs = list(zip(texts.flat, worse.flat, strict=True))
    assert {word for _, new in pairs for word in new.split()} <= {
        word for old, _ in pairs for word in old.split()
    }
    moved = np.mean([a != b for old, new in pairs for a, b in words_of(old, new)])
    assert 0.1 < moved < 0.2
    assert type(worse[0, 0]) is type(texts[0, 0])
