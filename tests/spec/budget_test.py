"""Sizes as people write them."""

import numpy as np
import pytest

from tfqd.spec.budget import parse_bytes


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (1, 1),
        (np.int64(120_000), 120_000),
        ("7 B", 7),
        ("120 kB", 120_000),
        (" 1.5MB ", 1_500_000),
        ("2 GB", 2 * 10**9),
        ("4 KiB", 4096),
        ("0.5 MiB", 2**19),
        ("1GiB", 2**30),
        ("200KB", 200_000),
        ("120 kib", 122_880),
    ],
)
def test_bytes_by_hand(size, expected):
    assert parse_bytes(size) == expected


@pytest.mark.parametrize(
    "size", [0, -1, 1.5, True, None, "", "120", "kB", "-3 kB", "0 kB", "1e3 kB", "1 2 B"]
)
def test_what_is_no_size_is_refused(size):
    with pytest.raises(ValueError, match="a size must be a positive number of bytes, or a text"):
        parse_bytes(size)


@pytest.mark.parametrize("size", ["0.1B", "0.0009 kB", "9" * 400 + "B", "9" * 400 + "GiB"])
def test_less_than_a_byte_and_no_finite_number_of_them_are_refused_as_given(size):
    with pytest.raises(
        ValueError, match=f"a size must be finite and at least 1 byte; got '{size}'"
    ):
        parse_bytes(size)
