"""The page and the figure of the paper's experiments say what the results say."""

import re
import xml.etree.ElementTree as ET

import example_modules  # noqa: F401
import paper_results
import pytest
from paper_results import FIGURE, PAGE, cells, figure, load, page

SVG = "{http://www.w3.org/2000/svg}"


def test_page_and_figure_are_those_of_the_committed_results():
    paper, ours = load()
    assert PAGE.read_text(encoding="utf-8") == page(paper, ours)
    assert FIGURE.read_text(encoding="utf-8") == figure(ours)


def test_every_run_is_in_the_table_with_its_accuracy_and_bytes():
    text = PAGE.read_text(encoding="utf-8")
    for (_, student, run), cell in cells(load()[1]).items():
        if student == "teacher":
            assert f"{cell.accuracy:.2f} %" in text
            continue
        section = text.split(f"## {student}\n")[1]
        (line,) = re.findall(rf"^\| `{run}` .*$", section.split("## ")[0], re.MULTILINE)
        assert f"{cell.accuracy:.2f}" in line
        assert f" {cell.bytes:,.0f} " in line


def test_the_figure_has_a_mark_for_every_run():
    _, ours = load()
    marks = ET.fromstring(FIGURE.read_text(encoding="utf-8")).findall(f".//{SVG}circle")
    runs = [key for key in cells(ours) if key[1] != "teacher"]
    assert len(marks) == len(runs)
    named = {mark.find(f"{SVG}title").text.split(":")[0] for mark in marks}
    assert named == {f"{student} {run} {recipe}" for recipe, student, run in runs}


def of(**accuracies):
    """Results of S3, one seed, with these accuracies."""
    facts = {"recipe": "paper", "student": "S3", "bytes": 1000, "teacher": "t", "machine": "m"}
    teacher = {**facts, "student": "teacher", "run": "labels", "accuracy": 90.0}
    return {
        "rows": [teacher, *({**facts, "run": run, "accuracy": a} for run, a in accuracies.items())]
    }


@pytest.mark.parametrize(
    ("distilled", "verdict"),
    [(75.0, "Confirmed"), (71.0, "Too close to tell"), (65.0, "Contradicted")],
)
def test_an_ordering_is_judged_by_its_difference(distilled, verdict):
    paper, _ = load()
    text = page(paper, of(labels=70.0, distilled=distilled))
    assert f"- *{verdict}.* A teacher makes" in text
    assert f"ours: {distilled - 70:+.2f}" in text
    assert text.count("*Not tried.*") == len(paper_results.CLAIMS) - 1
