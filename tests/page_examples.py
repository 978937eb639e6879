"""The Python of a page of docs/, run as a reader would paste it."""

import os
import re
import subprocess
import sys

from source_tree import ROOT

EXAMPLE = re.compile(r"(<!-- not run: .+? -->\n)?```python\n(.*?)```", re.DOTALL)


def examples_of(page: str, count: int) -> str:
    """The page's examples, one after the other; the arguments are those of `run_examples`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    examples = [code for not_run, code in EXAMPLE.findall(text) if not not_run]
    assert len(examples) == count
    return "\n".join(examples)


def run_examples(page: str, count: int, folder) -> str:
    """Runs the page's examples, one after the other in one fresh process; gives what it printed.

    Args:
        page: its path below the repository's root.
        count: how many examples it has, beside those that are marked as not run.
        folder: where to run them.
    """
    command = [sys.executable, "-c", examples_of(page, count)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return run.stdout
