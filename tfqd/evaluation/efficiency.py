"""What TFLite files cost where they run: time and memory."""

import json
import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from tfqd.export.litert.checking.runtimes import SIGNATURE, fixed_batch, runtimes

# A process of its own for each file, as memory that was given back may stay with a process.
# Bytes that it grows by between having the interpreter and having run it once.
_MEASURE_MEMORY = """
import json, os, sys
from ai_edge_litert.interpreter import Interpreter
def resident():
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = resident()
interpreter = Interpreter(sys.argv[1], num_threads=1)
details = interpreter.get_signature_runner(sys.argv[2]).get_input_details()
inputs = {name: (each["index"], each["shape"].tolist()) for name, each in details.items()}
del details
for name, shape in json.loads(sys.argv[3]).items():
    index, own = inputs[name]
    if shape != own:
        interpreter.resize_tensor_input(index, shape)
interpreter.allocate_tensors()
interpreter.invoke()
print(resident() - before)
"""


class TimedFile:
    """A TFLite file, run on zeros as long as the data: one example, or as many as it takes.

    Args:
        path: of the file.
        inputs: the data: an array, or a list or mapping of them.

    Attributes:
        shapes: of its inputs, by name.
        batch_size: examples that it takes at a time; None where that is free.

    Raises:
        ValueError: when lengths are free in the file that the data do not tell.
    """

    def __init__(self, path: pathlib.Path, inputs: Any):
        self.path = path
        _, interpreter = next(reversed(runtimes().items()))
        self._interpreter = interpreter(model_path=str(path), num_threads=1)
        self._run = self._interpreter.get_signature_runner(SIGNATURE)
        details = self._run.get_input_details()
        self.shapes = {
            name: _shape(name, detail["shape_signature"], _of_name(inputs, name, len(details)))
            for name, detail in details.items()
        }
        self._zeros = {
            name: np.zeros(shape, details[name]["dtype"]) for name, shape in self.shapes.items()
        }
        self._run(**self._zeros)
        self.batch_size = fixed_batch(details)

    def seconds(self, calls: int) -> float:
        """Seconds of one of so many calls."""
        start = time.perf_counter()
        for _ in range(calls):
            self._run(**self._zeros)
        return (time.perf_counter() - start) / calls


def latency_ratios(
    files: Mapping[str, TimedFile], reference: str, rounds: Iterable[int]
) -> dict[str, float]:
    """Time for one example over that of the reference: medians of interleaved rounds.

    Args:
        files: by name.
        reference: one of the names.
        rounds: a number for each round; a progress bar, perhaps.
    """
    calls = max(1, int(0.005 / max(files[reference].seconds(3), 1e-7)))
    ratios: dict[str, list[float]] = {name: [] for name in files}
    for _ in rounds:
        seconds = {
            name: file.seconds(calls) / (file.batch_size or 1) for name, file in files.items()
        }
        for name, each in seconds.items():
            ratios[name].append(each / seconds[reference])
    return {name: statistics.median(each) for name, each in ratios.items()}


def memory_bytes(file: TimedFile) -> int | None:
    """Bytes that a process grows by when LiteRT loads a file and runs it once.

    None where that is not known: without LiteRT, on a system without ``/proc``, or for a
    file that needs its inputs to be given.
    """
    arguments = [str(file.path), SIGNATURE, json.dumps(file.shapes)]
    command: Sequence[str] = [sys.executable, "-c", _MEASURE_MEMORY, *arguments]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return int(run.stdout) if run.returncode == 0 else None


def _of_name(inputs: Any, name: str, count: int) -> np.ndarray | None:
    """The data of an input; None where nothing tells which they are."""
    if isinstance(inputs, Mapping):
        return inputs.get(name)
    arrays = inputs if isinstance(inputs, list) else [inputs]
    return arrays[0] if count == len(arrays) == 1 else None


def _shape(name: str, signature: Sequence[int], data: np.ndarray | None) -> list[int]:
    """The shape of what a call takes, whose free lengths are those of the data.

    That is one example where the batch size is free.
    """
    batch = max(int(signature[0]), 1)
    if all(side > 0 for side in signature[1:]):
        return [batch, *map(int, signature[1:])]
    if data is None or np.ndim(data) != len(signature):
        raise ValueError(f"the data do not tell the free lengths of input {name!r}")
    sides = zip(signature[1:], data.shape[1:], strict=True)
    return [batch, *(int(side) if side > 0 else int(length) for side, length in sides)]
