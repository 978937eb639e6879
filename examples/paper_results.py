"""Writes `docs/results.md` and `docs/results.svg` from the results that are committed.

    python examples/paper_results.py

The page sets the paper's figures beside those of `cifar10_paper.py` and `translate_lstm.py`, and
says in words which of the paper's orderings they confirm.
`tests/examples/paper_results_test.py` holds page, figure and results equal.
"""

import collections
import json
import math
import pathlib
from typing import Any

import translation_results
from bytes_figure import Mark, draw
from paper_cells import OF_A_STUDENT, RECIPES, Cell, Cells, cells

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
    parts = [_introduction(paper, ours)]
    for student in students:
        parts += [f"## {student}", _table(paper["students"][student], found, student)]
        verdicts = _verdicts(paper["students"][student], found, student)
        parts.append("\n".join([*verdicts, *_losses(paper["students"][student], found, student)]))
    parts += ["## Accuracy and bytes", "![Accuracy against stored bytes](results.svg)"]
    parts += [translation_results.section(paper["translation"], translated["rows"]), BEYOND]
    return "\n\n".join(parts) + "\n"


def _introduction(paper: dict[str, Any], ours: dict[str, Any]) -> str:
    rows = ours["rows"]
    (teacher,) = {row["teacher"] for row in rows}
    accuracies = sorted({row["accuracy"] for row in rows if row["student"] == "teacher"})
    named = ", ".join(f"{accuracy:.2f} %" for accuracy in accuracies)
    told = TRAINED if teacher == "trained" else GIVEN
    groups = _by_settings(rows)
    return INTRODUCTION.format(
        source=paper["source"],
        commands="\n".join(map(_command, groups)),
        teacher=told.format(name=teacher, accuracy=named),
        machines=", ".join(sorted({row["machine"] for row in rows})),
        epochs=" and ".join(_epochs(group, groups) for group in groups),
        precision="".join(_precision(group) for group in groups),
    )


def _by_settings(rows: list[dict[str, Any]]) -> list[list[dict[str, Any]]]:
    """The rows of students that were made by one command."""
    groups = collections.defaultdict(list)
    for row in rows:
        if row["student"] != "teacher":
            settings = tuple(row[name] for name in OF_A_STUDENT)
            groups[RECIPES.index(row["recipe"]), settings].append(row)
    return [groups[key] for key in sorted(groups, key=lambda key: key[0])]


def _students(rows: list[dict[str, Any]]) -> list[str]:
    return list(dict.fromkeys(row["student"] for row in rows))


def _epochs(rows: list[dict[str, Any]], groups: list[list[dict[str, Any]]]) -> str:
    """How long the students of the rows trained, which are one of the groups."""
    recipes = [group[0]["recipe"] for group in groups]
    recipe = rows[0]["recipe"]
    which = " and ".join(_students(rows)) if recipes.count(recipe) > 1 else "student"
    by = "" if set(recipes) == {"paper"} else f" by the {recipe} recipe"
    return f"{rows[0]['float_epochs']} epochs of a float {which}{by}"


def _precision(rows: list[dict[str, Any]]) -> str:
    """A sentence on what layers compute in, where it is not what their weights are."""
    precision = rows[0]["precision"]
    if precision == "float32":
        return ""
    named, kind = " and ".join(_students(rows)), precision.removeprefix("mixed_")
    return f"\nLayers of {named} computed in {kind}, also when measured."


def _command(rows: list[dict[str, Any]]) -> str:
    """The command that makes the rows, which are of one recipe."""
    seeds = sorted({row["seed"] for row in rows})
    recipe, teacher, precision = (rows[0][name] for name in ("recipe", "teacher", "precision"))
    options = [
        f"--budget={rows[0]['budget']:g}",
        *([] if recipe == "paper" else [f"--recipe={recipe}"]),
        *([] if precision == "float32" else [f"--precision={precision}"]),
        f"--students={','.join(_students(rows))}",
        f"--seeds={','.join(map(str, seeds))}",
    ]
    given = "" if teacher == "trained" else f"--teacher=DATA/models/{teacher}.keras "
    return (
        f"    python examples/cifar10_paper.py --data_dir=DATA {' '.join(options)} \\\n"
        f"      {given}--results=examples/results/cifar10_paper.json"
    )


def _table(paper: dict[str, float], found: Cells, student: str) -> str:
    recipes = [recipe for recipe in RECIPES if any(key[:2] == (recipe, student) for key in found)]
    heads = ["run", "the paper"]
    for recipe in recipes:
        heads += [f"ours, {recipe} recipe", "epochs", "seeds", "bytes", "the paper's formula"]
    lines = [" | ".join(heads), "|".join(["---", *["---:"] * (len(heads) - 1)])]
    runs = list(dict.fromkeys([*paper, *(run for _, name, run in found if name == student)]))
    for run in runs:
        values = [f"`{run}`", f"{paper[run]:.2f}" if run in paper else ""]
        for recipe in recipes:
            values += _values(found.get((recipe, student, run)))
        lines.append(" | ".join(values))
    return (
        "\n".join(f"| {line} |" for line in lines).replace("| ---|", "|---|").replace(": |", ":|")
    )


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
    for bits in (8, 4, 2):
        runs = "distilled", f"quantized_{bits}bit"
        ours = [found.get(("paper", student, run)) for run in runs]
        if None not in ours:
            theirs, lost = (paper[runs[0]] - paper[runs[1]], ours[0].accuracy - ours[1].accuracy)
            lines.append(
                f"- Quantized distillation at {bits} bits is behind the distilled float student "
                f"by {lost:.2f} points (the paper: {theirs:.2f})."
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


INTRODUCTION = """# The paper's experiments

Written by `python examples/paper_results.py` from `examples/results/`, where every run stands
with its seed, epochs and bytes.
{source}.

Ours were made by

{commands}

on {machines}. The budget is {epochs} where the paper made up to 200, so that
accuracies are lower than the paper's and only orderings and drops compare. The teacher is
{teacher}.
Accuracies are those of the quantized weights on CIFAR-10's 10,000 test images (one standard
error is about 0.46), bytes those of the whole `.tfqd` file, of float models 4 a weight; means of
the seeds, of accuracies with their standard deviation. Two accuracies are called too close to tell
where they are less than 1.3 apart, or less than two standard errors of the means of their seeds.
Students from labels alone have the paper's Dropout, which hurts a short training; the others have
none, as in its code.{precision}"""

GIVEN = (
    "{name} ({accuracy}), which was at hand; the paper's own of 5.3 million parameters was not "
    "trained here"
)
TRAINED = "the paper's own ({accuracy}), trained by as many epochs"

BEYOND = """## Not measured here

`examples/cifar_wide_resnet.py` was run on digits alone, by its `--smoke`, and has no figures yet.

## ImageNet

    python examples/imagenet_resnet.py --cost

ResNet-34 to a ResNet-18 of twice the width was not trained here. By the program's own count a
step of 256 images takes 12.7 TFLOP (the teacher's forward pass, and three times the student's),
0.82 GB of weights, gradients and momentum, and at most 8.6 GB for the outputs of all the student's
layers in 16 bits. The 90 epochs of 5,004 steps are 5.7 EFLOP: 16 hours at 100 TFLOP/s sustained.
Quantizing 45.7 million weights anew in every step is memory traffic of some 0.4 GB, which does not
grow with the batch."""


if __name__ == "__main__":
    main()
