"""Draws the figures of docs/how_it_works.md anew, by the page's own examples.

python tests/draw_figures.py
"""

import os
import pathlib
import re
import shutil
import tempfile

import matplotlib
from page_examples import examples_of
from source_tree import ROOT

PAGE, EXAMPLES = "docs/how_it_works.md", 6
FIGURES = ROOT / "docs" / "figures"
# What matplotlib writes of itself and of the day.
_METADATA = re.compile(r" *<metadata>.*?</metadata>\n|<!DOCTYPE.*?>\n", re.DOTALL)


def draw() -> list[pathlib.Path]:
    """Runs the page's examples in the current folder; gives the figures that they have drawn."""
    exec(examples_of(PAGE, EXAMPLES), {})
    return sorted(pathlib.Path().glob("*.svg"))


if __name__ == "__main__":
    matplotlib.rcParams["svg.hashsalt"] = "tfqd"  # or each drawing gets other names of its parts
    shutil.rmtree(FIGURES, ignore_errors=True)
    FIGURES.mkdir()
    with tempfile.TemporaryDirectory() as temporary:
        os.chdir(temporary)
        for figure in draw():
            text = _METADATA.sub("", figure.read_text(encoding="utf-8"))
            (FIGURES / figure.name).write_text(text, encoding="utf-8")
