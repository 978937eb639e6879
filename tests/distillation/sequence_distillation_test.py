import keras
import numpy as np
import pytest
import tensorflow as tf
from soft_targets import divergence, softmax

from tfqd.distillation import LogitsDistillation, SequenceDistillation

RNG = np.random.default_rng(0)
TEACHER, STUDENT = RNG.normal(size=(2, 3, 4, 6)).astype(np.float32)
MASK = np.array([[1, 1, 1, 1], [1, 1, 0, 0], [1, 0, 0, 0]], bool)
PER_TOKEN = divergence(TEACHER, STUDENT, 2.0)
LOSS = SequenceDistillation(2.0)


def test_is_the_mean_over_the_tokens_of_the_batch():
    value = float(LOSS.compute_loss(TEACHER, STUDENT, mask=MASK))
    assert value == pytest.approx(PER_TOKEN[MASK].mean(), rel=1e-5)


def test_is_not_the_mean_over_sequences():
    """A token of a short sequence counts no more than one of a long sequence."""
    per_sequence = LogitsDistillation(2.0).compute_loss(TEACHER, STUDENT, mask=MASK)
    per_token = LOSS.compute_loss(TEACHER, STUDENT, mask=MASK)
    assert abs(float(per_sequence) - float(per_token)) > 0.01


def test_without_a_mask_it_equals_logits_distillation():
    expected = LogitsDistillation(2.0).compute_loss(TEACHER, STUDENT)
    assert float(LOSS.compute_loss(TEACHER, STUDENT)) == pytest.approx(float(expected), rel=1e-6)


@pytest.mark.parametrize("weight", [RNG.random(3), RNG.random((3, 4))], ids=["sample", "token"])
def test_weights_weigh_without_being_counted(weight):
    tokens = np.broadcast_to(weight.reshape(3, -1), (3, 4))
    expected = (tokens * PER_TOKEN)[MASK].sum() / MASK.sum()
    value = float(LOSS.compute_loss(TEACHER, STUDENT, sample_weight=weight, mask=MASK))
    assert value == pytest.approx(expected, rel=1e-5)


def test_is_averaged_like_a_loss_that_keras_compiles():
    """So the ratio of the hard and the soft loss does not depend on the lengths."""
    weight = RNG.random((3, 1)).astype(np.float32)  # the shape that fit makes of [batch]
    predicted = tf.constant(softmax(STUDENT).astype(np.float32))
    keras_loss = keras.losses.KLDivergence()
    layer = keras.layers.Lambda(lambda x: x, mask=lambda *_: tf.constant(MASK))
    hard = keras_loss(softmax(TEACHER), layer(predicted), sample_weight=weight)
    soft = SequenceDistillation(1.0).compute_loss(TEACHER, STUDENT, sample_weight=weight, mask=MASK)
    assert float(soft) == pytest.approx(float(hard), rel=1e-4)


def test_padding_only_has_no_loss():
    nothing = np.zeros_like(MASK)
    assert float(LOSS.compute_loss(TEACHER, STUDENT, mask=nothing)) == 0.0


def test_masked_tokens_get_no_gradient():
    student = tf.Variable(STUDENT)
    with tf.GradientTape() as tape:
        loss = LOSS.compute_loss(TEACHER, student, mask=MASK)
    gradient = np.abs(tape.gradient(loss, student).numpy()).sum(-1)
    np.testing.assert_array_equal(gradient > 0, MASK)


def test_outputs_of_several_heads_are_summed():
    heads = {"a": TEACHER, "b": TEACHER[..., ::-1]}, {"a": STUDENT, "b": STUDENT}
    other = divergence(TEACHER[..., ::-1], STUDENT, 2.0)
    value = float(LOSS.compute_loss(*heads, mask={"a": MASK, "b": None}))
    assert value == pytest.approx(PER_TOKEN[MASK].mean() + other.mean(), rel=1e-5)


def test_refuses_outputs_without_time():
    with pytest.raises(ValueError, match=r"\[batch, time, classes\]; got \(3, 6\)"):
        LOSS.compute_loss(TEACHER[:, 0], STUDENT[:, 0])


def test_a_temperature_for_bits_keeps_its_kind():
    assert isinstance(SequenceDistillation().for_bits(4), SequenceDistillation)
