"""What a function of the user's may give as data."""

import sys
import types

import numpy as np
import pytest

from tfqd_command.data import load_data

X, Y = np.zeros((6, 4), np.float32), np.arange(6) % 3
X_TEST, Y_TEST = X[:2] + 1, Y[:2]


@pytest.fixture
def given_by(monkeypatch):
    """Loads what a function of a module gives."""

    def load(data):
        module = types.SimpleNamespace(load=lambda: data)
        monkeypatch.setitem(sys.modules, "own_data", module)
        return load_data("own_data:load")

    return load


@pytest.mark.parametrize(
    "data",
    [{"x": X, "y": Y, "x_test": X_TEST, "y_test": Y_TEST}, ((X, Y), (X_TEST, Y_TEST))],
)
def test_examples_to_train_and_to_measure_on(data, given_by):
    found = given_by(data)
    np.testing.assert_array_equal(found.x, X)
    np.testing.assert_array_equal(found.y, Y)
    np.testing.assert_array_equal(found.measured[0], X_TEST)
    np.testing.assert_array_equal(found.measured[1], Y_TEST)


@pytest.mark.parametrize("data", [{"x": X, "y": Y}, (X, Y)])
def test_a_pair_is_measured_on_what_it_trains_on(data, given_by):
    found = given_by(data)
    assert found.measured[0] is found.x
    assert found.measured[1] is found.y
    np.testing.assert_array_equal(found.y, Y)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ((X, Y, X_TEST), "must have x, and perhaps y, x_test, y_test; got tuple"),
        ([X, Y], "got list"),
        ((X, Y[:3]), "x and y of own_data:load must be of one length; got 6 and 3"),
        ({"y": Y}, "got y"),
    ],
)
def test_other_data_are_refused(data, message, given_by):
    with pytest.raises(ValueError, match=message):
        given_by(data)
