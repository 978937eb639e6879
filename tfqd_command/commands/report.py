"""Writes a page about quantized files: what is in them, and that each answers as it should.

PATH is a .tfqd archive of any name, a quantized .keras file, or a folder with files that
tfqd has written: the page shows the tensors of its first archive, and runs every file.
With --data, labels among it, it shows how good each file is, too.

  tfqd report out/ --to=report.html --data=digits.npz
"""

import pathlib
from collections.abc import Iterable, Mapping
from typing import Any

from absl import flags

from tfqd_command.command import Result
from tfqd_command.data import Data, check_source, define_data_flag, load_data
from tfqd_command.judging import Judge
from tfqd_command.models import load_for_export
from tfqd_command.outputs import BATCH, answers, check_page, check_writable
from tfqd_command.starting import warn
from tfqd_command.tables import table
from tfqd_command.training_task import training_task_of

ARGUMENTS = ("PATH",)
_KINDS = ("tfqd", "tflite", "keras")


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_string("to", "report.html", "the page to write", flag_values=values)
    define_data_flag(values)


def check(arguments: list[str], values: flags.FlagValues) -> None:
    check_page(values.to, {"the quantized file": arguments[0]}, "--to")
    if values.data is not None:
        check_source(values.data)


def run(arguments: list[str], values: flags.FlagValues) -> Result:
    import tfqd
    from tfqd.export.paths import check_regular
    from tfqd.export.saved_model_file import bytes_read

    (path,) = arguments
    check_writable(values.to)
    check_regular(pathlib.Path(path))
    # The module of --data may register layers of the files.
    data = None if values.data is None else load_data(values.data)
    if data is not None and data.y is None:
        raise ValueError("--data needs labels y, to measure files by")
    candidates = _candidates(pathlib.Path(path))
    shown = _shown(path, candidates)
    ran, left_out = _ran(candidates)
    # A model in training has tensors to show, and is no export to run.
    if not ran and (data is not None or isinstance(shown, tfqd.CompressedModel)):
        raise ValueError(f"{path} has no file that can be run: {'; '.join(left_out)}")
    for reason in left_out:
        warn(f"left out: {reason}")
    sizes = {each: bytes_read(pathlib.Path(each)) for each in ran}
    results, metric = {}, "accuracy"
    if data is not None:
        scores, metric = _scores(ran, data)
        results = {each: (sizes[each], score) for each, score in scores.items()}
    tfqd.html_report(shown, values.to, title=path, results=results, metric=metric, files=[*ran])
    files = [
        {"source": each, "kind": found.kind, "bytes": sizes[each]}
        | {"largest_difference": found.largest_difference}
        | ({"score": results[each][1]} if each in results else {})
        for each, found in ran.items()
    ]
    rows = [
        [each["source"], each["bytes"], f"{each['largest_difference']:.2g}", each.get("score")]
        for each in files
    ]
    columns = ("file", "bytes", "difference", metric if results else "")
    found = {"source": path, "path": values.to, "files": files}
    return Result(found, table(columns, rows, f"see {values.to}"))


def _candidates(path: pathlib.Path) -> dict[str, str]:
    """What to look at, with its kind: the path, or what a folder that is no SavedModel holds."""
    from tfqd.export.file_kind import file_kind
    from tfqd.export.saved_model_file import is_saved_model

    if not path.is_dir() or is_saved_model(path):
        return {str(path): file_kind(path)}
    found = {}
    for each in sorted(path.iterdir()):
        try:
            kind = file_kind(each)
        except OSError as error:
            warn(f"left out: {error}")
            continue
        if kind in _KINDS or is_saved_model(each):
            found[str(each)] = kind
    return found


def _shown(path: str, candidates: Mapping[str, str]) -> Any:
    """The model whose tensors the page shows: of the first archive, else of a .keras file."""
    from tfqd.wrapping.quantized import is_quantized

    for kind in ("tfqd", "keras"):
        for candidate, its_kind in candidates.items():
            if its_kind == kind:
                model = load_for_export(candidate)
                if kind == "tfqd" or is_quantized(model):
                    return model
    raise ValueError(f"{path} must be or hold a .tfqd archive or a quantized .keras file")


def _ran(candidates: Iterable[str]) -> tuple[dict[str, Any], list[str]]:
    """What came of running each file, and why others, which tfqd has not exported, are left out."""
    from tfqd import export
    from tfqd.export.paths import naming

    found, left_out = {}, []
    for path in candidates:
        try:
            with naming(path):
                found[path] = export.verify(path)
        except export.VerificationError:
            raise
        except ValueError as error:
            left_out.append(str(error))
    return found, left_out


def _scores(ran: dict[str, Any], data: Data) -> tuple[dict[str, float], str]:
    """How good each file is, and what that is called."""
    x, _ = data.measured
    outputs = {path: answers(path, x) for path in ran}
    judges = {
        path: Judge(training_task_of(outputs[path][:BATCH], data), None, data) for path in ran
    }
    scores = {path: judge.score_of(outputs[path]) for path, judge in judges.items()}
    return scores, next((judge.task.metric for judge in judges.values()), "accuracy")
