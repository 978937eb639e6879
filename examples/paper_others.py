"""The part of `docs/results.md` with the paper's tables beyond its first."""

from collections.abc import Sequence
from typing import Any

from markdown_tables import markdown_table
from translation_results import FLOAT, TRAINED_ON, first_trained, gains, mean_of_seeds, scores

# Columns that are no accuracies.
AS_STATED = ("million parameters", "MB")
QUANTIZED = ("quantized_4bit", "quantized_2bit")
CORPORA = {"translation": "OpenNMT's test set", "wmt13": "WMT13"}


def others(paper: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """The part of the page.

    Args:
        paper: the paper's own figures.
        rows: of `translate_lstm.py`.
    """
    parts = [INTRODUCTION]
    for title, table in paper["others"].items():
        parts += [f"### {title}", _table(**table), HERE[title]]
    source = paper["translation"]["source"]
    told = TRANSLATION.format(source=source, start=FLOAT, trained_on=TRAINED_ON)
    return "\n\n".join([*parts, told, _translations(paper, rows)])


def _table(heads: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    lines = []
    for name, *figures in rows:
        cells = [_figure(*cell) for cell in zip(heads[1:], figures, strict=True)]
        lines.append([f"`{name}`" if heads[0] == "run" else name, *cells])
    return markdown_table(heads, lines)


def _figure(head: str, figure: float | None) -> str:
    if figure is None:
        return ""
    return f"{figure:g}" if head in AS_STATED else f"{figure:.2f}"


def _translations(paper: dict[str, Any], rows: Sequence[dict[str, Any]]) -> str:
    """BLEU on the paper's corpora and ours, and what quantizing gains or costs on each."""
    corpora = [paper[name] for name in CORPORA]
    found = scores(first_trained(rows))
    lines = []
    for run in corpora[0]["bleu"]:
        cells = [f"`{run}`"]
        for corpus in corpora:
            cells += [f"{corpus['bleu'][run]:.2f}", f"{corpus['parameters'][run]:g}"]
        ours = found[run].by_seed.values() if run in found else []
        lines.append([*cells, mean_of_seeds(ours) if ours else ""])
    for run in QUANTIZED:
        cells = [f"`{run}` over floats"]
        for bleu in (corpus["bleu"] for corpus in corpora):
            cells += [f"{bleu[run] - bleu[FLOAT]:+.2f}" if run in bleu else "", ""]
        ours = gains(run, found[run], found) if run in found else []
        lines.append([*cells, mean_of_seeds(ours, "+") if ours else ""])
    heads = ["run"]
    for name in CORPORA.values():
        heads += [name, AS_STATED[0]]
    return markdown_table([*heads, "ours, Multi30k"], lines)


INTRODUCTION = """## The paper's other tables

The paper's figures, with runs named as above: accuracies in percent, sizes in MB as it states them;
what is empty was not found. Of ours there is translation alone; the others were not made here."""

# What the examples have of a table's networks, by its title.
HERE = {
    "CIFAR-10, a deeper student": "No example has this student.",
    "CIFAR-100": """\
WRN-28-10 and WRN-22-8 have these sizes. The command that makes the table with them is

    python examples/cifar_wide_resnet.py --data_dir=DATA --classes=100 \\
      --teacher=28-10 --student=22-8

It was run on digits alone, by its `--smoke`. With `--classes=10` it trains wide networks on
CIFAR-10, for which the paper's figures were not found.""",
    "ImageNet (Table 7)": """\
Networks are quantized in buckets of 256. The command that makes the one for ResNet-34 is

    python examples/imagenet_resnet.py --data_dir=RECORDS --devices=8 --runs=quantized_4bit

It was run on random images alone, by its `--smoke`, and counts what it takes by `--cost`: a step of
256 images takes 12.7 TFLOP (the teacher's forward pass, and three times the student's), 0.82 GB of
weights, gradients and momentum, and at most 8.6 GB for the outputs of all the student's layers in
16 bits. The 90 epochs of 5,004 steps are 5.7 EFLOP: 16 hours at 100 TFLOP/s sustained. Quantizing
45.7 million weights anew in every step is memory traffic of some 0.4 GB, which does not grow with
the batch. No example has the ResNet-34 of twice the width.""",
}

TRANSLATION = """### German to English

BLEU of the paper ({source}) beside that of our first
table of translations. Corpora and networks are others, so that only what quantizing gains or costs
compares: the paper's is over `{start}`, ours over `{trained_on}`. What other methods cost stands
above."""
