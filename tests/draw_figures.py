"""Draws the figures of docs/how_it_works.md anew, by the page's own examples.

python tests/draw_figures.py
"""

import pathlib
import re
import shutil
import tempfile

from page_examples import run_examples
from source_tree import ROOT

PAGE, EXAMPLES = "docs/how_it_works.md", 6
FIGURES = ROOT / "docs" / "figures"
# What matplotlib writes of itself and of the day.
_METADATA = re.compile(r" *<metadata>.*?</metadata>\n|<!DOCTYPE.*?>\n", re.DOTALL)


def draw(folder: pathlib.Path) -> list[pathlib.Path]:
    """Runs the page's examples in a folder; gives the figures that they have written."""
    run_examples(PAGE, EXAMPLES, folder)
    return sorted(folder.glob("*.svg"))


if __name__ == "__main__":
    shutil.rmtree(FIGURES, ignore_errors=True)
    FIGURES.mkdir()
    with tempfile.TemporaryDirectory() as temporary:
        for figure in draw(pathlib.Path(temporary)):
            text = _METADATA.sub("", figure.read_text(encoding="utf-8"))
            (FIGURES / figure.name).write_text(text, encoding="utf-8")
