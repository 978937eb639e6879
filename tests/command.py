"""Running the `tfqd` command as a user does."""

import os
import subprocess
import sys


def tfqd(*arguments: str, **options) -> subprocess.CompletedProcess:
    """The console script in a process of its own, without the tests' environment."""
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-m", "tfqd_command", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env=environment, **options)
