"""The Python of docs/serving.md runs, one example after the other."""

from page_examples import run_examples


def test_the_examples_run_as_pasted(tmp_path):
    assert run_examples("docs/serving.md", 2, tmp_path).endswith("(3, 10)\n")
