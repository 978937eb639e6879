"""The pairs of the translation example: what is learnt of them, and files that are damaged."""

import example_modules  # noqa: F401
import numpy as np
from translation_data import END, PAD, START, lessons
from translation_networks import network

SOURCES = np.array([[5, 6, 7, END], [5, END, PAD, PAD]], np.int32)
TARGETS = np.array([[8, 9, 10, END, PAD], [8, END, PAD, PAD, PAD]], np.int32)


def test_losses_count_the_tokens_up_to_the_end_and_no_padding():
    ((inputs, targets),) = lessons((SOURCES, TARGETS), 2)
    np.testing.assert_array_equal(targets, TARGETS[:, :4])
    np.testing.assert_array_equal(inputs[1], [[START, 8, 9, 10], [START, 8, PAD, PAD]])
    logits = network(20, 1, 4, 0.0, "student")(list(inputs))
    np.testing.assert_array_equal(logits._keras_mask, targets != PAD)
