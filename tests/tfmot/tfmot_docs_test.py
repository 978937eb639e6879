"""The examples of docs/tfmot.md run, one after the other."""

from page_examples import run_examples


def test_the_examples_run(tmp_path):
    run_examples("docs/tfmot.md", 4, tmp_path)
