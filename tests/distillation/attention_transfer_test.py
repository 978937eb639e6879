import keras
import numpy as np
import pytest

from tfqd.distillation import AttentionTransfer

RNG = np.random.default_rng(0)
TEACHER = RNG.normal(size=(4, 6, 2, 5)).astype(np.float32)
STUDENT = RNG.normal(size=(4, 6, 2, 3)).astype(np.float32)


def maps(features, p):
    attention = (np.abs(features.astype(np.float64)) ** p).sum(-1).reshape(len(features), -1)
    return attention / np.linalg.norm(attention, axis=1, keepdims=True)


def per_sample(teacher, student, p=2):
    return ((maps(teacher, p) - maps(student, p)) ** 2).sum(1)


def transfer(teacher, student, p=2, **options):
    return float(AttentionTransfer(p=p).compute_loss(teacher, student, **options))


@pytest.mark.parametrize("p", [1, 1.5, 2, 4])
def test_is_the_distance_of_the_normalized_maps(p):
    expected = per_sample(TEACHER, STUDENT, p).mean()
    assert transfer(TEACHER, STUDENT, p) == pytest.approx(expected, rel=1e-5)


def test_by_hand():
    """Maps (9, 16) / 337^0.5 and (1, 0): the distance is 2 - 2 x 9 / 337^0.5."""
    teacher = np.array([[[3.0], [4.0]]])
    student = np.array([[[0.6, 0.8], [0.0, 0.0]]])
    assert transfer(teacher, student) == pytest.approx(2 - 18 / 337**0.5, rel=1e-5)


def test_the_authors_code_divides_by_the_positions():
    code = np.mean((maps(TEACHER, 2) - maps(STUDENT, 2)) ** 2)
    assert transfer(TEACHER, STUDENT) == pytest.approx(6 * 2 * code, rel=1e-5)


def test_the_scale_of_the_features_does_not_matter():
    assert transfer(TEACHER, 100 * STUDENT) == pytest.approx(transfer(TEACHER, STUDENT), rel=1e-5)


def test_weights_weigh_the_samples():
    weight = RNG.random(4).astype(np.float32)
    expected = np.mean(weight * per_sample(TEACHER, STUDENT))
    value = transfer(TEACHER, STUDENT, sample_weight=weight)
    assert value == pytest.approx(expected, rel=1e-5)


def test_masked_positions_are_in_no_map():
    kept = [0, 1, 4]
    mask = np.isin(np.arange(6), kept)[None].repeat(4, axis=0)
    expected = per_sample(TEACHER[:, kept], STUDENT[:, kept]).mean()
    assert transfer(TEACHER, STUDENT, mask=mask) == pytest.approx(expected, rel=1e-5)


def test_the_larger_features_are_averaged_first():
    smaller = RNG.normal(size=(4, 3, 2, 3)).astype(np.float32)
    halved = TEACHER.reshape(4, 3, 2, 2, 5).mean(axis=2)
    expected = per_sample(halved, smaller).mean()
    assert transfer(TEACHER, smaller) == pytest.approx(expected, rel=1e-5)


def test_features_that_are_all_zero_give_a_finite_loss():
    assert transfer(TEACHER, 0 * STUDENT) == pytest.approx(1.0, rel=1e-5)


def test_refuses_features_that_do_not_fit():
    loss = AttentionTransfer("deep", "shallow")
    layer = keras.layers.Layer()
    with pytest.raises(ValueError, match=r"multiples .*'deep' gives \(None, 7, 7, 8\)"):
        loss.build((None, 7, 7, 8), (None, 4, 4, 8), layer)
    with pytest.raises(ValueError, match=r"attention needs .*'shallow' gives \(None, 8\)"):
        loss.build((None, 8), (None, 8), layer)
    with pytest.raises(ValueError, match="attention needs"):
        loss.compute_loss(np.zeros((2, 8)), np.zeros((2, 8)))
    assert loss.build((None, 8, 8, 16), (None, 4, 4, 8), layer) == {}


def test_refuses_weights_of_positions():
    with pytest.raises(ValueError, match=r"sample_weight must .*\(4,\).* got \(4, 6\)"):
        transfer(TEACHER, STUDENT, sample_weight=np.ones((4, 6)))


@pytest.mark.parametrize("p", [0, 0.5, -2, float("inf"), float("nan"), "2", True])
def test_refuses_a_power_below_one(p):
    with pytest.raises(ValueError, match="p must be a number, at least 1; got"):
        AttentionTransfer(p=p)
