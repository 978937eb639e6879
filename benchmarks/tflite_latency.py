"""How long TFLite files take beside each other in LiteRT, and on which processor."""

import pathlib
import platform
import time

import numpy as np
from ai_edge_litert.interpreter import Interpreter


class Runner:
    """A file in LiteRT, on one thread, for one batch size."""

    def __init__(self, path: pathlib.Path, batch: int):
        self._interpreter = Interpreter(str(path), num_threads=1)
        (self._input,) = self._interpreter.get_input_details()
        shape = [batch, *self._input["shape"][1:]]
        self._interpreter.resize_tensor_input(self._input["index"], shape)
        self.shape = list(self._input["shape"][1:])
        self._interpreter.allocate_tensors()
        (self._output,) = self._interpreter.get_output_details()

    def feed(self, x: np.ndarray) -> None:
        """Sets the input, quantized where the file takes integers."""
        scale, zero = self._input["quantization"]
        if scale:
            info = np.iinfo(self._input["dtype"])
            x = np.clip(np.rint(x / scale + zero), info.min, info.max)
        self._interpreter.set_tensor(self._input["index"], x.astype(self._input["dtype"]))

    def call(self) -> float:
        """Seconds of this thread that a call takes."""
        start = time.thread_time()
        self._interpreter.invoke()
        return time.thread_time() - start

    def answer(self) -> np.ndarray:
        return self._interpreter.get_tensor(self._output["index"])


def latencies(files: dict[str, pathlib.Path], batch: int, rounds: int) -> dict[str, float]:
    """Median over rounds, after two more, of each file's time over that of ``"float"``."""
    runners = {name: Runner(path, batch) for name, path in files.items()}
    shape = runners["float"].shape
    x = np.random.default_rng(0).uniform(0, 1, [batch, *shape]).astype(np.float32)
    for runner in runners.values():
        runner.feed(x)
    ratios = {name: [] for name in runners}
    for number in range(rounds + 2):
        seconds = {}
        for name, runner in runners.items():
            runner.call()  # finds another model's weights in the cache
            seconds[name] = runner.call()
        for name in ratios:
            if number >= 2:
                ratios[name].append(seconds[name] / seconds["float"])
    return {name: round(float(np.median(each)), 3) for name, each in ratios.items()}


def processor() -> str:
    """The instructions for integers that the kernels may choose from."""
    try:
        text = pathlib.Path("/proc/cpuinfo").read_text()
    except OSError:
        return platform.machine()
    flags_ = next((line for line in text.splitlines() if line.startswith("flags")), "").split()
    known = [flag for flag in ("avx2", "avx_vnni", "avx512_vnni", "amx_int8") if flag in flags_]
    return f"{platform.machine()} with {', '.join(known) or 'none of avx2 and newer'}"
