"""A limited number of batches shows all of the data, which may be sorted."""

import numpy as np
import pytest
import tensorflow as tf

from tfqd.batches import even_batch_size, input_batches, labelled_batches

X, Y = np.arange(100, dtype=np.float32)[:, None], np.arange(100) // 10


def test_batches_of_sorted_arrays_have_examples_of_all_classes():
    batches = list(labelled_batches((X, Y), 20, 2))
    assert [len(x) for x, _, _ in batches] == [20, 20]
    for x, y, weights in batches:
        assert set(np.asarray(y)) == set(range(10))
        np.testing.assert_array_equal(np.asarray(x)[:, 0] // 10, y)
        assert weights is None
    shown = np.concatenate([x for x, _, _ in batches])[:, 0]
    assert len(set(shown)) == 40
    assert {shown.min(), shown.max()} == {0, 99}


def test_inputs_and_weights_keep_together():
    ((x, y, weights),) = labelled_batches(({"a": X, "b": tf.constant(X)}, Y, Y * 2.0), 10, 1)
    np.testing.assert_array_equal(x["a"], x["b"])
    np.testing.assert_array_equal(weights, np.asarray(y) * 2.0)
    (only,) = input_batches((X, Y), batch_size=10, steps=1)
    assert set(only[:, 0] // 10) == set(range(10))


@pytest.mark.parametrize("steps", [None, 5, 9])
def test_what_is_shown_whole_keeps_its_order(steps):
    found = [x for x, _, _ in labelled_batches((X, Y), 20, steps)]
    np.testing.assert_array_equal(np.concatenate(found), X)


@pytest.mark.parametrize(
    ("examples", "most", "size"),
    [(300, 256, 150), (10_000, 256, 250), (256, 256, 256), (96, 256, 256), (257, 256, 256)],
)
def test_batches_are_all_alike_where_a_large_size_divides_the_examples(examples, most, size):
    assert even_batch_size(examples, most) == size
