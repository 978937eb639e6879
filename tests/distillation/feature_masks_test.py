"""Padded steps count in no loss on features, where the student's layer passes a mask."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.distillation import (
    AttentionTransfer,
    FeatureDistillation,
    RelationalDistillation,
    SimilarityPreserving,
)

TOKENS = np.int32([[3, 1, 4, 0, 0], [2, 7, 0, 0, 0], [1, 8, 2, 8, 4], [5, 9, 0, 0, 0]])
LABELS = np.int64([0, 1, 1, 0])
LOSSES = [FeatureDistillation, AttentionTransfer, SimilarityPreserving, RelationalDistillation]
VERSIONS = pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])


def network(version, seed, steps=5, mask_zero=True):
    """Tokens to classes, through features [batch, steps, 6] of the layer "hidden"."""
    version.utils.set_random_seed(seed)
    layers = version.layers
    return version.Sequential(
        [
            layers.Input((steps,), dtype="int32"),
            layers.Embedding(10, 4, mask_zero=mask_zero),
            layers.Dense(6, name="hidden", bias_initializer="ones"),
            layers.GlobalAveragePooling1D(),
            layers.Dense(2),
        ]
    )


def features(model):
    """What the layer "hidden" gives for the tokens."""
    embedding, hidden, *_ = model.layers
    return hidden(embedding(TOKENS))


def logs_of(version, losses, teacher, student, tokens=TOKENS):
    """What a Distiller logs of one batch."""
    distiller = tfqd.Distiller(teacher, student, losses)
    hard = version.losses.SparseCategoricalCrossentropy(from_logits=True)
    distiller.compile("sgd", hard, jit_compile=False)
    return distiller.evaluate(tokens, LABELS, batch_size=4, verbose=0, return_dict=True)


def soft_loss(*args):
    return logs_of(*args)["distillation_loss"]


@VERSIONS
def test_padded_steps_are_left_out(version):
    teacher, student = network(version, 0, None), network(version, 1, None)
    losses = [kind("hidden", "hidden") for kind in LOSSES]
    logs = logs_of(version, losses, teacher, student)
    pair = features(teacher), features(student)
    for loss in losses:
        masked = float(loss.compute_loss(*pair, mask=tf.constant(TOKENS != 0)))
        assert abs(float(loss.compute_loss(*pair)) - masked) > 0.01 * masked
        assert logs[loss.name] == pytest.approx(masked, rel=1e-4), loss.name


@VERSIONS
def test_how_far_a_batch_is_padded_says_nothing(version):
    teacher, student = network(version, 0, None), network(version, 1, None)
    longer = np.pad(TOKENS, [(0, 0), (0, 3)])
    losses = [
        soft_loss(version, FeatureDistillation("hidden", "hidden"), teacher, student, tokens)
        for tokens in (TOKENS, longer)
    ]
    assert losses[1] == pytest.approx(losses[0], rel=1e-4)


@VERSIONS
def test_a_quantized_students_mask_counts(version):
    teacher = network(version, 0)
    student = tfqd.quantize_model(network(version, 1), tfqd.Uniform(bits=4))
    loss = FeatureDistillation("hidden", "hidden")
    pair = features(teacher), features(tfqd.strip_quantization(student))
    masked = float(loss.compute_loss(*pair, mask=tf.constant(TOKENS != 0)))
    assert soft_loss(version, loss, teacher, student) == pytest.approx(masked, rel=1e-4)


@pytest.mark.parametrize("masks", [(False, True), (True, False)], ids=["student", "teacher"])
def test_the_students_mask_decides(masks):
    teacher, student = (network(keras, i, mask_zero=mask) for i, mask in enumerate(masks))
    loss = FeatureDistillation("hidden", "hidden")
    mask = tf.constant(TOKENS != 0) if masks[1] else None
    expected = float(loss.compute_loss(features(teacher), features(student), mask=mask))
    assert soft_loss(keras, loss, teacher, student) == pytest.approx(expected, rel=1e-4)


def pooled(steps):
    """A teacher whose layer "hidden" has no axis of steps, or another number of them."""
    last = [keras.layers.Flatten(), keras.layers.Dense(2)]
    pool = keras.layers.AveragePooling1D(2, name="hidden")
    if steps == "none":
        last, pool = last[1:], keras.layers.GlobalAveragePooling1D(name="hidden")
    if steps == "unknown":
        last = [keras.layers.GlobalAveragePooling1D(), keras.layers.Dense(2)]
    inputs = keras.Input((None if steps == "unknown" else 5,), dtype="int32")
    return keras.Sequential([inputs, keras.layers.Embedding(10, 4), pool, *last])


@pytest.mark.parametrize("steps", ["none", "other", "unknown"])
def test_features_without_the_masks_axes_are_compared_whole(steps):
    teacher, student = pooled(steps), network(keras, 1, None if steps == "unknown" else 5)
    loss = SimilarityPreserving("hidden", "hidden")
    embedding, pool, *_ = teacher.layers
    expected = float(loss.compute_loss(pool(embedding(TOKENS)), features(student)))
    assert soft_loss(keras, loss, teacher, student) == pytest.approx(expected, rel=1e-4)
