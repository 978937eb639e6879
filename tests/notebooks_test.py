"""The notebooks run from top to bottom and are committed with outputs, which are small."""

import nbformat
import pytest
from notebooks import NOTEBOOKS, code_cells, run

MOST_BYTES = 150_000


def test_there_are_two():
    assert [notebook.stem for notebook in NOTEBOOKS] == ["served_model", "two_methods"]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda notebook: notebook.stem)
def test_a_notebook_runs_and_shows_what_is_committed(notebook, tmp_path):
    assert notebook.stat().st_size < MOST_BYTES
    committed = nbformat.read(notebook, as_version=4)
    for kept, cell in zip(code_cells(committed), code_cells(run(notebook, tmp_path)), strict=True):
        assert kept.execution_count == cell.execution_count
        assert shown(kept) == shown(cell)


def shown(cell):
    """The kinds of data that a cell shows beside text."""
    return [sorted(each.data) for each in cell.outputs if "data" in each]
