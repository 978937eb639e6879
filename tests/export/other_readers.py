"""Programs that run TFLite files beside LiteRT and TensorFlow Lite: what a file answers there."""

import pathlib
from collections.abc import Mapping

import numpy as np
import openvino
from ai_edge_quantizer import quantizer, recipe

from tfqd.export.litert.checking.runtimes import Answers, run
from tfqd.export.litert.file.flatbuffer import File

_ARENA = 2**25


def openvino_answers(path: pathlib.Path, inputs: Mapping[str, np.ndarray]) -> Answers:
    """OpenVINO's on a CPU, computing in float32.

    Args:
        path: of the file.
        inputs: arrays by the names of the signature.
    """
    core = openvino.Core()
    model = core.read_model(path)
    compiled = core.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
    answers = compiled(dict(inputs))
    return {output.get_any_name(): answers[output] for output in compiled.outputs}


def micro_answers(path: pathlib.Path, inputs: Mapping[str, np.ndarray]) -> Answers:
    """tflite-micro's, which takes one example at a time.

    Args:
        path: of the file.
        inputs: arrays by the names of the signature, in the types that the file takes.
    """
    from tflite_micro import runtime  # which has no wheels but for Linux on x86-64

    graph = File(path.read_bytes()).graphs[0]
    interpreter = runtime.Interpreter.from_file(str(path), arena_size=_ARENA)
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


def quantizer_answers(path: pathlib.Path, inputs: Mapping[str, np.ndarray]) -> Answers:
    """LiteRT's to what ai-edge-quantizer makes of a file, where it quantizes what is float.

    Args:
        path: of the file.
        inputs: arrays by the names of the signature.
    """
    tool = quantizer.Quantizer(str(path), recipe.dynamic_wi8_afp32())
    return run("ai-edge-litert", bytes(tool.quantize().quantized_model), inputs)
