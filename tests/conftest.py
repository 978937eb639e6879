"""Settings of every test run."""

import gc
import os

import hypothesis
import pytest
from slow_files import SLOW

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
# Small networks cost more in handing work to threads than in working.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
# Tracing makes garbage of many small objects, most of which no collection need look for.
gc.set_threshold(50_000, 20, 20)

# The same examples in every run. To look for new ones: pytest --hypothesis-profile=search
hypothesis.settings.register_profile("same", deadline=None, max_examples=60, derandomize=True)
hypothesis.settings.register_profile("search", deadline=None, max_examples=1000)
hypothesis.settings.load_profile("same")


@pytest.fixture(autouse=True, scope="module")
def _names_count_from_the_file():
    """Counts unnamed layers anew in each file of tests, for the sizes of files count names too."""
    import keras
    import tf_keras

    keras.backend.clear_session(free_memory=False)
    tf_keras.backend.clear_session()


@pytest.fixture(autouse=True, scope="module")
def _nothing_is_looked_through_again():
    """Collects what a file of tests leaves, and takes what stays, as graphs do, for good.

    Else each collection goes through all that the files before have left, for half a minute
    at the end.
    """
    yield
    gc.collect()
    gc.freeze()


def pytest_collection_modifyitems(items):
    """Slow files first, so that no worker is left alone with one at the end."""
    items.sort(key=lambda item: item.path.stem not in SLOW)
    for item in items:
        if item.path.stem in SLOW:
            item.add_marker(pytest.mark.slow)
