"""The table of methods at equal bytes says what the committed results say."""

import json
import pathlib

import example_modules  # noqa: F401
from curve_table import METHODS, RESULTS, table
from resnet8_curves import CURVES, SIZES, name_of

PAGE = pathlib.Path(__file__).parents[2] / "docs" / "benchmarks.md"


def cells(text):
    """By method and levels."""
    names = {name: method for method, name in METHODS.items()}
    found = {}
    for line in text.splitlines()[2:]:
        name, *columns = (cell.strip() for cell in line.strip("|").split("|"))
        found |= {(names[name], levels): cell for levels, cell in zip(SIZES, columns, strict=True)}
    return found


def test_the_page_has_the_table_of_the_committed_results():
    rows = json.loads(RESULTS.read_text(encoding="utf-8"))["rows"]
    assert table(rows) in PAGE.read_text(encoding="utf-8")
    assert {row["run"] for row in rows} <= set(CURVES)
    assert len({row["epochs"] for row in rows}) == 1


def test_every_run_has_a_cell_and_every_cell_a_run():
    rows = [
        {"run": run, "accuracy": 80 + i / 100, "bytes": 20_000 + i} for i, run in enumerate(CURVES)
    ]
    found = cells(table(rows))
    assert {name_of(*place) for place, cell in found.items() if cell} == set(CURVES)
    for i, run in enumerate(CURVES):
        (cell,) = [cell for place, cell in found.items() if name_of(*place) == run and cell]
        assert cell == f"{80 + i / 100:.2f} % in {20_000 + i:,}"


def test_seeds_are_averaged_and_what_was_not_made_is_left_empty():
    run = name_of("learned", 4)
    rows = [
        {"run": run, "accuracy": accuracy, "bytes": size}
        for accuracy, size in ((80.0, 100), (82.0, 102))
    ]
    found = cells(table(rows))
    assert found.pop(("learned", 4)) == "81.00 ± 1.41 % in 101"
    assert set(found.values()) == {""}
