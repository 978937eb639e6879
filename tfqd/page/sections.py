"""The parts of the page, from its head to its tables."""

from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple
from xml.etree.ElementTree import Element

from tfqd.callbacks import Epoch
from tfqd.charts import evaluations, models, trainings
from tfqd.charts.sources import Source, chosen
from tfqd.compressed.records import payload_bytes
from tfqd.compressed.sizes import model_size, tensor_size
from tfqd.evaluation import SIDES, Evaluation
from tfqd.export import Verification
from tfqd.page.elements import element
from tfqd.page.loading import loading_code
from tfqd.page.svg import figure


class File(NamedTuple):
    """An exported file that was run.

    path: of the file or SavedModel.
    bytes: on disk.
    found: what came of running it.
    """

    path: str
    bytes: int
    found: Verification


def head(title: str, source: Source, archive: int, files: Sequence[File]) -> list[Element]:
    """The title and the few numbers that matter most.

    Args:
        title: of the page.
        source: the model.
        archive: bytes of its archive.
        files: exported ones.
    """
    size = model_size(source.compressed)
    quantized = source.compressed.quantized.values()
    count = sum(tensor.size for tensor in quantized)
    entropy = sum(tensor_size(tensor).entropy * tensor.size for tensor in quantized) / count
    tiles = [
        (f"{archive:,}", "bytes as a .tfqd archive"),
        (
            f"{size.float_bytes / archive:.1f}\u00d7",
            f"smaller than {size.float_bytes:,} float bytes",
        ),
        (f"{size.bits:.3g}", f"bits per weight, their entropy {entropy:.2f}"),
        (f"{count:,}", f"quantized weights of {size.weights:,}"),
    ]
    if files:
        tiles.append((f"{len(files)}", "files, each run and held against the answers in it"))
    made = [element("div", element("b", a), element("span", b), class_="tile") for a, b in tiles]
    kinds = sorted({tensor.spec.get("kind", "codes") for tensor in quantized})
    below = f"{len(quantized)} tensors quantized by {' and '.join(kinds)}."
    return [
        element("h1", title),
        element("p", below, class_="soft"),
        element("div", made, class_="tiles"),
    ]


def results_section(results: Mapping[str, tuple[float, float]], metric: str) -> Iterator[Element]:
    """Scores against bytes, as a chart and a table."""
    if not results:
        return
    yield element("h2", "Results")
    rows = [(name, f"{size:,}", f"{score:.4f}") for name, (size, score) in results.items()]
    chart = _card(figure(models.tradeoff(results, metric)))
    listed = element("div", _table(("model", "bytes", metric), rows), class_="card")
    yield element("div", chart, listed, class_="cards")


def evaluation_section(evaluation: Evaluation | None) -> Iterator[Element]:
    """Scores against bytes, all measures as a radar, and a table a side."""
    if evaluation is None:
        return
    yield element("h2", "Evaluation")
    held = f"{evaluation.examples:,} examples; held against {evaluation.reference}."
    yield element("p", held)
    charts = evaluations.pareto(evaluation), evaluations.radar(evaluation)
    yield element("div", [_card(figure(each)) for each in charts if each], class_="cards")
    for side in SIDES:
        measures = evaluation.measures(side)
        if measures:
            columns = (side, *(measure.title for measure in measures))
            table = _table(columns, evaluation.rows(measures))
            yield element("div", table, class_="card wide")
    if evaluation.compiled:
        columns = ("as compiled", *evaluation.compiled_names)
        yield element("div", _table(columns, evaluation.compiled_rows()), class_="card wide")


def files_section(files: Sequence[File], keras_version: str) -> Iterator[Element]:
    """Exported files: bytes, verification, and how to load them."""
    if not files:
        return
    yield element("h2", "Files")
    yield element(
        "p",
        "Each was run when this page was made, on inputs in it, and held against the answers of "
        "the model that it was made from.",
    )
    cards = []
    for path, size, found in files:
        agrees = f"answers differ by {found.largest_difference:.2g} of the largest output"
        limit = f", at most {found.tolerance:.2g} is allowed"
        checked = element("p", element("span", "verified: ", class_="good"), agrees, limit)
        checked.set("class", "soft")
        code = element("pre", loading_code(found.kind, path, keras_version))
        cards.append(_card(element("h3", f"{path}: {size:,} bytes"), checked, code))
    yield element("div", cards, class_="cards")


def training_section(epochs: Sequence[Epoch]) -> Iterator[Element]:
    """Losses and code flips by epoch."""
    if not epochs:
        return
    yield element("h2", "Training")
    yield element(
        "p",
        "Few codes should still change at the end; thin lines are single tensors.",
    )
    charts = [trainings.losses(epochs), trainings.flips(epochs)]
    yield element("div", [_card(figure(chart)) for chart in charts if chart.lines], class_="cards")


def sizes_section(source: Source) -> Iterator[Element]:
    """Bits and bytes by tensor."""
    yield element("h2", "Bits and bytes")
    charts = models.bits(source.compressed), models.sizes(source.compressed)
    yield element("div", [_card(figure(chart)) for chart in charts], class_="cards")


def weights_section(source: Source, epochs: Sequence[Epoch]) -> Iterator[Element]:
    """Weights and levels of the largest tensors, and how the levels moved."""
    tensors = source.compressed.quantized
    drawn = chosen({path: tensor.size for path, tensor in tensors.items()}, None)
    yield element("h2", "Weights and levels")
    which = "" if len(drawn) == len(tensors) else f" The {len(drawn)} largest of {len(tensors)}."
    moves = " Below, how they moved from epoch to epoch." if epochs else ""
    yield element("p", f"A rule stands at each level that a code takes.{moves}{which}")
    cards = []
    for path in drawn:
        chart = models.histogram(path, tensors[path], source.weights.get(path))
        figures = [figure(chart)]
        moved = trainings.levels(epochs, path)
        if moved.lines:
            figures.append(figure(moved._replace(title="Levels by epoch")))
        cards.append(_card(*figures))
    yield element("div", cards, class_="cards")


def tensors_section(source: Source) -> Iterator[Element]:
    """All tensors with their numbers."""
    yield element("h2", "Tensors")
    rows = []
    for path, tensor in source.compressed.quantized.items():
        size = tensor_size(tensor)
        shape = "x".join(map(str, tensor.shape))
        kind, codes = tensor.spec.get("kind", "codes"), (tensor.bits, tensor.levels)
        numbers = (*map(str, codes), f"{size.entropy:.3f}", f"{payload_bytes(tensor):,}")
        rows.append((path, shape, kind, *numbers))
    for path, array in source.compressed.rest.items():
        shape = "x".join(map(str, array.shape)) or "scalar"
        bits = str(8 * array.itemsize)
        rows.append((path, shape, array.dtype.name, bits, "", "", f"{array.nbytes:,}"))
    columns = ("tensor", "shape", "method", "bits", "levels", "entropy", "bytes")
    yield element("div", _table(columns, rows), class_="card wide")


def _card(*content: Element) -> Element:
    return element("div", *content, class_="card")


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Element:
    headings = element("tr", [element("th", column) for column in columns])
    lines = [element("tr", [element("td", cell) for cell in row]) for row in rows]
    return element("table", element("thead", headings), element("tbody", lines))
