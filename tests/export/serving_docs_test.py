"""The Python of docs/serving.md runs, one example after the other."""

from page_examples import run_examples


def test_the_examples_run_as_pasted(tmp_path):
    printed = run_examples("docs/serving.md", 4, tmp_path)
    assert "(3, 10)\n" in printed
    assert printed.endswith("""'sequential/scores/kernel': (2, 9, 192)}\n""")
