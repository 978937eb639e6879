"""The examples of docs/tfmot.md run, one after the other, in a fresh process."""

import os
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).parents[2]


def test_the_examples_run(tmp_path):
    page = (ROOT / "docs/tfmot.md").read_text(encoding="utf-8")
    examples = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    assert len(examples) == 4
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-c", "\n".join(examples)]
    subprocess.run(command, cwd=tmp_path, env=environment, check=True)
