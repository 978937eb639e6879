"""TensorFlow, started without its messages."""

import contextlib
import logging
import os
import sys
import warnings
from collections.abc import Iterator


@contextlib.contextmanager
def started(debug: bool) -> Iterator[None]:
    """TensorFlow and tfqd imported; warnings are one line each, and tfqd's alone.

    Args:
        debug: whether to leave all messages and warnings as they come.
    """
    if debug:
        yield
        return
    # TensorFlow reads the variable when it is imported.
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    with _python_alone_on_stderr(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import tensorflow as tf

        tf.config.list_physical_devices()  # looks for GPUs, and says so
        import tfqd  # noqa: F401

        for logger in ("tensorflow", "absl"):
            logging.getLogger(logger).setLevel(logging.ERROR)
        warnings.filterwarnings("default", module="tfqd")
        warnings.showwarning = _show_warning
        yield


def warn(message: str) -> None:
    """One line on standard error."""
    print(f"tfqd: warning: {' '.join(message.split())}", file=sys.stderr)


def _show_warning(message, category, filename, lineno, file=None, line=None) -> None:
    warn(str(message))


@contextlib.contextmanager
def _python_alone_on_stderr() -> Iterator[None]:
    """Drops what C++ code writes to standard error meanwhile.

    What TensorFlow logs before its logging is set up, and the runtimes of TFLite files,
    heed no variable.
    """
    descriptor, ours = os.dup(2), sys.stderr
    of_python = os.fdopen(os.dup(2), "w", buffering=1)
    if ours is sys.__stderr__:
        sys.stderr = of_python
    with open(os.devnull, "w") as sink:
        os.dup2(sink.fileno(), 2)
    try:
        yield
    finally:
        sys.stderr = ours
        of_python.close()
        os.dup2(descriptor, 2)
        os.close(descriptor)
