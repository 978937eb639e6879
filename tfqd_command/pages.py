"""The HTML page about what a command has written or found."""

from collections.abc import Sequence
from typing import Any

from tfqd_command.judging import Measured
from tfqd_command.models import float_bytes
from tfqd_command.outputs import Written


def page_of_compression(
    page: str,
    path: str,
    model: Any,
    student: Any,
    written: Sequence[Written],
    measured: Measured | None = None,
    record: Any = None,
) -> None:
    """Writes the page about a model that was compressed.

    Args:
        page: file to write.
        path: of the float model.
        model: the float model.
        student: the quantized one.
        written: the files that were made of it.
        measured: how good they are; None where nothing was measured.
        record: of the training; None where none was kept.
    """
    import tfqd

    results, metric = {}, "accuracy"
    if measured is not None:
        metric = measured.judge.task.metric
        results[path] = (float_bytes(model), measured.scores["float"])
        for file, score in zip(written, measured.of_files, strict=True):
            results[file.path] = (file.bytes, score)
    tfqd.html_report(
        student,
        page,
        title=path,
        results=results,
        metric=metric,
        record=record,
        # Weights alone cannot be run.
        files=[file.path for file in written if file.kind != "safetensors"],
    )
