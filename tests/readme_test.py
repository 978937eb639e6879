"""The examples of the README and the guides run as pasted, in a folder of their own."""

import os
import re
import subprocess
import sys

import pytest
from page_examples import EXAMPLE, run_pasted
from source_tree import ROOT

README = (ROOT / "README.md").read_text()


def examples_in(text):
    return [code for skipped, code in EXAMPLE.findall(text) if not skipped]


EXAMPLES = examples_in(README)
EXAMPLES_IN_GUIDES = examples_in((ROOT / "docs/callbacks.md").read_text())
# The examples of these guides go on from one another.
DISTILLATION = examples_in((ROOT / "docs/distillation.md").read_text())
ALLOCATION = examples_in((ROOT / "docs/allocation.md").read_text())
# The second goes on from the first; users_test.py runs it.
PROGRAMS = [*EXAMPLES[2:], *EXAMPLES_IN_GUIDES, "\n".join(DISTILLATION)]


def test_there_are_examples():
    assert len(EXAMPLES) == 3
    assert "distiller.fit" in EXAMPLES[0]
    assert len(EXAMPLES_IN_GUIDES) == 7
    assert len(ALLOCATION) == 4
    assert len(DISTILLATION) == 5


def test_the_first_example_ends_in_small_files_in_a_fresh_process(tmp_path):
    command = [sys.executable, "-c", EXAMPLES[0]]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    result = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
    sizes = {path.name: path.stat().st_size for path in tmp_path.glob("digits.tf*")}
    assert 12_000 < sizes["digits.tfqd"] < 20_000
    assert 20_000 < sizes["digits.tflite"] < 24_000


@pytest.mark.parametrize("code", PROGRAMS, ids=range(len(PROGRAMS)))
def test_an_example_runs_as_pasted(code, tmp_path):
    if "import tfqd" not in code:
        code = f"import tfqd\n{code}"
    run_pasted(code, tmp_path)


def test_the_files_of_the_guide_to_budgets_keep_to_them(tmp_path):
    run_pasted("\n".join(ALLOCATION), tmp_path)
    sizes = {path.name: path.stat().st_size for path in tmp_path.glob("*.tfqd")}
    assert 0.98 * 4000 <= sizes["student.tfqd"] <= 4000
    assert 0.98 * 5000 <= sizes["allotted.tfqd"] <= 5000


def test_every_make_target_in_the_readme_exists():
    makefile = (ROOT / "Makefile").read_text()
    targets = re.findall(r"^    make (\w+)", README, re.MULTILINE)
    assert {"demo", "test"} <= set(targets)
    for target in targets:
        assert re.search(rf"^{target}:", makefile, re.MULTILINE)
