"""Indices are not rounded, on graphs that are written down by hand."""

import pytest

from tfqd.wrapping.placement import INPUT, NoIntegerKernel, Step, placed, role_as_float, role_of

ROLES = {
    "x": INPUT,
    "table": role_as_float("Embedding"),
    "offset": role_as_float("Add"),
    "pick": role_of("pick", "GetItem", {}, 1),
    "flat": role_of("flat", "Flatten", {}, 1),
    "average": role_of("average", "AveragePooling2D", {}, 1),
    "dense": role_of("dense", "Dense", {"activation": "relu"}, 1),
    "join": role_of("join", "Concatenate", {}, 2),
}


def rounded(*calls):
    """The names of what is rounded, of calls such as ``"dense x"``; tables take indices."""
    steps, numbers = [], {}
    for call in calls:
        name, *inputs = call.split()
        numbers[name] = len(numbers)
        taken = tuple(numbers[each] for each in inputs)
        kind = name.rstrip("0123456789")
        indices = taken if kind == "table" else ()
        steps.append(Step(name, ROLES[kind], taken, numbers[name], indices))
    names = list(numbers)
    return {names[tensor] for tensor in placed(steps, [numbers[name]]).rounded}


def test_an_input_that_a_table_reads_is_not_rounded():
    assert rounded("x", "table x", "flat table", "dense flat") == {"dense"}
    assert rounded("x", "flat x", "table flat", "dense table") == {"dense"}


def test_nor_what_indices_are_made_of():
    assert rounded("x", "offset x", "table offset", "dense table") == {"dense"}


def test_what_else_reads_it_reads_floats():
    assert rounded("x", "table x", "dense x", "dense2 dense table") == {"dense", "dense2"}


def test_what_is_picked_beside_indices_is_read_in_floats():
    calls = ("x", "pick x", "table pick", "pick2 x", "dense pick2", "dense2 dense table")
    assert rounded(*calls) == {"dense", "dense2"}


def test_indices_out_of_a_product_are_rounded_as_it_is():
    assert rounded("x", "dense x", "flat dense", "table flat") == {"x", "dense"}


def test_what_a_table_has_is_joined_with_what_is_rounded_in_floats():
    for first in ("table dense", "dense table"):
        calls = ("x", "table x", "x2", "dense x2", f"join {first}", "dense2 join")
        assert rounded(*calls) == {"x2", "dense", "join", "dense2"}


def test_what_is_joined_of_tables_alone_is_not_rounded_nor_its_averages():
    calls = ("x", "table x", "table2 x", "join table table2", "average join", "dense average")
    assert rounded(*calls) == {"dense"}


@pytest.mark.parametrize("joined", [("join x x2",), ("pick2 x", "join pick2 x2")])
def test_indices_are_not_joined_with_what_is_rounded(joined):
    message = "layer 'join' joins what comes from '(x|pick2)', with or beside indices"
    with pytest.raises(NoIntegerKernel, match=message):
        rounded("x", "pick x", "table pick", "x2", *joined, "dense join")
