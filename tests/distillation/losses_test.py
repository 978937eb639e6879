import keras
import numpy as np
import pytest

from tfqd.distillation import LogitsDistillation

RNG = np.random.default_rng(0)
TEACHER, STUDENT = RNG.normal(size=(2, 6, 5)).astype(np.float32)


def softmax(logits):
    exponents = np.exp(logits - logits.max(-1, keepdims=True))
    return exponents / exponents.sum(-1, keepdims=True)


def soft_loss(teacher, student, temperature, weight=1.0):
    """Hinton's soft loss in float64, summed over classes, averaged over the batch."""
    p = softmax(teacher.astype(np.float64) / temperature)
    q = softmax(student.astype(np.float64) / temperature)
    return temperature**2 * np.mean(weight * np.sum(p * np.log(p / q), axis=-1))


@pytest.mark.parametrize("temperature", [0.5, 1, 2.0, 7.5])
def test_equals_the_divergence_by_hand(temperature):
    loss = LogitsDistillation(temperature).compute_loss(TEACHER, STUDENT)
    assert float(loss) == pytest.approx(soft_loss(TEACHER, STUDENT, temperature), rel=1e-5)


def test_probabilities_give_the_loss_of_their_logits():
    loss = LogitsDistillation(3.0, from_logits=False)
    value = loss.compute_loss(softmax(TEACHER), softmax(STUDENT))
    assert float(value) == pytest.approx(soft_loss(TEACHER, STUDENT, 3.0), rel=1e-4)


def test_probabilities_of_zero_give_a_finite_loss():
    one_hot = np.eye(5, dtype=np.float32)
    loss = LogitsDistillation(1.0, from_logits=False).compute_loss(one_hot, one_hot[::-1])
    assert np.isfinite(float(loss))


def test_equals_keras_logits_distillation():
    ours = LogitsDistillation(3.0).compute_loss(TEACHER, STUDENT)
    # As an object: under its default name, Keras 3.15 compares raw logits.
    divergence = keras.losses.KLDivergence()
    theirs = keras.distillation.LogitsDistillation(3.0, divergence).compute_loss(TEACHER, STUDENT)
    assert float(ours) == pytest.approx(float(theirs), rel=1e-5)


def test_sample_weights_weigh_the_samples():
    weight = RNG.random(6).astype(np.float32)
    loss = LogitsDistillation(2.0).compute_loss(TEACHER, STUDENT, weight)
    assert float(loss) == pytest.approx(soft_loss(TEACHER, STUDENT, 2.0, weight), rel=1e-5)


def test_sequences_are_averaged_over_their_positions():
    teacher, student = RNG.normal(size=(2, 4, 3, 5)).astype(np.float32)
    loss = LogitsDistillation(2.0).compute_loss(teacher, student)
    assert float(loss) == pytest.approx(soft_loss(teacher, student, 2.0), rel=1e-5)


def test_is_zero_for_equal_outputs_and_positive_otherwise():
    loss = LogitsDistillation()
    assert float(loss.compute_loss(TEACHER, TEACHER)) == pytest.approx(0.0, abs=1e-6)
    assert float(loss.compute_loss(TEACHER, STUDENT)) > 0.1


@pytest.mark.parametrize("temperature", [0, -1.0, float("inf"), float("nan"), "2", None, True])
def test_refuses_a_temperature_that_is_not_positive(temperature):
    with pytest.raises(ValueError, match="temperature must be a positive number"):
        LogitsDistillation(temperature)


def test_its_configuration_makes_it_again():
    config = LogitsDistillation(1.5, from_logits=False).get_config()
    assert LogitsDistillation.from_config(config).get_config() == config
