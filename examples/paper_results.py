"""Writes `docs/results.md` and `docs/results.svg` from the results that are committed.

    python examples/paper_results.py

The page sets the paper's figures beside those of `cifar10_paper.py` and `translate_lstm.py`, and
says in words which of the paper's orderings they confirm.
`tests/examples/paper_results_test.py` holds page, figure and results equal.
"""

import itertools
import json
import math
import pathlib
from typing import Any

import translation_results
from bytes_figure import Mark, draw
from markdown_tables import markdown_table
from paper_cells import RECIPES, Cell, Cells, cells
from paper_introduction import introduction
from paper_others import others

ROOT = pathlib.Path(__file__).parents[1]
RESULTS = ROOT / "examples" / "results"
PAGE, FIGURE = ROOT / "docs" / "results.md", ROOT / "docs" / "results.svg"
# Two standard errors of a difference of two accuracies on 10,000 images, about 70 % each.
CLOSE = 1.3
COLOURS = {
    "labels": "#495057",
    "distilled": "#3457d5",
    "post training": "#d9480f",
    "post training buckets": "#9c36b5",
    "quantized": "#2b8a3e",
    "points": "#0b7285",
}
# How a recipe that is not the paper's comes to its quantized students.
ON = " by the {recipe} recipe, which trains that student on for {epochs:.3g} epochs,"
# First run, second run, and what it means when the first is better.
CLAIMS = (
    ("distilled", "labels", "A teacher makes the float student better."),
    (
        "post_training_buckets_4bit",
        "post_training_4bit",
        "Quantized once to 4 bits, buckets are better than one scale a tensor.",
    ),
    (
        "quantized_4bit",
        "post_training_buckets_4bit",
        "At 4 bits quantized distillation is better than quantizing once.",
    ),
    (
        "quantized_2bit",
        "post_training_buckets_2bit",
        "At 2 bits quantized distillation is better than quantizing once.",
    ),
    (
        "points_2bit",
        "post_training_buckets_2bit",
        "At 2 bits differentiable quantization is better than quantizing once.",
    ),
    (
        "quantized_2bit",
        "points_2bit",
        "At 2 bits quantized distillation is better than differentiable quantization.",
    ),
)


def main() -> None:
    paper, ours, translated = load()
    PAGE.write_text(page(paper, ours, translated), encoding="utf-8")
    FIGURE.write_text(figure(ours), encoding="utf-8")


def load() -> list[dict[str, Any]]:
    """The paper's figures, and ours on CIFAR-10 and in translation, as they are committed."""
    names = ("paper_tables.json", "cifar10_paper.json", "translate_lstm.json")
    return [json.loads((RESULTS / name).read_text(encoding="utf-8")) for name in names]


def page(paper: dict[str, Any], ours: dict[str, Any], translated: dict[str, Any]) -> str:
    """The text of the page."""
    found = cells(ours)
    students = [name for name in paper["students"] if ("paper", name, "labels") in found]
    parts = [introduction(paper, ours)]
    for student in students:
        parts += [f"## {student}", _table(paper["students"][student], found, student)]
        verdicts = _verdicts(paper["students"][student], found, student)
        parts.append("\n".join([*verdicts, *_losses(paper["students"][student], found, student)]))
    parts += ["## Accuracy and bytes", "![Accuracy against stored bytes](results.svg)"]
    rows = translated["rows"]
    parts += [translation_results.section(paper["translation"], rows), others(paper, rows)]
    return "\n\n".join(parts) + "\n"


def _table(paper: dict[str, float], found: Cells, student: str) -> str:
    recipes = [recipe for recipe in RECIPES if any(key[:2] == (recipe, student) for key in found)]
    heads = ["run", "the paper"]
    for recipe in recipes:
        heads += [f"ours, {recipe} recipe", "epochs", "seeds", "bytes", "the paper's formula"]
    lines = []
    runs = list(dict.fromkeys([*paper, *(run for _, name, run in found if name == student)]))
    for run in runs:
        values = [f"`{run}`", f"{paper[run]:.2f}" if run in paper else ""]
        for recipe in recipes:
            values += _values(found.get((recipe, student, run)))
        lines.append(values)
    return markdown_table(heads, lines)


def _values(cell: Cell | None) -> list[str]:
    """What the table says of a run by one recipe."""
    if cell is None:
        return [""] * 5
    formula = "" if cell.paper_bytes is None else f"{cell.paper_bytes:,.0f}"
    facts = [f"{cell.epochs:.3g}", str(cell.seeds), f"{cell.bytes:,.0f}", formula]
    return [_accuracy(cell), *facts]


def _accuracy(cell: Cell) -> str:
    spread = "" if cell.deviation is None else f" ± {cell.deviation:.2f}"
    return f"{cell.accuracy:.2f}{spread}"


def _verdicts(paper: dict[str, float], found: Cells, student: str) -> list[str]:
    """Which of the paper's orderings ours confirm, by its own recipe."""
    lines = []
    for better, worse, claim in CLAIMS:
        ours = [found.get(("paper", student, run)) for run in (better, worse)]
        theirs = paper[better] - paper[worse]
        if None in ours:
            lines.append(f"- *Not tried.* {claim} The paper: {theirs:+.2f}.")
            continue
        difference = ours[0].accuracy - ours[1].accuracy
        verdict = "Confirmed" if difference > 0 else "Contradicted"
        if abs(difference) <= _close(*ours):
            verdict = "Too close to tell"
        lines.append(f"- *{verdict}.* {claim} The paper: {theirs:+.2f}; ours: {difference:+.2f}.")
    return lines


def _close(*cells: Cell) -> float:
    """What a difference of two means must exceed to tell: by the images and by the seeds."""
    errors = [(cell.deviation or 0.0) / cell.seeds**0.5 for cell in cells]
    return max(CLOSE, 2 * math.hypot(*errors))


def _losses(paper: dict[str, float], found: Cells, student: str) -> list[str]:
    """What quantized distillation loses of the distilled float student's accuracy."""
    lines = []
    for recipe, bits in itertools.product(RECIPES, (8, 4, 2)):
        runs = "distilled", f"quantized_{bits}bit"
        ours = [found.get((recipe, student, run)) for run in runs]
        if None in ours:
            continue
        theirs, lost = paper[runs[0]] - paper[runs[1]], ours[0].accuracy - ours[1].accuracy
        how = "" if recipe == "paper" else ON.format(recipe=recipe, epochs=ours[1].epochs)
        order = "ahead of" if lost < 0 else "behind"
        their_order = "ahead" if theirs < 0 else "behind"
        lines.append(
            f"- Quantized distillation at {bits} bits{how} is {order} the distilled float student "
            f"by {abs(lost):.2f} points (the paper: {their_order} by {abs(theirs):.2f})."
        )
    return lines


def figure(ours: dict[str, Any]) -> str:
    """Accuracy against bytes of all runs, as SVG; filled marks are of the paper's recipe."""
    marks = [
        Mark(
            f"{student} {run} {recipe}",
            _method(run),
            cell.bytes,
            cell.accuracy,
            recipe == "paper",
        )
        for (recipe, student, run), cell in cells(ours).items()
        if student != "teacher"
    ]
    return draw(marks, COLOURS, (0, 100), 20)


def _method(run: str) -> str:
    """What the legend calls it."""
    name = run.replace("_", " ")
    return name if name in COLOURS else name.rsplit(" ", 1)[0]


if __name__ == "__main__":
    main()
