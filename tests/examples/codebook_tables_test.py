"""The tables of codebooks' properties and of others' methods say what the results say."""

import pathlib

import example_modules  # noqa: F401
import pytest
from codebook_tables import factors_table, rows_of, trials_table
from resnet8_factors import FACTORS
from resnet8_trials import TRIALS

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "benchmarks.md"
# One has no line, but a word beside the table.
LINES = [run for run in FACTORS if run != "factors_free"]
TABLES = {"factors": (factors_table, LINES), "trials": (trials_table, [*TRIALS])}


@pytest.mark.parametrize("name", TABLES)
def test_the_page_has_the_table_of_the_committed_results(name):
    (table, runs), rows = TABLES[name], rows_of(name)
    assert table(rows) in PAGE.read_text(encoding="utf-8")
    assert {row["run"] for row in rows} <= {*runs, "factors_free"}
    settings = ("epochs", "learning_rate", "shift", "teacher")
    assert len({tuple(row[setting] for setting in settings) for row in rows}) == 1


@pytest.mark.parametrize("name", TABLES)
def test_a_table_has_a_line_for_each_run_with_its_own_figures(name):
    table, runs = TABLES[name]
    rows = [
        {"run": run, "accuracy": 80 + i / 100, "bytes": 20_000 + i} for i, run in enumerate(runs)
    ]
    rows.append({"run": next(iter(runs)), "accuracy": 82.0, "bytes": 20_002})
    _, _, *lines = table(rows).splitlines()
    cells = [line.strip("| ").split(" | ")[-2:] for line in lines]
    assert cells[0] == ["81.00 ± 1.41 %", "20,001"]
    assert cells[1:] == [[f"{80 + i / 100:.2f} %", f"{20_000 + i:,}"] for i in range(1, len(runs))]


@pytest.mark.parametrize("name", TABLES)
def test_what_was_not_made_is_left_empty(name):
    table, runs = TABLES[name]
    _, _, *lines = table(
        [{"run": next(iter(runs)), "accuracy": 80.0, "bytes": 20_000}]
    ).splitlines()
    assert [line.endswith("|  |  |") for line in lines] == [False, *[True] * (len(runs) - 1)]
