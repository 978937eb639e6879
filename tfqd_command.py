"""The console script: quiets TensorFlow's log, then runs `tfqd.cli`.

TensorFlow reads the variable when it is imported, which importing any module
of the package does, so this one stands outside.
"""

import os


def run() -> None:
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    from tfqd import cli

    cli.run()


if __name__ == "__main__":
    run()
