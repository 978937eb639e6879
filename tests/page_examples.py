"""The Python of a page of docs/, run as a reader would paste it."""

import contextlib
import io
import os
import re

import keras
import tf_keras
from source_tree import ROOT

EXAMPLE = re.compile(r"(<!-- not run: .+? -->\n)?```python\n(.*?)```", re.DOTALL)


def examples_of(page: str, count: int) -> str:
    """The page's examples, one after the other; the arguments are those of `run_examples`."""
    text = (ROOT / page).read_text(encoding="utf-8")
    examples = [code for not_run, code in EXAMPLE.findall(text) if not not_run]
    assert len(examples) == count
    return "\n".join(examples)


def run_examples(page: str, count: int, folder) -> str:
    """Runs the page's examples, one after the other; gives what they printed.

    Args:
        page: its path below the repository's root.
        count: how many examples it has, beside those that are marked as not run.
        folder: where to run them.
    """
    return run_pasted(examples_of(page, count), folder)


def run_pasted(code: str, folder) -> str:
    """Runs code in a folder, with no names but its own; gives what it printed.

    Keras names layers as in a fresh process. Garbage, of which tests leave much, stays.
    """
    keras.backend.clear_session(free_memory=False)
    tf_keras.backend.clear_session()
    before, printed = os.getcwd(), io.StringIO()
    os.chdir(folder)
    try:
        with contextlib.redirect_stdout(printed):
            exec(compile(code, "<pasted>", "exec"), {"__name__": "__main__"})
    finally:
        os.chdir(before)
    return printed.getvalue()
