"""The examples' modules for tests, and their programs."""

import contextlib
import io
import os
import pathlib
import runpy
import subprocess
import sys
from typing import NamedTuple
from unittest import mock

import keras
from absl.testing import flagsaver

EXAMPLES = pathlib.Path(__file__).parents[2] / "examples"
sys.path.insert(0, str(EXAMPLES))


def run(program: str, *arguments: str) -> subprocess.CompletedProcess:
    """Runs an example in a process of its own, with this checkout's tfqd."""
    environment = {**os.environ, "PYTHONPATH": str(EXAMPLES.parent)}
    command = [sys.executable, EXAMPLES / program, *arguments]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=300)


class Run(NamedTuple):
    """What an example printed, and how it ended: None, or its words to the user."""

    stdout: str
    end: str | int | None


def run_here(program: str, *arguments: str) -> Run:
    """Runs an example in this process, which saves the start of another."""
    import devices  # noqa: F401  Its flags are defined once, and would go with the first program.

    printed, policy = io.StringIO(), keras.config.dtype_policy()
    typed = mock.patch.object(sys, "argv", [program, *arguments])
    with flagsaver.flagsaver(), typed, contextlib.redirect_stdout(printed):
        try:
            runpy.run_path(str(EXAMPLES / program), run_name="__main__")
        except SystemExit as end:
            return Run(printed.getvalue(), end.code)
        finally:
            keras.config.set_dtype_policy(policy)
    raise AssertionError("absl ends programs by SystemExit")
