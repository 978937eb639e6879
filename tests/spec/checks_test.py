"""The checks of arguments that all rooms share."""

import math

import numpy as np
import pytest

from tfqd.spec.checks import (
    check_choice,
    checked_bits,
    checked_bool,
    checked_count,
    checked_optional_count,
    checked_optional_positive,
    checked_positive,
    is_integer,
    is_number,
)


def test_numpys_numbers_count_and_bools_do_not():
    assert is_integer(np.int64(3))
    assert is_number(np.float32(0.5))
    assert not is_integer(True)
    assert not is_number(np.bool_(True))


def test_bounds_are_inside():
    assert is_integer(2, 2, 2)
    assert not is_integer(1, 2)
    assert is_number(0, 0, 1)
    assert not is_number(1.5, 0, 1)


@pytest.mark.parametrize("value", [math.nan, math.inf, "1", None, 1j, 10**400, -(10**400)])
def test_what_is_no_finite_number_is_none(value):
    assert not is_number(value)


def test_what_is_kept_is_pythons_own():
    assert type(checked_count("steps", np.int32(3))) is int
    assert type(checked_positive("clip", np.float32(3))) is float
    assert type(checked_bits(np.uint8(3))) is int
    assert checked_bool("strict", np.False_) is False


@pytest.mark.parametrize(
    ("check", "bad", "message"),
    [
        (lambda value: checked_count("steps", value), 0, "steps must be a positive integer; got 0"),
        (lambda value: checked_optional_count("size", value), 0, "size must be None or a positive"),
        (lambda value: checked_positive("clip", value), -1, "clip must be a positive finite"),
        (lambda value: checked_optional_positive("clip", value), True, "clip must be None or a"),
        (checked_bits, 9, "bits must be an integer from 1 to 8; got 9"),
        (
            lambda value: check_choice("init", value, ("a", "b")),
            "c",
            "init must be one of 'a', 'b'",
        ),
    ],
)
def test_an_error_names_the_argument_and_what_came(check, bad, message):
    with pytest.raises(ValueError, match=message):
        check(bad)


@pytest.mark.parametrize("value", [np.array(["a", "b"]), np.array(["a"]), ["a"], {"a": 1}])
def test_an_array_is_no_choice(value):
    with pytest.raises(ValueError, match="init must be one of 'a', 'b'; got"):
        check_choice("init", value, ("a", "b"))


def test_none_passes_where_it_may():
    assert checked_optional_count("size", None) is None
    assert checked_optional_positive("clip", None) is None
