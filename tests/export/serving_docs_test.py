"""The Python of docs/serving.md runs, one example after the other."""

import os
import re
import subprocess
import sys

from source_tree import ROOT

EXAMPLE = re.compile(r"(<!-- not run: .+? -->\n)?```python\n(.*?)```", re.DOTALL)


def test_the_examples_run_as_pasted(tmp_path):
    text = (ROOT / "docs/serving.md").read_text(encoding="utf-8")
    examples = [code for not_run, code in EXAMPLE.findall(text) if not not_run]
    assert len(examples) == 2
    command = [sys.executable, "-c", "\n".join(examples)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith("(3, 10)\n")
