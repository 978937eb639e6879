"""The Python of docs/integer.md runs, one example after the other."""

import re

from page_examples import run_examples
from source_tree import ROOT


def test_the_examples_run_as_pasted(tmp_path):
    printed = run_examples("docs/integer.md", 5, tmp_path)
    text = (ROOT / "docs/integer.md").read_text(encoding="utf-8")
    shown = re.findall(r"^    (\w+_range .*|\{.*\}|int8 .*)$", text, re.MULTILINE)
    assert len(shown) == 7
    assert all(line in printed for line in shown)
