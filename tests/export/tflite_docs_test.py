"""The Python of docs/tflite.md runs, one example after the other."""

import re

from page_examples import run_examples
from source_tree import ROOT


def test_the_examples_run_as_pasted(tmp_path):
    printed = run_examples("docs/tflite.md", 3, tmp_path)
    assert "(3, 10)\nTrue {'FULLY_CONNECTED': 2, " in printed
    text = (ROOT / "docs/tflite.md").read_text(encoding="utf-8")
    for line in re.findall(r"^    (sequential/.*)$", text, re.MULTILINE):
        assert line in printed
