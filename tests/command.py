"""Running the `tfqd` command as a user does."""

import os
import re
import subprocess
import sys

# What TensorFlow's wheel with CUDA logs on a machine without a GPU; nothing silences it.
CUDA_LOG = re.compile(
    r"^(WARNING: All log messages before absl|[IWE]\d{4} .* cud\w+\.cc).*\n", re.MULTILINE
)


def tfqd(*arguments: str) -> subprocess.CompletedProcess:
    """The console script in a process of its own, without the tests' environment."""
    code = "import tfqd_command; tfqd_command.run()"
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    command = [sys.executable, "-c", code, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    done.stderr = CUDA_LOG.sub("", done.stderr)
    return done
