"""What TFLite files cost where they run: time and memory."""

import pathlib
import statistics
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tfqd.export.litert.checking.runtimes import SIGNATURE, runtimes

# A process of its own for each file, as memory that was given back may stay with a process.
# Bytes that it grows by between having the interpreter and having run it once.
_MEASURE_MEMORY = """
import os, sys
from ai_edge_litert.interpreter import Interpreter
def resident():
    with open("/proc/self/statm") as pages:
        return int(pages.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
before = resident()
interpreter = Interpreter(sys.argv[1], num_threads=1)
interpreter.allocate_tensors()
interpreter.invoke()
print(resident() - before)
"""


def latency_ratios(
    files: Mapping[str, pathlib.Path], reference: str, rounds: Iterable[int]
) -> dict[str, float]:
    """Time for one example over that of the reference: medians of interleaved rounds.

    Args:
        files: TFLite files by name.
        reference: one of the names.
        rounds: a number for each round; a progress bar, perhaps.
    """
    runners = {name: _Runner(path) for name, path in files.items()}
    calls = max(1, int(0.005 / max(runners[reference].seconds(3), 1e-7)))
    ratios: dict[str, list[float]] = {name: [] for name in files}
    for _ in rounds:
        seconds = {name: runner.seconds(calls) for name, runner in runners.items()}
        for name, each in seconds.items():
            ratios[name].append(each / seconds[reference])
    return {name: statistics.median(each) for name, each in ratios.items()}


def memory_bytes(path: pathlib.Path) -> int | None:
    """Bytes that a process grows by when LiteRT loads a file and runs it once.

    None where that is not known: without LiteRT, on a system without ``/proc``, or for a
    file that needs its inputs to be given.
    """
    command: Sequence[str] = [sys.executable, "-c", _MEASURE_MEMORY, str(path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    return int(run.stdout) if run.returncode == 0 else None


class _Runner:
    """Runs a TFLite file on one example of zeros."""

    def __init__(self, path: pathlib.Path):
        _, interpreter = next(reversed(runtimes().items()))
        self._interpreter = interpreter(model_path=str(path), num_threads=1)
        self._run = self._interpreter.get_signature_runner(SIGNATURE)
        self._inputs = {
            name: np.zeros([max(side, 1) for side in detail["shape_signature"]], detail["dtype"])
            for name, detail in self._run.get_input_details().items()
        }
        self._run(**self._inputs)

    def seconds(self, calls: int) -> float:
        """Seconds of one of so many calls."""
        start = time.perf_counter()
        for _ in range(calls):
            self._run(**self._inputs)
        return (time.perf_counter() - start) / calls
