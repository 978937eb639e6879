"""The losses that compare the samples of a batch with each other."""

import numpy as np
import pytest
import tensorflow as tf

from tfqd.distillation import RelationalDistillation, SimilarityPreserving

RNG = np.random.default_rng(0)
TEACHER = RNG.normal(size=(6, 4, 5)).astype(np.float32)
STUDENT = RNG.normal(size=(6, 3)).astype(np.float32)
COPIES = np.array([2, 1, 0, 3, 1, 1])
LOSSES = [SimilarityPreserving(), RelationalDistillation()]
TYPES = {"ids": lambda loss: type(loss).__name__}


def rows(features):
    return features.reshape(len(features), -1).astype(np.float64)


def similarities(features):
    products = rows(features) @ rows(features).T
    return products / np.linalg.norm(products, axis=1, keepdims=True)


def relative_distances(features):
    distances = np.array([[np.linalg.norm(a - b) for b in rows(features)] for a in rows(features)])
    return distances / distances[distances > 0].mean()


def test_similarity_preserving_is_the_papers():
    gap = similarities(TEACHER) - similarities(STUDENT)
    expected = np.sum(gap**2) / len(TEACHER) ** 2
    value = float(SimilarityPreserving().compute_loss(TEACHER, STUDENT))
    assert value == pytest.approx(expected, rel=1e-4)


def test_similarity_preserving_by_hand():
    """Samples at right angles for the teacher, all alike for the student."""
    value = SimilarityPreserving().compute_loss(np.eye(2), np.ones((2, 2)))
    row = (1 - 0.5**0.5) ** 2 + 0.5
    assert float(value) == pytest.approx(2 * row / 4, rel=1e-5)


@pytest.mark.parametrize("student", [STUDENT, 1000 + STUDENT], ids=["centred", "far"])
def test_relational_distillation_is_the_papers(student):
    gap = np.abs(relative_distances(TEACHER) - relative_distances(student))
    huber = np.where(gap < 1, gap**2 / 2, gap - 0.5)
    value = float(RelationalDistillation().compute_loss(TEACHER, student))
    assert value == pytest.approx(huber.mean(), rel=1e-3)


def test_relational_distillation_by_hand():
    """Points on a line at 0, 1, 2 and at 0, 9, 9: one distance far off, by the Huber loss."""
    teacher, student = np.array([[0.0], [1.0], [2.0]]), np.array([[0.0], [9.0], [9.0]])
    # Teacher's distances over their mean 4/3; the student's mean is over pairs that are apart.
    near, far, gone = abs(3 / 4 - 1), abs(3 / 2 - 1), 3 / 4
    expected = 2 * (near**2 / 2 + far**2 / 2 + gone**2 / 2) / 9
    value = float(RelationalDistillation().compute_loss(teacher, student))
    assert value == pytest.approx(expected, rel=1e-5)


def test_large_gaps_count_linearly():
    """Relative distances of 2 and 0 for one pair of four samples: a gap beyond delta."""
    teacher = np.array([[0.0], [0.0], [0.0], [0.0], [0.0], [1.0], [30.0]])
    student = np.array([[0.0], [0.0], [0.0], [0.0], [0.0], [30.0], [30.0]])
    gap = np.abs(relative_distances(teacher) - relative_distances(student))
    assert gap.max() > 1.2
    huber = np.where(gap < 1, gap**2 / 2, gap - 0.5)
    value = float(RelationalDistillation().compute_loss(teacher, student))
    assert value == pytest.approx(huber.mean(), rel=1e-4)


@pytest.mark.parametrize("loss", LOSSES, **TYPES)
def test_a_sample_of_weight_w_counts_like_w_copies_of_it(loss):
    weighted = loss.compute_loss(TEACHER, STUDENT, sample_weight=COPIES)
    copied = loss.compute_loss(TEACHER.repeat(COPIES, 0), STUDENT.repeat(COPIES, 0))
    expected = float(copied) * COPIES.sum() / len(COPIES)
    assert float(weighted) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("loss", LOSSES, **TYPES)
def test_a_sample_of_weight_zero_is_not_in_the_batch(loss):
    elsewhere = STUDENT.copy()
    elsewhere[2] = [50.0, -7.0, 3.0]
    values = [loss.compute_loss(TEACHER, s, sample_weight=COPIES) for s in (STUDENT, elsewhere)]
    assert float(values[0]) == pytest.approx(float(values[1]), rel=1e-4)


@pytest.mark.parametrize("loss", LOSSES, **TYPES)
@pytest.mark.parametrize("student", [0 * STUDENT, STUDENT[[0, 0, 1, 1, 2, 2]]])
def test_samples_that_are_the_same_give_finite_gradients(loss, student):
    student = tf.Variable(student)
    with tf.GradientTape() as tape:
        value = loss.compute_loss(TEACHER, student)
    assert np.isfinite(float(value))
    assert np.isfinite(tape.gradient(value, student).numpy()).all()


@pytest.mark.parametrize("loss", LOSSES, **TYPES)
@pytest.mark.parametrize("shape", [(6, 4), (5,), (6, 2, 1)])
def test_refuses_weights_that_are_not_of_samples(loss, shape):
    with pytest.raises(ValueError, match=r"sample_weight must have the shape of the batch"):
        loss.compute_loss(TEACHER, STUDENT, sample_weight=np.ones(shape))


@pytest.mark.parametrize("loss", LOSSES, **TYPES)
def test_refuses_a_mask_of_other_positions(loss):
    with pytest.raises(ValueError, match="mask must have the shape"):
        loss.compute_loss(TEACHER, STUDENT, mask=np.ones((6, 4), bool))
