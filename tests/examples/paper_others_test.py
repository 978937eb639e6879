"""The paper's tables beyond its first: figures, commands, and translations of ours beside them."""

import re

import example_modules
import numpy as np
import pytest
import translation_results
from paper_others import CORPORA, others
from paper_results import PAGE, load

PAPER = load()[0]
TEXT = PAGE.read_text(encoding="utf-8").split("## The paper's other tables\n")[1]
PARTS = dict(re.findall(r"### ([^\n]+)\n\n(.+?)(?=\n### |\Z)", TEXT, re.DOTALL))


def row_of(part, name):
    """What stands after the name in the only row of that name."""
    (line,) = re.findall(rf"^\| `?{name}`? \|(.*)\|$", part, re.MULTILINE)
    return [cell.strip() for cell in line.split("|")]


@pytest.mark.parametrize("title", PAPER["others"])
def test_figures_of_the_paper_stand_on_the_page(title):
    table = PAPER["others"][title]
    assert "| " + " | ".join(table["heads"]) + " |" in PARTS[title]
    for name, *figures in table["rows"]:
        told = row_of(PARTS[title], name)
        assert [float(cell) if cell else None for cell in told] == figures


def test_translations_of_the_paper_and_ours_stand_on_the_page():
    part, rows = PARTS["German to English"], load()[2]["rows"]
    for run in PAPER["translation"]["bleu"]:
        *theirs, ours = row_of(part, run)
        expected = [PAPER[name][of][run] for name in CORPORA for of in ("bleu", "parameters")]
        assert [float(cell) for cell in theirs] == expected
        of_run = [list(row["bleu"].values()) for row in rows if row["run"] == run]
        assert abs(float(ours.split()[0]) - np.mean(of_run)) <= 0.005 + 1e-9


def translation(run, seed, bleu, **way):
    tests = dict.fromkeys(translation_results.TESTS, bleu)
    return {"run": run, "seed": seed, "bleu": tests, "perplexity": tests, "bytes": 100, **way}


def test_what_quantizing_costs_is_held_against_floats_of_the_seed():
    rows = [translation("word", seed, 10.0) for seed in (1, 2)]
    rows += [translation("continued", seed, 20.0 + seed, epochs=8) for seed in (1, 2)]
    rows += [translation("quantized_4bit", 2, 21.5, epochs=8)]
    rows += [translation("quantized_2bit", 1, 30.0, epochs=9)]
    text = others(PAPER, rows).split("### German to English")[1]
    four_bits = row_of(text, "quantized_4bit` over floats")
    assert four_bits == ["-0.22", "", "+5.11", "", "-0.50"]
    assert row_of(text, "quantized_2bit` over floats") == [""] * 5, "it was trained on otherwise"
    assert row_of(text, "word")[-1] == "10.00 ± 0.00"
    assert row_of(text, "teacher")[-1] == ""


def test_the_programs_take_the_commands_of_the_page(tmp_path):
    lines = TEXT.replace("\\\n", "").replace("=DATA", f"={tmp_path}")
    wide, imagenet = re.findall(r"^    python examples/(.+)$", lines, re.MULTILINE)
    refused = example_modules.run_here(*wide.split()).end
    assert refused.startswith(f"cifar_wide_resnet: {tmp_path} has no cifar-100"), "of the data"
    process = example_modules.run(*imagenet.split(), "--cost")
    assert process.returncode == 0, process.stderr
