"""Holds files against a float model: performance, reliability, efficiency.

MODEL is a .keras or .h5 file. --files are .tfqd archives of any name, .tflite and .keras
files and SavedModels made of it. Printed are what they retain of its accuracy, class by class,
calibration, agreement, answers to corrupted inputs, bytes, time and memory.

  tfqd evaluate model.keras --files=small.tfqd,small.tflite --data=digits.npz
"""

import os

from absl import flags

from tfqd_command.command import Result, UsageError
from tfqd_command.data import check_source, define_data_flag, load_data
from tfqd_command.models import check_inputs, load_model

ARGUMENTS = ("MODEL",)


def define_flags(values: flags.FlagValues) -> None:
    flags.DEFINE_list("files", [], "the files to hold against it", flag_values=values)
    define_data_flag(values)
    flags.DEFINE_bool(
        "corruptions", False, "score answers to corrupted inputs too", flag_values=values
    )


def check(arguments: list[str], values: flags.FlagValues) -> None:
    if values.data is None:
        raise UsageError("evaluate needs --data=DATA.npz or module:function")
    check_source(values.data)
    named = [*arguments, *values.files]
    if len({*map(os.path.realpath, named)}) < len(named):
        raise UsageError(f"evaluate names a file twice: {', '.join(named)}")


def run(arguments: list[str], values: flags.FlagValues) -> Result:
    import tfqd

    (path,) = arguments
    # The module of --data may register layers of the models.
    inputs, labels = load_data(values.data).measured
    if labels is None:
        raise ValueError("--data needs labels y, to measure by")
    model = load_model(path)
    check_inputs(path, model, values.data, inputs)
    models = {path: model, **{file: file for file in values.files}}
    found = tfqd.evaluate(models, (inputs, labels), corruptions=values.corruptions, verbose=True)
    return Result(found.to_dict(), str(found))
