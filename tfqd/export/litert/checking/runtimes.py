"""The programs that run TFLite files: TensorFlow's own, and LiteRT's."""

import importlib.util
import warnings
from collections.abc import Callable, Mapping

import numpy as np
import tensorflow as tf

Answers = dict[str, np.ndarray]

SIGNATURE = "serving_default"


class RuntimeRefusal(ValueError):
    """A runtime does not load or run a file."""


def runtimes() -> dict[str, Callable]:
    """The interpreter of each runtime that is installed, by its package's name.

    Raises:
        RuntimeRefusal: a ValueError, when there is none.
    """
    found = {}
    if hasattr(tf, "lite"):
        found["tf.lite"] = tf.lite.Interpreter
    if importlib.util.find_spec("ai_edge_litert") is not None:
        from ai_edge_litert.interpreter import Interpreter

        found["ai-edge-litert"] = Interpreter
    if not found:
        raise RuntimeRefusal("no runtime is installed to run the file: pip install ai-edge-litert")
    return found


def run(runtime: str, data: bytes, inputs: Mapping[str, np.ndarray]) -> Answers:
    """What a file answers in a runtime, on one thread.

    Args:
        runtime: a key of `runtimes`.
        data: the file, with a signature.
        inputs: arrays by the signature's names. Where the file's batch size is
            fixed, they are fed in batches of that size; where it takes and gives
            integers, floats are rounded to its grid, and answers are floats again.

    Raises:
        RuntimeRefusal: a ValueError, when it cannot be run.
    """
    try:
        with warnings.catch_warnings():
            # That tf.lite will go; it is asked for on purpose, beside its successor.
            warnings.simplefilter("ignore")
            interpreter = runtimes()[runtime](model_content=data, num_threads=1)
        runner = _InFloats(interpreter.get_signature_runner(SIGNATURE))
        size = _fixed_batch(runner)
        count = {len(array) for array in inputs.values() if np.ndim(array)}
        if size is None or count == {size}:
            return runner(**inputs)
        return _in_batches(runner, inputs, size, count.pop())
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise RuntimeRefusal(f"{runtime} does not run the file: {reason:.300}") from error


class _InFloats:
    """A signature that takes and gives floats, whatever the file's inputs and outputs are."""

    def __init__(self, runner):
        self._runner = runner
        self.inputs = runner.get_input_details()
        self._outputs = runner.get_output_details()

    def __call__(self, **inputs: np.ndarray) -> Answers:
        answers = self._runner(
            **{name: _quantized(array, self.inputs[name]) for name, array in inputs.items()}
        )
        return {name: _dequantized(array, self._outputs[name]) for name, array in answers.items()}


def _quantized(array: np.ndarray, details) -> np.ndarray:
    scale, zero = details["quantization"]
    if not scale or np.asarray(array).dtype.kind != "f":
        return array
    limits = np.iinfo(details["dtype"])
    integers = np.clip(np.rint(array / scale) + zero, limits.min, limits.max)
    return integers.astype(details["dtype"])


def _dequantized(array: np.ndarray, details) -> np.ndarray:
    scale, zero = details["quantization"]
    return np.float32(scale) * (array.astype(np.float32) - zero) if scale else array


def _fixed_batch(runner: _InFloats) -> int | None:
    for details in runner.inputs.values():
        signature = details["shape_signature"]
        if len(signature) and signature[0] != -1:
            return int(signature[0])
    return None


def _in_batches(runner, inputs, size: int, count: int) -> Answers:
    """The answers to `count` examples from a file that takes `size` at a time."""
    parts: list[Answers] = []
    for start in range(0, count, size):
        # The last batch is filled up with the first examples.
        places = np.arange(start, start + size) % count
        parts.append(runner(**{name: array[places] for name, array in inputs.items()}))
    return {name: np.concatenate([part[name] for part in parts])[:count] for name in parts[0]}
