"""The examples' modules for tests, and their programs."""

import os
import pathlib
import subprocess
import sys

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))


def run(program: str, *arguments: str) -> subprocess.CompletedProcess:
    """Runs an example in a process of its own, with this checkout's tfqd."""
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    command = [sys.executable, EXAMPLES / program, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)
