"""The notebooks of docs/notebooks, run from top to bottom.

    python tests/notebooks.py

runs them and keeps their outputs: small pictures, and nothing of what libraries log.
"""

import base64
import io
import os
import pathlib
import tempfile
from collections.abc import Iterator

import nbclient
import nbformat
from PIL import Image
from source_tree import ROOT

_PNG, _COLOURS = "image/png", 32

NOTEBOOKS = sorted((ROOT / "docs" / "notebooks").glob("*.ipynb"))


def run(notebook: pathlib.Path, folder: pathlib.Path) -> nbformat.NotebookNode:
    """Runs a notebook in a folder, in a kernel of its own; gives it with its outputs.

    Raises:
        nbclient.exceptions.CellExecutionError: when a cell fails.
    """
    found = nbformat.read(notebook, as_version=4)
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TF_CPP_MIN_LOG_LEVEL": "3"}
    client = nbclient.NotebookClient(
        found, timeout=300, kernel_name="python3", resources={"metadata": {"path": str(folder)}}
    )
    with client.setup_kernel(env=environment):
        client.reset_execution_trackers()
        for place, cell in enumerate(found.cells):
            client.execute_cell(cell, place)
    return found


def code_cells(notebook: nbformat.NotebookNode) -> Iterator[nbformat.NotebookNode]:
    """The cells that are run."""
    return (cell for cell in notebook.cells if cell.cell_type == "code")


def _without_logs(outputs: list[nbformat.NotebookNode]) -> Iterator[nbformat.NotebookNode]:
    for output in outputs:
        if output.output_type == "stream":
            lines = output.text.splitlines(keepends=True)
            output.text = "".join(line for line in lines if "INFO:tensorflow" not in line)
            if output.name == "stderr" or not output.text.strip():
                continue
        yield output


def _shrink(picture: str) -> str:
    """A picture, PNG in base64, in the few colours that a plot has."""
    image = Image.open(io.BytesIO(base64.b64decode(picture))).convert("RGB")
    small = io.BytesIO()
    image.quantize(_COLOURS).save(small, "PNG", optimize=True)
    return base64.b64encode(small.getvalue()).decode()


if __name__ == "__main__":
    for path in NOTEBOOKS:
        with tempfile.TemporaryDirectory() as temporary:
            ran = run(path, pathlib.Path(temporary))
        for cell in code_cells(ran):
            cell.outputs, cell.metadata = [*_without_logs(cell.outputs)], {}
            for shown in (each.data for each in cell.outputs if "data" in each):
                if _PNG in shown:
                    shown[_PNG] = _shrink(shown[_PNG])
        ran.metadata = {"language_info": {"name": "python"}}
        nbformat.write(ran, path)
