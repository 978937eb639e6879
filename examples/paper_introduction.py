"""What stands before the tables of `docs/results.md`: how the figures were made."""

import collections
from typing import Any

from paper_cells import OF_A_STUDENT, RECIPES


def introduction(paper: dict[str, Any], ours: dict[str, Any]) -> str:
    """The page's first words: commands, epochs, the teacher, and what the columns hold.

    Args:
        paper: the paper's own figures.
        ours: what `cifar10_paper.py` has measured.
    """
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
        epochs=_epochs(groups),
        precision=_precision(rows),
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
    return sorted({row["student"] for row in rows} - {"teacher"})


def _epochs(groups: list[list[dict[str, Any]]]) -> str:
    """How long the float students of the groups trained, by each recipe."""
    trained = collections.defaultdict(lambda: collections.defaultdict(list))
    for rows in groups:
        trained[rows[0]["recipe"]][rows[0]["float_epochs"]] += _students(rows)
    parts = []
    for recipe, students in trained.items():
        told = " and ".join(
            f"{epochs} epochs of a float "
            + ("student" if len(students) == 1 else " or ".join(sorted(students[epochs])))
            for epochs in sorted(students, reverse=True)
        )
        parts.append(told if [*trained] == ["paper"] else f"{told} by the {recipe} recipe")
    return ", and ".join(parts)


def _precision(rows: list[dict[str, Any]]) -> str:
    """A sentence on what layers computed in, where that is not what their weights are."""
    lines = []
    for precision in sorted({row["precision"] for row in rows} - {"float32"}):
        named = " and ".join(_students([row for row in rows if row["precision"] == precision]))
        kind = precision.removeprefix("mixed_")
        lines.append(f"\nLayers of {named} computed in {kind}, also when measured.")
    return "".join(lines)


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
none, as in its code. Runs without a figure were not made.{precision}"""

GIVEN = (
    "{name} ({accuracy}), which was at hand; the paper's own of 5.3 million parameters was not "
    "trained here"
)
TRAINED = "the paper's own ({accuracy}), trained by as many epochs"
