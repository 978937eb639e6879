"""The part of `docs/results.md` that is about translation, from the runs of `translate_lstm.py`."""

import statistics
from collections.abc import Collection, Sequence
from typing import Any, NamedTuple

from markdown_tables import markdown_table

FLOAT, TRAINED_ON = "word", "continued"
TESTS = {
    "test_2016_flickr": "2016 Flickr",
    "test_2017_flickr": "2017 Flickr",
    "test_2017_mscoco": "2017 COCO",
    "test_2018_flickr": "2018 Flickr",
}
# What makes a row another experiment.
SETTINGS = (
    "float_epochs",
    "rate",
    "vocabulary",
    "teacher_units",
    "student_units",
    "batch",
    "data",
    "beam",
    "vocabulary_digest",
)
# What students that are trained on may differ in, each in a table of its own; `start` stands in
# rows whose `word` student was made on another machine, and is another for that.
TRAINED_ON_BY = {"epochs": "{} epochs", "dropout": "a Dropout of {}", "start": "{}"}

INTRODUCTION = """## Translation

German to English on Multi30k's 29,000 pairs, by LSTMs with attention: the teacher has 2+2 layers of
{teacher_units} units, the student 1+1 of {student_units}. Made by

    python examples/translate_lstm.py --data_dir=DATA --epochs={epochs}{more} --rate={rate} \\
      --vocabulary={vocabulary} --teacher_units={teacher_units} --student_units={student_units} \\
      --seeds={seeds}{of_teacher} --results=examples/results/translate_lstm.json

{trainings}; the quantized ones start from the `{start}` student, and are
held against `{trained_on}`, which it becomes by as many more in floats: differences are of equal
seeds. All kernels are quantized, those of the embeddings and recurrent ones too, in buckets of 256
where nothing else is said. BLEU (sacrebleu, lower-cased, beam of {beam}) is the mean of the four
test sets, perplexity that of the reference translations; bytes are those of the whole `.tfqd` file,
of float models 4 a weight. The SavedModel, text in and text out, takes the likeliest word at each
place, not a beam. Runs that are not in the table were not made. The paper's figures
({source}) are of another corpus and larger networks: only differences compare."""

OTHERWISE = """### With {otherwise}

The same by `{options}--seeds={seeds} --runs={runs}`, from {start}."""
SAME = "the same `{}` students"
ANOTHER = """`{}` students made anew: the command makes
other floats on another machine, and those of this table were all made on one"""

# What is said of a method that has rows, by its name.
METHODS = {
    "points": """`points_Nbit` train the points alone, at 0.03 times the rate, and are held against
`{start}`, whose weights they have.""",
    "learned": """`learned_Nbit` are trained on grids whose steps are trained too, one for each
channel, not in buckets.""",
    "even": """`even_Nbit` are those with as many levels below 0 as above.""",
    "codebook": """`codebook_Nbit` are those whose levels are trained as well, the same levels
in all channels.""",
    "entropy": """`entropy_Nbit` are trained with codes chosen with their length in view and one
step for each kernel, not in buckets, to the bytes that the `quantized_Nbit` archive has.""",
}
# Those whose weights are trained.
TRAINED = ("quantized", "learned", "even", "codebook", "entropy")


class Score(NamedTuple):
    """One run's means over its seeds.

    by_seed: the mean BLEU of the test sets, by seed.
    by_test: BLEU by test set.
    """

    by_seed: dict[int, float]
    by_test: dict[str, float]
    perplexity: float
    bytes: float


def section(paper: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """The part of the page.

    Args:
        paper: the paper's BLEU by run, and where they are from.
        rows: of `translate_lstm.py`; students that are trained on otherwise than the first
            come after those.

    Raises:
        ValueError: when the rows are of several settings, but for those of `TRAINED_ON_BY`.
    """
    if len({tuple(row[name] for name in SETTINGS) for row in rows}) != 1:
        raise ValueError(f"rows must be alike in {', '.join(SETTINGS)}")
    usual, first = _usual(rows), first_trained(rows)
    found = scores(first)
    runs = {row["run"] for row in rows}
    parts = [_introduced(paper, first, usual, found, runs)]
    others = [row for row in rows if row not in first]
    while others:
        way = _way(others[0])
        group = [row for row in others if _way(row) == way]
        changed = {name: value for name, value in way.items() if value != usual.get(name)}
        parts.append(_otherwise(paper["bleu"], group, changed, found))
        others = [row for row in others if row not in group]
    return "\n\n".join(parts)


def first_trained(rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of students that are not trained on, and of those that are as the first is."""
    return [row for row in rows if _way(row) in ({}, _usual(rows))]


def _usual(rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """How the first student that is trained on is; empty where none is."""
    return next((_way(row) for row in rows if _way(row)), {})


def _way(row: dict[str, Any]) -> dict[str, Any]:
    """How the row's student is trained on; empty where it is not."""
    return {name: row[name] for name in TRAINED_ON_BY if name in row}


def _introduced(
    paper: dict[str, Any],
    rows: Sequence[dict[str, Any]],
    way: dict[str, Any],
    found: dict[str, Score],
    runs: Collection[str],
) -> str:
    """The settings, and the scores that most is told of."""
    settings = {name: rows[0][name] for name in SETTINGS}
    settings |= {"epochs": settings["float_epochs"], **way}
    epochs, of_floats = settings["epochs"], settings["float_epochs"]
    more, trainings = "", f"Every training has {epochs} epochs"
    if of_floats != epochs:
        more = f" --float_epochs={of_floats}"
        trainings = f"Trainings from random weights have {of_floats} epochs, others {epochs}"
    facts = {"source": paper["source"], "start": FLOAT, "trained_on": TRAINED_ON, **_seeds(rows)}
    parts = [INTRODUCTION.format(more=more, trainings=trainings, **facts, **settings)]
    parts += [
        told.format(start=FLOAT)
        for name, told in METHODS.items()
        if any(run.startswith(name) for run in runs)
    ]
    return "\n\n".join(
        [*parts, _table(paper["bleu"], found), _verdicts(paper["bleu"], found, found)]
    )


def _otherwise(
    paper: dict[str, float],
    rows: Sequence[dict[str, Any]],
    changed: dict[str, Any],
    floats: dict[str, Score],
) -> str:
    """Scores of the same students, trained on for other epochs or with another Dropout."""
    found = scores(rows)
    told = OTHERWISE.format(
        otherwise=" and ".join(TRAINED_ON_BY[name].format(changed[name]) for name in changed),
        options="".join(f"--{name}={changed[name]} " for name in changed if name != "start"),
        seeds=_seeds(rows)["seeds"],
        runs=",".join(found),
        start=(ANOTHER if "start" in changed else SAME).format(FLOAT),
    )
    same = {} if "start" in changed else {FLOAT: floats[FLOAT]}
    verdicts = _verdicts(paper, found, {**same, **found})
    return "\n\n".join([told, _table(paper, found), verdicts])


def _seeds(rows: Sequence[dict[str, Any]]) -> dict[str, str]:
    """The seeds as the command has them, and the teacher's where all students have one."""
    seeds = sorted({row["seed"] for row in rows})
    (teacher, *others) = {row["teacher_seed"] for row in rows}
    shared = not others and seeds != [teacher]
    return {
        "seeds": ",".join(map(str, seeds)),
        "of_teacher": f" --teacher_seed={teacher}" if shared else "",
    }


def scores(rows: Sequence[dict[str, Any]]) -> dict[str, Score]:
    """Means over seeds by run, in the order of the rows."""
    runs = list(dict.fromkeys(row["run"] for row in rows))
    return {run: _score([row for row in rows if row["run"] == run]) for run in runs}


def _score(rows: list[dict[str, Any]]) -> Score:
    return Score(
        {row["seed"]: statistics.mean(row["bleu"].values()) for row in rows},
        {test: statistics.mean(row["bleu"][test] for row in rows) for test in TESTS},
        statistics.mean(statistics.mean(row["perplexity"].values()) for row in rows),
        statistics.mean(row["bytes"] for row in rows),
    )


def _table(paper: dict[str, float], found: dict[str, Score]) -> str:
    heads = ["run", "the paper", "BLEU", *TESTS.values(), "perplexity", "seeds", "bytes"]
    rows = [
        [
            f"`{run}`",
            f"{paper[run]:.2f}" if run in paper else "",
            mean_of_seeds(score.by_seed.values()),
            *(f"{score.by_test[test]:.2f}" for test in TESTS),
            f"{score.perplexity:.2f}",
            str(len(score.by_seed)),
            f"{score.bytes:,.0f}",
        ]
        for run, score in found.items()
    ]
    return markdown_table(heads, rows)


def _verdicts(paper: dict[str, float], found: dict[str, Score], floats: dict[str, Score]) -> str:
    """What each run costs or gains over the float student that it is to be held against."""
    lines = []
    for run, score in found.items():
        rival, of_seeds = _rival(run, floats), gains(run, score, floats)
        if of_seeds:
            theirs = f" (the paper: {paper[run] - paper[FLOAT]:+.2f})" if run in paper else ""
            lines.append(
                f"- `{run}`: {mean_of_seeds(of_seeds, '+')} BLEU{theirs} over `{rival}`, in "
                f"{score.bytes / floats[rival].bytes:.1%} of its bytes."
            )
    return "\n".join(lines)


def gains(run: str, score: Score, floats: dict[str, Score]) -> list[float]:
    """BLEU over the float student that the run is to be held against, by seed; none of itself.

    Those of the same seeds are compared: a seed has a student of its own to start from.
    """
    rival = _rival(run, floats)
    if run == rival or rival not in floats:
        return []
    others = floats[rival].by_seed
    return [bleu - others[seed] for seed, bleu in score.by_seed.items() if seed in others]


def _rival(run: str, floats: Collection[str]) -> str:
    """The float student that the run is to be held against."""
    return TRAINED_ON if run.startswith(TRAINED) and TRAINED_ON in floats else FLOAT


def mean_of_seeds(values: Collection[float], sign: str = "") -> str:
    """The mean over seeds, and its standard deviation where there are several."""
    spread = f" ± {statistics.stdev(values):.2f}" if len(values) > 1 else ""
    return f"{statistics.mean(values):{sign}.2f}{spread}"
