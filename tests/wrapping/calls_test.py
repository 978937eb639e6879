"""What is put over a layer's call counts as long as it is wanted, and leaves no trace."""

import itertools
import threading

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

from tfqd.wrapping import calls

X = np.float32([[1.0, 2.0]])


@pytest.fixture(params=[keras, tf_keras], ids=["keras", "tf_keras"])
def layer(request):
    layer = request.param.layers.Dense(2, kernel_initializer="ones")
    layer(X)
    return layer


@pytest.fixture(params=["eager", "graph"])
def run(request, layer):
    def call():
        return layer(X)

    # Traced anew each time: what is put over a call counts while a graph is made.
    return call if request.param == "eager" else lambda: np.array(tf.function(call)())


@pytest.mark.parametrize("order", itertools.permutations(range(3)))
def test_contexts_that_end_in_any_order_take_away_their_own(layer, run, order):
    seen = []
    contexts = [
        calls.replaced(layer, lambda x: 10 * x),
        calls.watched(layer, seen.append),
        calls.replaced(layer, lambda x: 20 * x),
    ]
    for context in contexts:
        context.__enter__()
    inside = set(range(3))
    for ended in order:
        contexts[ended].__exit__(None, None, None)
        inside.remove(ended)
        seen.clear()
        expected = 20 * X if 2 in inside else 10 * X if 0 in inside else [[3.0, 3.0]]
        np.testing.assert_array_equal(run(), expected)
        assert len(seen) == (1 if 1 in inside else 0)
    assert "call" not in vars(layer)


def test_a_watcher_sees_a_replacement_that_came_later(layer, run):
    seen = []
    with calls.watched(layer, seen.append), calls.replaced(layer, lambda x: 10 * x):
        run()
    assert len(seen) == 1


def test_a_call_that_the_layer_had_for_itself_comes_back(layer, run):
    def own(x):
        return -x

    vars(layer)["call"] = own
    with calls.watched(layer, lambda outputs: None):
        np.testing.assert_array_equal(run(), -X)
    assert vars(layer)["call"] is own


def test_an_error_leaves_the_layer_as_it_was(layer):
    with pytest.raises(ZeroDivisionError), calls.replaced(layer, lambda x: 1 / 0):
        layer(X)
    assert "call" not in vars(layer)


def test_another_thread_computes_as_ever(layer):
    results = []
    with calls.replaced(layer, lambda x: 10 * x):
        thread = threading.Thread(target=lambda: results.append(np.array(layer(X))))
        thread.start()
        thread.join()
    np.testing.assert_array_equal(results[0], [[3.0, 3.0]])
