"""Which variable gets which spec."""

import numpy as np
import pytest

from tfqd.spec import Codebook, LearnedStep, Uniform
from tfqd.spec.selection import Candidate, checked_selection, select

FOUR, TWO = Uniform(bits=4), Codebook(bits=2)
CANDIDATES = [
    Candidate("embedding/embeddings", True),
    Candidate("dense/kernel", True),
    Candidate("dense/bias", False),
    Candidate("dense_1/kernel", True),
    Candidate("norm/gamma", False),
]


def test_a_lone_spec_is_for_the_kernels():
    assert select(FOUR, CANDIDATES) == [FOUR, FOUR, None, FOUR, None]


def test_a_pattern_reaches_any_variable():
    assert select({".*": FOUR}, CANDIDATES) == [FOUR] * 5


def test_the_first_match_wins():
    assert select({"dense/": TWO, "kernel": FOUR}, CANDIDATES) == [None, TWO, TWO, FOUR, None]
    assert select({"kernel": FOUR, "dense/": TWO}, CANDIDATES) == [None, FOUR, TWO, FOUR, None]


def test_none_stays_float_and_hides_later_patterns():
    chosen = select({"dense_1": None, "kernel|embeddings": FOUR}, CANDIDATES)
    assert chosen == [FOUR, FOUR, None, None, None]


def test_patterns_are_searched_anywhere_in_the_path_unless_anchored():
    assert select({"kernel$": FOUR}, CANDIDATES)[1] is FOUR
    assert select({"^dense/kernel$": FOUR}, CANDIDATES) == [None, FOUR, None, None, None]


def test_a_pattern_without_a_match_is_named_with_the_variables():
    with pytest.raises(ValueError, match=r"'denze' matches no variable; .*dense/kernel.*gamma"):
        select({"kernel": FOUR, "denze": TWO}, CANDIDATES)


def test_a_long_list_of_variables_is_cut():
    many = [Candidate(f"layer_{index}/kernel", True) for index in range(33)]
    with pytest.raises(ValueError, match=r"layer_19/kernel, and 13 more$"):
        select({"denze": FOUR}, many)


@pytest.mark.parametrize("selection", [{}, {"kernel": None}, {".*": None}])
def test_selecting_nothing_is_refused(selection):
    with pytest.raises(ValueError, match="leaves every variable float; variables: embedding"):
        select(selection, CANDIDATES)


def test_a_lone_spec_without_kernels_is_refused():
    with pytest.raises(ValueError, match="leaves every variable float; variables: norm/gamma"):
        select(FOUR, [Candidate("norm/gamma", False)])
    with pytest.raises(ValueError, match="leaves every variable float; variables: none"):
        select(FOUR, [])


def test_a_bad_regular_expression_is_named():
    with pytest.raises(ValueError, match=r"'\(kernel' is not a regular expression: "):
        select({"(kernel": FOUR}, CANDIDATES)


@pytest.mark.parametrize("selection", [None, 4.0, True, Uniform, [FOUR], {"bits", 4}])
def test_refuses_what_is_neither_spec_nor_mapping(selection):
    with pytest.raises(TypeError, match=r"spec must be a tfqd spec .* got"):
        checked_selection(selection)


def test_refuses_a_pattern_that_is_no_string():
    with pytest.raises(TypeError, match="a pattern must be a string; got b'kernel'"):
        checked_selection({b"kernel": FOUR})


@pytest.mark.parametrize("spec", [4.0, True, Uniform, {"bits": 4}])
def test_refuses_a_pattern_for_what_is_no_spec(spec):
    with pytest.raises(TypeError, match="pattern 'kernel' must map to a tfqd spec or None; got"):
        checked_selection({"kernel": spec})


@pytest.mark.parametrize(
    ("name", "spec"),
    [
        (4, Uniform(bits=4)),
        (np.int64(2), Uniform(bits=2)),
        ("uniform8", Uniform(bits=8)),
        ("codebook2", Codebook(bits=2)),
        ("learned1", LearnedStep(bits=1)),
    ],
)
def test_a_short_name_stands_for_its_spec(name, spec):
    assert checked_selection(name) == spec
    assert checked_selection({"kernel": name, "bias": None}) == {"kernel": spec, "bias": None}
    assert select(name, CANDIDATES) == select(spec, CANDIDATES)


@pytest.mark.parametrize("name", [0, 9, -1, "kernel", "uniform", "uniform9", "uniform04", "4", ""])
def test_an_unknown_name_is_refused_with_those_that_are_known(name):
    known = "1 to 8 .bits., 'uniform1' to 'uniform8', 'codebook1' .*, 'learned1' to 'learned8'"
    for selection in (name, {"kernel": name}):
        with pytest.raises(ValueError, match=f"must be {known}; got {name!r}$"):
            checked_selection(selection)
