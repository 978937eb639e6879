"""Collecting the garbage of a few lines of a test, which takes no look at anything older."""

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def collected() -> Iterator[None]:
    """What is made inside, and not kept, is gone afterwards.

    What is older stays, as after each file (tests/conftest.py).
    """
    gc.freeze()
    yield
    gc.collect()
