"""The Python of docs/tflite.md runs, one example after the other."""

import os
import re
import subprocess
import sys

from source_tree import ROOT

EXAMPLE = re.compile(r"```python\n(.*?)```", re.DOTALL)


def test_the_examples_run_as_pasted(tmp_path):
    text = (ROOT / "docs/tflite.md").read_text(encoding="utf-8")
    examples = EXAMPLE.findall(text)
    assert len(examples) == 2
    command = [sys.executable, "-c", "\n".join(examples)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    run = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    assert run.stdout.endswith("(3, 10)\n")
    for line in re.findall(r"^    (sequential/.*)$", text, re.MULTILINE):
        assert line in run.stdout
