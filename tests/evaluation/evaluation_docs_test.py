"""The guide to evaluation does what it says."""

from page_examples import run_examples


def test_guide_prints_the_three_sides(tmp_path):
    printed = run_examples("docs/evaluation.md", 1, tmp_path)
    for word in ("Performance", "Reliability", "Efficiency", "corrupted", "latency", "2 bits"):
        assert word in printed
