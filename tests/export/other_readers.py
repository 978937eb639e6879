"""Programs that run TFLite files beside LiteRT and TensorFlow Lite: what a file answers there."""

import os
import pathlib
import platform
import re
import sys
import tempfile
from collections.abc import Mapping

import numpy as np
import openvino
from ai_edge_litert.interpreter import Interpreter, OpResolverType
from ai_edge_quantizer import quantizer, recipe

from tfqd.export.litert.checking.runtimes import Answers, run
from tfqd.export.litert.file.flatbuffer import File

# Where tflite-micro has wheels.
RUNS_MICRO = (sys.platform, platform.machine()) == ("linux", "x86_64")
_ARENA = 2**25


def openvino_answers(path: pathlib.Path, inputs: Mapping[str, np.ndarray]) -> Answers:
    """OpenVINO's on a CPU, computing in float32.

    Args:
        path: of the file.
        inputs: arrays by the names of the signature; where the file's batch size is
            fixed, it must be 1.
    """
    core = openvino.Core()
    model = core.read_model(path)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    count = len(next(iter(inputs.values())))
    fixed = any(entry.partial_shape[0].is_static for entry in compiled.inputs)
    size = 1 if fixed else count
    answers = [
        compiled({name: array[start : start + size] for name, array in inputs.items()})
        for start in range(0, count, size)
    ]
    return {
        output.get_any_name(): np.concatenate([each[output] for each in answers])
        for output in compiled.outputs
    }


def micro_answers(path: pathlib.Path, inputs: Mapping[str, np.ndarray]) -> Answers:
    """tflite-micro's, which takes one example at a time.

    Args:
        path: of the file.
        inputs: arrays by the names of the signature, in the types that the file takes.
    """
    graph = File(path.read_bytes()).graphs[0]
    interpreter = _micro_interpreter(path)
    answers = []
    for example in range(len(next(iter(inputs.values())))):
        for place, index in enumerate(graph.inputs):
            name = graph.tensors[index].name.decode()
            interpreter.set_input(inputs[name][example : example + 1], place)
        interpreter.invoke()
        answers.append([interpreter.get_output(place) for place in range(len(graph.outputs))])
    names = [graph.tensors[index].name.decode() for index in graph.outputs]
    columns = zip(*answers, strict=True)
    return {name: np.concatenate(each) for name, each in zip(names, columns, strict=True)}


def litert_integers(path: pathlib.Path, inputs: np.ndarray, reference: bool) -> np.ndarray:
    """LiteRT's answers of integers, to one example at a time.

    Args:
        path: of a file of one input and one output.
        inputs: integers.
        reference: whether by the kernels that others are held against; XNNPACK's else.
    """
    kinds = OpResolverType
    interpreter = Interpreter(
        model_content=path.read_bytes(),
        num_threads=1,
        experimental_op_resolver_type=kinds.BUILTIN_REF if reference else kinds.AUTO,
    )
    interpreter.allocate_tensors()
    (taken,), (given,) = interpreter.get_input_details(), interpreter.get_output_details()
    answers = []
    for example in range(len(inputs)):
        interpreter.set_tensor(taken["index"], inputs[example : example + 1])
        interpreter.invoke()
        answers.append(interpreter.get_tensor(given["index"]).astype(np.int32))
    return np.concatenate(answers)


def micro_arena(path: pathlib.Path) -> int:
    """Bytes of memory that tflite-micro needs beside the file, on this machine of 64 bits."""
    interpreter = _micro_interpreter(path)
    interpreter.invoke()
    stderr = os.dup(2)
    with tempfile.TemporaryFile() as log:  # where the C++ of it writes to, past sys.stderr
        os.dup2(log.fileno(), 2)
        try:
            interpreter.print_allocations()
        finally:
            os.dup2(stderr, 2)
            os.close(stderr)
        log.seek(0)
        return int(re.search(rb"Arena allocation total (\d+) bytes", log.read())[1])


def _micro_interpreter(path):
    from tflite_micro import runtime

    return runtime.Interpreter.from_file(str(path), arena_size=_ARENA)


def quantizer_answers(path: pathlib.Path, inputs: Mapping[str, np.ndarray]) -> Answers:
    """LiteRT's to what ai-edge-quantizer makes of a file, where it quantizes what is float.

    Args:
        path: of the file.
        inputs: arrays by the names of the signature.
    """
    tool = quantizer.Quantizer(str(path), recipe.dynamic_wi8_afp32())
    return run("ai-edge-litert", bytes(tool.quantize().quantized_model), inputs)
