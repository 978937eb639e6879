"""Which variable gets which spec."""

import pytest

from tfqd.spec import Codebook, Uniform
from tfqd.spec.selection import Candidate, check_selection, select

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


@pytest.mark.parametrize("selection", [None, 4, "kernel", Uniform, [FOUR], {"bits", 4}])
def test_refuses_what_is_neither_spec_nor_mapping(selection):
    with pytest.raises(TypeError, match=r"spec must be a tfqd spec .* got"):
        check_selection(selection)


def test_refuses_a_pattern_that_is_no_string():
    with pytest.raises(TypeError, match="a pattern must be a string; got b'kernel'"):
        check_selection({b"kernel": FOUR})


@pytest.mark.parametrize("spec", [4, "uniform", Uniform, {"bits": 4}])
def test_refuses_a_pattern_for_what_is_no_spec(spec):
    with pytest.raises(TypeError, match="pattern 'kernel' must map to a tfqd spec or None; got"):
        check_selection({"kernel": spec})
