"""Distillation losses in plain numpy, float64."""

import numpy as np


def softmax(logits):
    logits = np.asarray(logits, np.float64)
    exponents = np.exp(logits - logits.max(-1, keepdims=True))
    return exponents / exponents.sum(-1, keepdims=True)


def divergence(teacher, student, temperature=1.0):
    """T^2 KL(teacher || student) at every position: [batch, positions...]."""
    p = softmax(np.asarray(teacher, np.float64) / temperature)
    q = softmax(np.asarray(student, np.float64) / temperature)
    return temperature**2 * np.sum(p * np.log(p / q), axis=-1)
