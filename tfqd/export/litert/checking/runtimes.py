"""The programs that run TFLite files: TensorFlow's own, and LiteRT's."""

import importlib.util
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfqd.export.litert.file.flatbuffer import File

Answers = dict[str, np.ndarray]

SIGNATURE = "serving_default"
# Between the integers of activations.
_STEPS = {np.int8: 2**8 - 1, np.int16: 2**16 - 1}


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
        interpreter = _interpreter(runtimes()[runtime], data)
        runner = _InFloats(interpreter.get_signature_runner(SIGNATURE))
        size = fixed_batch(runner.inputs)
        count = {len(array) for array in inputs.values() if np.ndim(array)}
        if size is None or count == {size}:
            return runner(**inputs)
        return _in_batches(runner, inputs, size, count.pop())
    except (RuntimeError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise RuntimeRefusal(f"{runtime} does not run the file: {reason:.300}") from error


class Computed(NamedTuple):
    """A tensor of integers that an operator of a file has filled.

    name: the file's.
    values: what its integers stand for.
    span: the difference between the largest and the smallest of what they can be.
    """

    name: str
    values: np.ndarray
    span: float


def computed_tensors(data: bytes, inputs: Mapping[str, np.ndarray]) -> Iterator[Computed]:
    """The tensors of 8 or 16 bits of a file without loops, in the order in which they are computed.

    Args:
        data: the file, with a signature.
        inputs: arrays by the signature's names.

    Raises:
        RuntimeRefusal: when the file cannot be run.
    """
    runtime, interpreter = next(iter(runtimes().items()))
    try:
        running = _interpreter(
            interpreter,
            data,
            experimental_preserve_all_tensors=True,
            # Others keep what they compute to themselves.
            experimental_op_resolver_type=_without_delegates(runtime),
        )
        _InFloats(running.get_signature_runner(SIGNATURE))(**inputs)
    except (RuntimeError, ValueError) as error:
        raise RuntimeRefusal(f"{runtime} does not run the file: {error!s:.300}") from error
    details = {each["index"]: each for each in running.get_tensor_details()}
    file = File(data)
    for operator in file.graphs[0].operators:
        for index in map(int, operator.outputs):
            detail = details[index]
            steps, scale = _STEPS.get(detail["dtype"]), float(detail["quantization"][0])
            if steps is not None and scale:
                values = _dequantized(running.get_tensor(index), detail)
                yield Computed(detail["name"], values, steps * scale)


def _interpreter(interpreter: Callable, data: bytes, **options):
    with warnings.catch_warnings():
        # That tf.lite will go; it is asked for on purpose, beside its successor.
        warnings.simplefilter("ignore")
        return interpreter(model_content=data, num_threads=1, **options)


def _without_delegates(runtime: str):
    if runtime == "tf.lite":
        return tf.lite.experimental.OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES
    from ai_edge_litert.interpreter import OpResolverType

    return OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES


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


def fixed_batch(inputs: Mapping[str, Mapping]) -> int | None:
    """How many examples a file takes at a time; None where that is free.

    Args:
        inputs: name -> details, as the runner of a signature tells them.
    """
    for details in inputs.values():
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
