"""How a cache of a teacher's outputs knows its teacher again.

By the weights, which tell two trainings of one network apart, and by the answers to a few
examples that are kept in the cache, which tell apart what computes differently with the
same weights: logits and their softmax, say. Neither depends on names or on a configuration.
"""

import pathlib
import shutil
from typing import Any

import numpy as np
import tensorflow as tf

_EXAMPLES, _COUNT = "examples", 16
# How far answers of one teacher may be apart, of the largest: other machines and batches of
# another size round otherwise, in bfloat16 by much.
_ROUNDING = 0.02


def keep_examples(directory: pathlib.Path, batch: Any) -> None:
    """Writes the first examples of a batch of inputs into the cache's directory."""
    shutil.rmtree(directory / _EXAMPLES, ignore_errors=True)
    first = tf.nest.map_structure(lambda leaf: leaf[:_COUNT], batch)
    tf.data.Dataset.from_tensors(first).save(str(directory / _EXAMPLES))


def kept_examples(directory: pathlib.Path) -> Any:
    """The examples of `keep_examples`, as one batch.

    Raises:
        FileNotFoundError: when there are none.
    """
    if not (directory / _EXAMPLES).exists():
        raise FileNotFoundError(f"{directory} keeps no examples to know its teacher by")
    return tf.data.Dataset.load(str(directory / _EXAMPLES)).get_single_element()


def are_alike(answers: list[np.ndarray], expected: list[np.ndarray]) -> bool:
    """Whether arrays are the same but for rounding."""
    return len(answers) == len(expected) and all(map(_is_alike, answers, expected))


def _is_alike(answer: np.ndarray, expected: np.ndarray) -> bool:
    if answer.shape != expected.shape:
        return False
    largest = np.max(np.abs(expected), where=np.isfinite(expected), initial=0)
    return np.allclose(answer, expected, rtol=0, atol=_ROUNDING * largest, equal_nan=True)
