"""`tfqd.html_report`: a quantized model on one page."""

import os
import pathlib
from collections.abc import Mapping, Sequence
from typing import Any
from xml.etree.ElementTree import Element

from tfqd.callbacks import TrainingRecord
from tfqd.charts.sources import source_of
from tfqd.compressed.atomic import replace_file
from tfqd.evaluation import Evaluation
from tfqd.export.archive_file import archive_size_in_any_case
from tfqd.export.endings import check_ending
from tfqd.export.paths import bytes_on_disk
from tfqd.export.saved_model_file import newest_version
from tfqd.export.verification import verify
from tfqd.page.elements import document, element
from tfqd.page.sections import (
    File,
    evaluation_section,
    files_section,
    head,
    results_section,
    sizes_section,
    tensors_section,
    training_section,
    weights_section,
)
from tfqd.page.style import style
from tfqd.version import __version__


def html_report(
    model: Any,
    path: str | os.PathLike,
    *,
    title: str = "Quantized model",
    results: Mapping[str, tuple[float, float]] | None = None,
    metric: str = "accuracy",
    evaluation: Evaluation | None = None,
    record: TrainingRecord | None = None,
    files: str | os.PathLike | Sequence[str | os.PathLike] = (),
) -> None:
    """Writes a page about a quantized model: one HTML file that needs no network.

    It shows bits and bytes by tensor, histograms of the weights with their levels, and,
    as far as they are given: scores against bytes, what moved in training, and exported
    files with what came of running them and how to load them. Of a model that random inputs do
    not suit, as one of logarithms, the bytes of the archive are those without probes.

    Args:
        model: a quantized model of Keras 3 or tf_keras, of a Distiller its student, or a
            `tfqd.CompressedModel`, whose float weights are not known and whose quantized ones
            are shown.
        path: file to write or replace, ``*.html``.
        title: of the page.
        results: (bytes, score) by name, of the models and files to compare.
        metric: what the score is called.
        evaluation: of `tfqd.evaluate`.
        record: was among the callbacks of `fit`.
        files: one or several that tfqd has exported; each is run and held against the answers
            in it, those of the model that it was made from, which need not be this one.

    Raises:
        TypeError: when `model` is neither.
        ValueError: when it is not quantized, or a file answers otherwise than it should,
            or is none of tfqd's, and for a path of another ending, with the call that
            writes such files.
        OSError: when a file cannot be read, or the page not written.

    Example:

    >>> _ = tfqd.save(quantized, "small.tfqd")
    >>> tfqd.html_report(quantized, "report.html", files=["small.tfqd"])
    """
    check_ending(path, ".html")
    source = source_of(model)
    epochs = [] if record is None else record.epochs
    files = [files] if isinstance(files, str | os.PathLike) else files
    ran = [_run(pathlib.Path(each)) for each in files]
    parts = [
        *head(title, source, archive_size_in_any_case(source.compressed), ran),
        *results_section(results or {}, metric),
        *evaluation_section(evaluation),
        *files_section(ran, source.compressed.keras_version),
        *sizes_section(source),
        *training_section(epochs),
        *weights_section(source, epochs),
        *tensors_section(source),
        element("footer", f"Made by tfqd {__version__}."),
    ]
    replace_file(path, [document(_page(title, parts)).encode()])


def _run(path: pathlib.Path) -> File:
    found = verify(path)
    path = newest_version(path) if found.kind == "saved_model" else path
    return File(str(path), bytes_on_disk(path), found)


def _page(title: str, parts: Sequence[Element]) -> Element:
    viewport = "width=device-width, initial-scale=1"
    return element(
        "html",
        element(
            "head",
            element("meta", charset="utf-8"),
            element("meta", name="viewport", content=viewport),
            element("title", title),
            element("style", style()),
        ),
        element("body", element("main", parts)),
        lang="en",
    )
