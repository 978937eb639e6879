"""The page and the figure of the paper's experiments say what the results say."""

import pathlib
import re
import xml.etree.ElementTree as ET

import example_modules  # noqa: F401
import numpy as np
import paper_results
import pytest
import translation_results
from paper_results import FIGURE, PAGE, cells, figure, load, page

SVG = "{http://www.w3.org/2000/svg}"


def test_page_and_figure_are_those_of_the_committed_results():
    paper, ours, translated = load()
    assert PAGE.read_text(encoding="utf-8") == page(paper, ours, translated)
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
    ours = load()[1]
    marks = ET.fromstring(FIGURE.read_text(encoding="utf-8")).findall(f".//{SVG}circle")
    runs = [key for key in cells(ours) if key[1] != "teacher"]
    assert len(marks) == len(runs)
    named = {mark.find(f"{SVG}title").text.split(":")[0] for mark in marks}
    assert named == {f"{student} {run} {recipe}" for recipe, student, run in runs}


SHARED = {
    "recipe": "paper",
    "float_epochs": 8,
    "budget": 0.04,
    "batch": 25,
    "precision": "float32",
    "data": "CIFAR-10",
    "teacher": "t",
    "teacher_digest": "d",
    "machine": "m",
    "student": "S3",
    "bytes": 1000,
}


def of(seed=1, facts=None, **accuracies):
    """Results of S3, one seed, with these accuracies."""
    facts = {**SHARED, "seed": seed, **(facts or {})}
    teacher = {**facts, "student": "teacher", "run": "labels", "accuracy": 90.0}
    return {
        "rows": [teacher, *({**facts, "run": run, "accuracy": a} for run, a in accuracies.items())]
    }


def together(*several):
    return {"rows": [row for each in several for row in each["rows"]]}


@pytest.mark.parametrize(
    "facts",
    [
        {"float_epochs": 200},
        {"budget": 0.041},
        {"batch": 50},
        {"precision": "mixed_bfloat16"},
        {"data": "lines"},
        {"teacher": "u"},
        {"teacher_digest": "e"},
    ],
)
def test_rows_of_other_experiments_are_not_averaged(facts):
    rows = together(of(distilled=70.0), of(2, facts, distilled=71.0))
    with pytest.raises(ValueError, match=f"must be alike in {next(iter(facts))}; got"):
        cells(rows)


def test_a_seed_counts_once():
    rows = together(of(distilled=70.0), of(distilled=70.0), of(2, distilled=72.0))
    cell = cells(rows)["paper", "S3", "distilled"]
    assert (cell.accuracy, cell.seeds) == (71.0, 2)


def test_each_recipe_has_its_epochs_bytes_and_command():
    paper, _, translated = load()
    modern = {"recipe": "modern", "float_epochs": 50, "budget": 0.25, "batch": 128, "bytes": 2000}
    rows = together(
        of(labels=60.0, distilled=70.0), of(7, {**modern, "epochs": 50}, distilled=75.0)
    )
    text = page(paper, rows, translated)
    assert "| `distilled` | 78.20 | 70.00 | 0 | 1 | 1,000 |  | 75.00 | 50 | 1 | 2,000 |  |" in text
    assert "--budget=0.04 --students=S3 --seeds=1 \\\n" in text
    assert "--budget=0.25 --recipe=modern --students=S3 --seeds=7 \\\n" in text
    assert "8 epochs of a float student by the paper recipe, and 50 epochs" in text


def test_students_of_other_settings_have_a_command_of_their_own():
    paper, _, translated = load()
    facts = {"student": "S1", "float_epochs": 4, "budget": 0.02, "precision": "mixed_bfloat16"}
    rows = together(of(distilled=70.0), of(1, facts, distilled=75.0))
    text = page(paper, rows, translated)
    assert "--budget=0.04 --students=S3 --seeds=1 \\\n" in text
    assert "--budget=0.02 --precision=mixed_bfloat16 --students=S1 --seeds=1 \\\n" in text
    assert "8 epochs of a float S3 and 4 epochs of a float S1 where" in text
    assert "Layers of S1 computed in bfloat16, also when measured." in text


@pytest.mark.parametrize(
    ("distilled", "verdict"),
    [(75.0, "Confirmed"), (71.0, "Too close to tell"), (65.0, "Contradicted")],
)
def test_an_ordering_is_judged_by_its_difference(distilled, verdict):
    paper, _, translated = load()
    text = page(paper, of(labels=70.0, distilled=distilled), translated)
    assert f"- *{verdict}.* A teacher makes" in text
    assert f"ours: {distilled - 70:+.2f}" in text
    assert text.count("*Not tried.*") == len(paper_results.CLAIMS) - 1


def test_seeds_that_differ_leave_an_ordering_open():
    paper, _, translated = load()
    spreads = enumerate((-6.0, 0.0, 6.0))
    rows = together(*(of(i, labels=70.0 - by, distilled=73.0 + by) for i, by in spreads))
    text = page(paper, rows, translated)
    assert "- *Too close to tell.* A teacher makes" in text
    assert "| 73.00 ± 6.00 |" in text


def test_what_quantizing_loses_is_held_against_the_distilled_student():
    paper, _, translated = load()
    text = page(paper, of(labels=60.0, distilled=70.0, quantized_4bit=69.5), translated)
    assert (
        "at 4 bits is behind the distilled float student by 0.50 points (the paper: behind by 0.45)"
        in text
    )
    assert "at 2 bits is behind" not in text


def test_a_recipe_that_trains_on_says_so_of_what_it_gains():
    paper, _, translated = load()
    modern = of(1, {"recipe": "modern", "epochs": 4}, distilled=80.0, quantized_2bit=81.5)
    rows = together(of(labels=60.0, distilled=70.0), modern)
    text = page(paper, rows, translated)
    assert (
        "at 2 bits by the modern recipe, which trains that student on for 4 epochs, is ahead of "
        "the distilled float student by 1.50 points (the paper: behind by 11.18)"
    ) in text


def way_of(row):
    """How the student is trained on; empty where it is not."""
    return tuple(row[name] for name in translation_results.TRAINED_ON_BY if name in row)


def test_translations_stand_in_the_table_with_their_means():
    text = PAGE.read_text(encoding="utf-8").split("## Translation\n")[1].split("\n## ")[0]
    rows = load()[2]["rows"]
    parts = text.split("### With ")
    ways = list(dict.fromkeys(way_of(row) for row in rows if way_of(row)))
    for way, run in {(way_of(row), row["run"]) for row in rows}:
        part = parts[ways.index(way) if way else 0]
        (line,) = re.findall(rf"^\| `{run}` .*$", part, re.MULTILINE)
        of_run = [row for row in rows if (way_of(row), row["run"]) == (way, run)]
        bleu = np.mean([list(row["bleu"].values()) for row in of_run])
        stored = np.mean([row["bytes"] for row in of_run])
        cells = [cell.strip() for cell in line.split("|")]
        assert abs(float(cells[3].split()[0]) - bleu) <= 0.005 + 1e-9
        assert f"| {len(of_run)} | {stored:,.0f} |" in line


def translation(run, seed, bleu, **settings):
    tests = dict.fromkeys(translation_results.TESTS, bleu)
    facts = dict.fromkeys(("epochs", "dropout", *translation_results.SETTINGS), 1)
    return {
        **facts,
        "run": run,
        "seed": seed,
        "teacher_seed": seed,
        "bleu": tests,
        "perplexity": tests,
        "bytes": 100,
    } | settings


def test_a_translator_is_judged_by_what_it_loses_to_its_float_self():
    paper = {"source": "s", "bleu": {"word": 15.0, "quantized_4bit": 14.5}}
    rows = [translation("word", seed, 20.0 + seed) for seed in (1, 3)]
    rows += [translation("post_training_4bit", seed, 19.0, bytes=20) for seed in (1, 3)]
    rows += [translation("quantized_4bit", seed, 20.0, bytes=20) for seed in (1, 3)]
    rows += [translation("continued", 1, 23.0), translation("labels", 2, 30.0)]
    text = translation_results.section(paper, rows)
    assert "| `word` | 15.00 | 22.00 ± 1.41 |" in text
    assert "- `post_training_4bit`: -3.00 ± 1.41 BLEU over `word`, in 20.0% of its bytes." in text
    assert "- `quantized_4bit`: -3.00 BLEU (the paper: -0.50) over `continued`, in 20.0%" in text
    assert "- `continued`: +2.00 BLEU over `word`, in 100.0% of its bytes." in text, "seed 1 alone"
    assert "- `labels`" not in text, "no seed in common"


def test_the_command_of_the_page_has_the_epochs_of_float_students():
    paper = {"source": "s", "bleu": {}}
    rows = [translation(run, 1, 20.0, epochs=2, float_epochs=30) for run in ("word", "labels")]
    text = translation_results.section(paper, rows)
    assert " --epochs=2 --float_epochs=30 " in text
    assert "Trainings from random weights have 30 epochs, others 2;" in text
    assert " --epochs=1 --rate" in translation_results.section(paper, [translation("word", 1, 2.0)])


def test_the_command_of_the_page_has_the_seeds_and_their_teacher():
    paper = {"source": "s", "bleu": {}}
    seeds = (1, 2, 3)
    own = translation_results.section(paper, [translation("word", seed, 2.0) for seed in seeds])
    assert " --seeds=1,2,3 --results" in own
    rows = [translation("word", seed, 2.0, teacher_seed=1) for seed in seeds]
    text = translation_results.section(paper, rows)
    assert " --seeds=1,2,3 --teacher_seed=1 --results" in text


@pytest.mark.parametrize("method", translation_results.METHODS)
def test_a_method_that_has_rows_is_told_of(method):
    rows = [translation(run, 1, 20.0) for run in ("word", "continued", f"{method}_2bit")]
    text = translation_results.section({"source": "s", "bleu": {}}, rows)
    told = [name for name in translation_results.METHODS if f"`{name}_Nbit`" in text]
    assert told == [method]
    rival = "word" if method == "points" else "continued"  # Their weights are not trained.
    assert f"- `{method}_2bit`: +0.00 BLEU over `{rival}`" in text


def test_students_that_are_trained_on_for_longer_come_after_with_their_command():
    rows = [translation(run, 1, 20.0) for run in ("word", "continued", "quantized_2bit")]
    rows += [translation("continued", 1, 25.0, epochs=2)]
    rows += [translation("quantized_2bit", 1, 24.0, epochs=2, bytes=10)]
    text = translation_results.section({"source": "s", "bleu": {"word": 5.0}}, rows)
    main, longer = text.split("### With 2 epochs")
    assert " --epochs=1 " in main
    assert "- `quantized_2bit`: +0.00 BLEU over `continued`" in main
    assert "`--epochs=2 --seeds=1 --runs=continued,quantized_2bit`" in longer
    assert "- `continued`: +5.00 BLEU over `word`" in longer
    assert "- `quantized_2bit`: -1.00 BLEU over `continued`, in 10.0% of its bytes." in longer
    assert "| `word` |" not in longer


def test_students_that_are_trained_on_with_another_dropout_have_a_table_of_their_own():
    rows = [translation("continued", 1, 20.0), translation("continued", 1, 22.0, dropout=0.1)]
    rows += [translation("learned_2bit", 1, 21.0, dropout=0.1)]
    rows += [translation("learned_2bit", 1, 23.0, dropout=0.1, epochs=2)]
    start = {
        k: v for k, v in translation("word", 1, 19.0).items() if k not in ("epochs", "dropout")
    }
    text = translation_results.section({"source": "s", "bleu": {}}, [start, *rows])
    main, lighter, longer = text.split("### With ")
    assert "- `continued`: +1.00 BLEU over `word`" in main
    assert lighter.startswith("a Dropout of 0.1\n")
    assert "`--dropout=0.1 --seeds=1 --runs=continued,learned_2bit`" in lighter
    assert "- `learned_2bit`: -1.00 BLEU over `continued`" in lighter
    assert longer.startswith("2 epochs and a Dropout of 0.1\n")
    assert "`--epochs=2 --dropout=0.1 --seeds=1 --runs=learned_2bit`" in longer


def test_students_of_another_machine_are_held_against_each_other_alone():
    rows = [translation("word", 1, 10.0), translation("continued", 1, 20.0)]
    another = {"start": "another student"}
    rows += [translation(run, 1, 30.0, **another) for run in ("continued", "even_2bit")]
    text = translation_results.section({"source": "s", "bleu": {}}, rows)
    main, other = text.split("### With another student\n")
    assert "`even_Nbit` are" in main
    assert "`--seeds=1 --runs=continued,even_2bit`" in other
    assert "other floats on another machine" in other
    assert "- `even_2bit`: +0.00 BLEU over `continued`" in other
    assert "over `word`" not in other


def test_the_pace_of_points_is_that_of_the_trainings():
    example = pathlib.Path(paper_results.__file__).with_name("translation_methods.py")
    (pace,) = re.findall(
        r"^POINTS_PACE = (\S+)$", example.read_text(encoding="utf-8"), re.MULTILINE
    )
    assert f"at {pace} times the rate" in translation_results.METHODS["points"]


def test_translators_of_other_settings_are_not_averaged():
    rows = [translation("word", 1, 20.0), translation("word", 2, 20.0, float_epochs=2)]
    with pytest.raises(ValueError, match="rows must be alike in float_epochs"):
        translation_results.section({"source": "s", "bleu": {}}, rows)
