"""The paper's second method (Algorithm 2 of arXiv 1802.05668) under the Distiller.

Next to plain numpy: a Dense network, its float copy as the teacher, SGD with
momentum on the points alone.
"""

import keras
import numpy as np
import pytest
from keras import layers
from numpy_quantization import bucket_indices
from small_networks import HARD, X, Y, network

import tfqd
from tfqd.spec.bucketing import Bucketing

RATE, MOMENTUM, TEMPERATURE, WEIGHT, STEPS = 0.02, 0.9, 2.0, 0.3, 15


def softmax(logits):
    exponentials = np.exp(logits - logits.max(axis=1, keepdims=True))
    return exponentials / exponentials.sum(axis=1, keepdims=True)


class Tensor:
    """A frozen tensor with its trained points, in numpy."""

    def __init__(self, weights, size, points):
        self.weights = weights.astype(float)
        self.low, self.scale = np.empty((2, weights.size))
        flat = self.weights.reshape(-1)
        for bucket in bucket_indices(Bucketing(weights.shape, size)):
            self.low[bucket], self.scale[bucket] = flat[bucket].min(), np.ptp(flat[bucket])
        self.scaled = (flat - self.low) / np.where(self.scale > 0, self.scale, 1)
        self.points = np.quantile(self.scaled, np.linspace(0, 1, points))
        self.velocity = np.zeros(points)

    def value(self):
        self.nearest = np.abs(self.scaled[:, None] - self.points).argmin(axis=1)
        flat = self.points[self.nearest] * self.scale + self.low
        return flat.reshape(self.weights.shape)

    def step(self, upstream):
        gradient = np.bincount(self.nearest, self.scale * upstream.reshape(-1), len(self.points))
        self.velocity = MOMENTUM * self.velocity - RATE * gradient
        self.points = self.points + self.velocity


def by_hand(kernels, biases):
    """The points after some steps, and whether some passed each other on the way."""
    tensors, teacher = [Tensor(kernel, 16, 8) for kernel in kernels], X @ kernels[0] + biases[0]
    teacher = np.maximum(teacher, 0) @ kernels[1] + biases[1]
    soft_targets, targets = softmax(teacher / TEMPERATURE), np.eye(3)[Y]
    crossed = False
    for _ in range(STEPS):
        first, second = (tensor.value() for tensor in tensors)
        before = X @ first + biases[0]
        hidden = np.maximum(before, 0)
        logits = hidden @ second + biases[1]
        hard = (softmax(logits) - targets) / len(X)
        soft = TEMPERATURE * (softmax(logits / TEMPERATURE) - soft_targets) / len(X)
        to_logits = WEIGHT * hard + (1 - WEIGHT) * soft
        to_hidden = to_logits @ second.T * (before > 0)
        tensors[0].step(X.T @ to_hidden)
        tensors[1].step(hidden.T @ to_logits)
        crossed = crossed or any((np.diff(tensor.points) < 0).any() for tensor in tensors)
    return tensors, crossed


def test_points_follow_the_paper_step_by_step():
    keras.utils.set_random_seed(2)
    student = network(norm=False)
    kernels = [layer.kernel.numpy() for layer in student.layers]
    biases = [layer.bias.numpy() for layer in student.layers]
    quantized = tfqd.quantize_model(student, tfqd.Codebook(bits=3, bucket_size=16, train="points"))
    for layer in quantized.model.layers:
        layer.bias.trainable = False
    distiller = tfqd.Distiller(
        student,
        quantized,
        tfqd.distillation.LogitsDistillation(TEMPERATURE),
        student_loss_weight=WEIGHT,
    )
    distiller.compile(keras.optimizers.SGD(RATE, MOMENTUM), HARD)
    distiller.fit(X, Y, batch_size=len(X), epochs=STEPS, shuffle=False, verbose=0)

    tensors, crossed = by_hand(kernels, biases)
    assert crossed  # the optimizer's momentum stays with its point
    stored = tfqd.compress(quantized).quantized.values()
    for entry, kept, expected in zip(quantized.quantized_variables, stored, tensors, strict=True):
        np.testing.assert_array_equal(entry.variable.numpy(), expected.weights.astype("float32"))
        np.testing.assert_allclose(entry.state["points"], expected.points, atol=1e-4)
        scales = [expected.scale[i[0]] for i in bucket_indices(kept.bucketing)]
        np.testing.assert_allclose(kept.scale, scales, rtol=1e-6)


@pytest.mark.parametrize("teacher", ["itself", "another"])
def test_what_is_kept_has_the_last_points_and_the_statistics(teacher, tmp_path):
    keras.utils.set_random_seed(3)
    student = tfqd.quantize_model(network(), tfqd.presets.paper(3, codebook=True))
    distiller = tfqd.Distiller(None if teacher == "itself" else network(32), student)
    distiller.compile(keras.optimizers.SGD(0.05, 0.9, nesterov=True), HARD)
    (norm,) = [each for each in student.model.layers if isinstance(each, layers.BatchNormalization)]
    statistics = norm.moving_mean.numpy()
    assert {id(v) for v in distiller.trainable_variables} == {
        id(entry.state["points"]) for entry in student.quantized_variables
    }
    losses = distiller.fit(X, Y, epochs=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    last = [np.sort(entry.state["points"]) for entry in student.quantized_variables]
    assert not np.array_equal(norm.moving_mean, statistics)

    compressed = tfqd.compress(student)
    for tensor, points in zip(compressed.quantized.values(), last, strict=True):
        np.testing.assert_array_equal(tensor.points, points)
    tfqd.save(student, tmp_path / "student.tfqd")
    kept = tfqd.load(tmp_path / "student.tfqd")
    np.testing.assert_array_equal(kept(X), student(X))
    np.testing.assert_array_equal(distiller.predict(X, verbose=0), student.predict(X, verbose=0))
