"""The console script: starts TensorFlow without its messages, then runs `tfqd.cli`.

TensorFlow reads TF_CPP_MIN_LOG_LEVEL when it is imported, which importing any
module of the package does, so this one stands outside.
"""

import contextlib
import os
from collections.abc import Iterator


def run() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _silent_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()  # looks for GPUs, and says so

        from tfqd import cli

    cli.run()


@contextlib.contextmanager
def _silent_stderr() -> Iterator[None]:
    """Drops what is written to standard error meanwhile, by C++ code too.

    What TensorFlow logs before its logging is set up heeds no variable.
    """
    stderr = os.dup(2)
    with open(os.devnull, "w") as sink:
        os.dup2(sink.fileno(), 2)
    try:
        yield
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


if __name__ == "__main__":
    run()
