"""Quantizes a model, trains it where there is data, and writes small files of it.

MODEL is a .keras or .h5 file of Keras 3 or tf_keras. --to names the files to write,
separated by commas: .tfqd, .tflite, .keras, a folder ending in / for TF Serving, or
.safetensors for the weights alone. Every file is run and compared before it appears, or
read where it has no model.

With --data the quantized model learns from the labels and from the float model, or a
better --teacher; without labels y from the teacher alone. An interrupted training
goes on when the same command is given again.

  tfqd compress model.keras --to=small.tfqd,small.tflite --bits=4 --data=digits.npz
"""

import os
from typing import Any

from absl import flags

from tfqd_command import budgets, outputs
from tfqd_command.command import Result, UsageError
from tfqd_command.data import Data, check_source, define_data_flag, load_data
from tfqd_command.judging import Judge, Measured
from tfqd_command.models import (
    check_inputs,
    check_one_input_and_output,
    float_bytes,
    load_model,
    load_teacher,
)
from tfqd_command.outputs import (
    BATCH,
    Written,
    answers,
    check_apart,
    check_page,
    check_writable,
    kind_of,
    write,
)
from tfqd_command.pages import page_of_compression
from tfqd_command.starting import warn
from tfqd_command.tables import table
from tfqd_command.training import Schedule, state_path, train
from tfqd_command.training_task import TrainingTask, training_task_of, warn_of_guesses

ARGUMENTS = ("MODEL",)
TRAINED = ("distill", "differentiable")
METHODS = ("post_training", *TRAINED)
_BITS = 4


def define_flags(values: flags.FlagValues) -> None:
    own = {"flag_values": values}
    flags.DEFINE_list("to", [], "files to write, separated by commas", **own)
    flags.DEFINE_integer("bits", None, f"bits per weight, 1 to 8; default {_BITS}", 1, 8, **own)
    budgets.define_flags(values)
    outputs.define_flags(values)
    flags.DEFINE_enum(
        "method",
        None,
        METHODS,
        "post_training trains nothing; distill learns weights and the steps of their grids, "
        "differentiable weights and codebooks. Default: distill with --data",
        **own,
    )
    define_data_flag(values)
    flags.DEFINE_string("teacher", None, "a better model to learn from; default MODEL", **own)
    flags.DEFINE_integer("epochs", 10, "epochs of training", 1, **own)
    flags.DEFINE_integer("batch_size", 64, "examples of a step", 1, **own)
    flags.DEFINE_float("learning_rate", 1e-3, "of Adam; falls to 0 along a cosine", 0.0, **own)
    flags.DEFINE_string("report", None, "a page to write about it all, REPORT.html", **own)
    flags.DEFINE_integer("seed", 0, "seed of the batches and of dropout", 0, **own)


def check(arguments: list[str], values: flags.FlagValues) -> None:
    targets = values.to
    sources = {"the model": arguments[0], "the teacher": values.teacher, "the data": values.data}
    if not targets:
        raise UsageError("compress needs --to=FILE[,FILE...]: what to write")
    for target in targets:
        kind_of(target)
        check_apart(target, sources, "--to=")
    if len({*map(os.path.realpath, targets)}) < len(targets):
        raise UsageError(f"--to names a file twice: {','.join(targets)}")
    if values.report is not None:
        check_page(values.report, sources, "--report")
    if values.bits is not None and values.budget is not None:
        raise UsageError("give either --bits or --budget")
    budgets.check(values)
    outputs.check_flags(values, targets)
    if values.data is not None:
        check_source(values.data)
    for name in ("budget", "teacher"):
        if getattr(values, name) is not None and values.data is None:
            raise UsageError(f"--{name} needs --data")
    if values.method in TRAINED and values.data is None:
        raise UsageError(f"--method={values.method} trains, which needs --data")
    if values.method == "post_training" and values.teacher is not None:
        raise UsageError("--method=post_training trains nothing and takes no --teacher")


def run(arguments: list[str], values: flags.FlagValues) -> Result:
    import keras

    import tfqd

    (path,) = arguments
    for target in [*values.to, *filter(None, [values.report])]:
        check_writable(target)
    budgets.check_text(values.budget)
    keras.utils.set_random_seed(values.seed)
    # The module of --data may register layers of the model.
    data = None if values.data is None else load_data(values.data)
    model = load_model(path)
    if tfqd.wrapping.quantized.is_quantized(model):
        raise ValueError(f"{path} is quantized already; tfqd convert makes other files of it")
    if data is not None:
        check_one_input_and_output(path, model)
        check_inputs(path, model, values.data, data.x)
    method = values.method or ("post_training" if data is None else "distill")
    if data is None:
        warn(
            "without --data nothing is trained, which costs accuracy below 8 bits: on CIFAR-10 "
            "a ResNet-8 of 87.2 % fell to 49.9 % at 4 bits (docs/benchmarks.md)"
        )
        student = tfqd.quantize_model(model, _spec(method, values))
        options = outputs.tflite_options(values)
        written = [write(student, target, options) for target in values.to]
        if values.report is not None:
            page_of_compression(values.report, path, model, student, written)
        return _result(path, model, method, written)
    return _with_data(values, path, model, method, data)


def _with_data(values, path: str, model, method: str, data: Data) -> Result:
    import tfqd

    teacher = model if values.teacher is None else load_teacher(values.teacher)
    first = answers(model, data.x[:BATCH])
    task = training_task_of(first, data)
    judge = Judge(task, teacher, data)
    spec, callbacks, options = _chosen(values, model, method, data, task)
    student = tfqd.quantize_model(model, spec)
    scores = {"float": judge.score(model), "untrained": judge.score(student)}
    kept, record = [], None
    if method in TRAINED:
        warn_of_guesses(task, first, data.y)
        schedule = Schedule(values.epochs, values.batch_size, values.learning_rate, values.seed)
        command = {**values.flag_values_dict(), "method": method, "version": tfqd.__version__}
        del command["json"], command["debug"]
        state = state_path(values.to[0], command, [path, values.data, values.teacher])
        kept = [state, state.with_suffix(".json")]
        if values.report is not None:
            record = tfqd.callbacks.TrainingRecord(kept[1])
            callbacks.append(record)
        student = train(student, teacher, data, task, schedule, state, callbacks)
    scores["quantized"] = judge.score(student)
    written = [write(student, target, options) for target in values.to]
    budgets.warn_beyond(values, written)
    measured = Measured(judge, scores, [judge.of_file(each, scores) for each in written])
    if values.report is not None:
        page_of_compression(values.report, path, model, student, written, measured, record)
    for file in kept:
        file.unlink(missing_ok=True)
    return _result(path, model, method, written, measured)


def _chosen(
    values, model, method: str, data: Data, task: TrainingTask
) -> tuple[Any, list[Any], dict[str, Any]]:
    """What to quantize to, the callbacks for its training, and the options of TFLite files."""
    import tfqd

    spec, options = _spec(method, values), outputs.tflite_options(values)
    if values.budget is None:
        return spec, [], options
    file = budgets.counted(values)
    if (method, file) == ("distill", "archive"):
        examples = budgets.examples(model, data, task)
        chosen = tfqd.callbacks.within_bytes(model, values.budget, verbose=0, **examples)
        return *chosen, options
    if (method, file) == ("distill", "tflite_gzip"):
        spec = tfqd.presets.deployable(_BITS)  # trained steps grow finer, and codes longer
    allotted, prefer = budgets.allotted(model, data, task, spec, values)
    return allotted, [], {**options, "prefer": prefer}


def _spec(method: str, values: flags.FlagValues):
    """What the kernels are quantized to; for TFLite what its integer kernels take."""
    import tfqd

    bits = _BITS if values.bits is None else values.bits
    for_tflite = any(kind_of(target) == "tflite" for target in values.to)
    if method == "distill":
        return tfqd.LearnedStep(bits=bits)
    if method == "differentiable":
        return tfqd.Codebook(
            bits=bits,
            bucket_size=None,
            scaling="symmetric" if for_tflite else "affine",
            grid="int8" if for_tflite else None,
            init="kmeans",
            gradient_scale="lsq",
        )
    return tfqd.presets.deployable(bits) if for_tflite else tfqd.Uniform(bits=bits)


def _result(
    path: str, model, method: str, written: list[Written], measured: Measured | None = None
) -> Result:
    before = float_bytes(model)
    files = [{**each._asdict(), "ratio": before / each.bytes} for each in written]
    found = {"source": path, "method": method, "float_bytes": before, "files": files}
    rows = [[f"{path} (float weights)", before, None]]
    rows += [[each["path"], each["bytes"], each["ratio"]] for each in files]
    if measured is None:
        return Result(found, table(("file", "bytes", "ratio"), rows))
    for each, score in zip(files, measured.of_files, strict=True):
        each["score"] = score
    task, scores = measured.judge.task, measured.scores
    found |= {"metric": task.metric, "measured_on": measured.judge.on, "scores": scores}
    for row, score in zip(rows, [scores["float"], *measured.of_files], strict=True):
        row.append(task.shown(score))
    caption = f"{task.metric} on {measured.judge.on}"
    if method in TRAINED:
        caption += f"; quantized but not trained: {task.shown(scores['untrained'])}"
    return Result(found, table(("file", "bytes", "ratio", task.metric), rows, caption))
