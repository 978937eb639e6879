"""An evaluation prints whole tables, and is one line at the prompt."""

import pytest

from tfqd.evaluation import MEASURES, Evaluation

LONG = "served/versions/of/a/model/whose/path/is/long/1"
COMPILED = {f"a_metric_of_a_long_name_{i}": 1234567.891 for i in range(12)}


@pytest.fixture
def found():
    values = dict.fromkeys(MEASURES, 1_234_567)
    return Evaluation(
        reference="float",
        values={"float": values, LONG: values},
        classes={},
        corruptions={},
        compiled={"float": COMPILED, LONG: COMPILED},
        notes={LONG: "a note of its own, " * 12 + "to the end"},
        examples=64,
    )


def test_tables_of_many_columns_are_printed_whole(found):
    printed = str(found)
    assert "…" not in printed
    for measure in MEASURES.values():
        assert measure.title in printed
        assert format(1_234_567, measure.shown) in printed
    for name in COMPILED:
        assert name in printed
    assert printed.count(LONG) == 3 + 1 + 1  # sides, as compiled, and the note
    assert printed.splitlines()[-1] == f"{LONG}: {found.notes[LONG]}"


def test_it_is_one_line_at_the_prompt(found):
    assert repr(found) == "<Evaluation of 2 models on 64 examples, held against 'float'>"


def test_it_is_equal_to_itself_alone_and_can_be_a_key(found):
    other = Evaluation(**vars(found))
    assert {found: 1, other: 2}[found] == 1
    assert found != other
