"""The model through TensorFlow's own converter, in floats and in integers."""

import contextlib
import gc
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

import numpy as np
import tensorflow as tf

from tfqd.export.litert.file.flatbuffer import File, Op
from tfqd.export.litert.lowering.complaints import (
    ConversionError,
    conversion_error,
    printing_kept,
)
from tfqd.export.litert.lowering.examples import ExampleError
from tfqd.export.litert.lowering.wide_activations import widened
from tfqd.export.origin import Origin
from tfqd.export.precision import lengthened
from tfqd.export.saved_module import save_module
from tfqd.export.signature import Signature
from tfqd.export.trained_ranges import has_trained_ranges
from tfqd.spec import WIDE_BITS
from tfqd.wrapping import serving
from tfqd.wrapping.activations import in_bytes, wide_activations
from tfqd.wrapping.state import from_rest, weights_moved

Examples = Iterable[Mapping[str, np.ndarray]]


class Converted(NamedTuple):
    """What the converter made of a model.

    floats: the file with float weights.
    integers: the file with activations of 8 or 16 bits, whose weights the converter has
        rounded too; None for a model whose activations stay float.
    trained: whether the ranges of its activations were trained.
    activation_bits: of the activations in `integers`; None without.
    """

    floats: bytes
    integers: bytes | None
    trained: bool
    activation_bits: int | None


def converted(
    origin: Origin,
    batch_size: int | None = None,
    examples: Examples | None = None,
    io_dtype: str = "float32",
) -> Converted:
    """The dequantized model as TFLite files.

    It goes by a SavedModel that holds the weights as constants: converting the
    functions of a Keras 3 model writes, without an error, a file that lacks
    them. The file's signature has the names of the model's inputs and outputs.

    Args:
        origin: the model.
        batch_size: to be fixed in the file; None leaves it free where the
            model's inputs do.
        examples: batches of inputs by name to calibrate activations by; None
            leaves them float, unless the model has trained their ranges.
        io_dtype: ``"float32"``, or ``"int8"`` or ``"int16"`` as its activations are, of the
            inputs and outputs of the file of integers.

    Raises:
        ConversionError: a ValueError, when the converter refuses the model, or would
            end the process at it.
        ValueError: for examples of a model that has trained ranges, and for inputs and
            outputs of other bits than its activations have.
    """
    module = tf.Module()
    module.serve = _function(origin, batch_size)
    module.resources = serving.resources_of(module.serve)
    trained = has_trained_ranges(module.serve)
    if trained and examples is not None:
        raise ValueError(
            "representative_dataset is for models without ranges of activations; those of "
            f"{origin.plain.name!r} were trained"
        )
    wide = bool(wide_activations(origin.plain))
    bits = (WIDE_BITS if wide else 8) if trained or examples is not None else None
    _check_io_dtype(io_dtype, bits)
    with tempfile.TemporaryDirectory() as folder:
        with from_rest(origin.plain):
            save_module(module, folder)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        floats = _convert(converter, origin, batch_size)
        if bits is None:
            return Converted(floats, None, trained, bits)
        if examples is not None:
            _check_no_loops(floats)
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        io_type = tf.float32 if io_dtype == "float32" else tf.int8
        converter.inference_input_type = converter.inference_output_type = io_type
        if examples is not None:
            converter.representative_dataset = lambda: _sized(examples, batch_size)
        integers = _convert(converter, origin, batch_size)
        return Converted(floats, widened(integers) if wide else integers, trained, bits)


def input_specs(signature: Signature, batch_size: int | None) -> list[tf.TensorSpec]:
    """What the file takes: the model's inputs, their batch size fixed if asked for."""
    if batch_size is None:
        return signature.inputs
    return [
        tf.TensorSpec([batch_size, *spec.shape[1:]], spec.dtype, spec.name)
        for spec in signature.inputs
    ]


def _function(origin: Origin, batch_size: int | None) -> tf.types.experimental.ConcreteFunction:
    model, signature = origin.plain, origin.signature
    weights = list(origin.compressed.dequantize().values())
    moved = weights_moved(model, lambda: signature.call(model, origin.probes.inputs))

    @tf.function(autograph=False)
    def serve(**inputs):
        values = [tf.constant(np.asarray(weight)) for weight in weights]
        with serving.reading(model, values, moved), in_bytes(model):
            outputs = signature.call(model, inputs)
        return {name: tf.identity(lengthened(output)) for name, output in outputs.items()}

    specs = input_specs(signature, batch_size)
    return serve.get_concrete_function(**{spec.name: spec for spec in specs})


def _check_io_dtype(io_dtype: str, bits: int | None) -> None:
    """Raises ValueError unless activations of `bits`, None for floats, come in `io_dtype`."""
    if io_dtype in ("float32", f"int{bits}"):
        return
    needed = int(io_dtype.removeprefix("int"))
    remedy = {8: "pass representative_dataset=", 16: "quantize by tfqd.Activations(bits=16)"}
    advice = remedy[needed] if bits is None else f"this model's have {bits}"
    raise ValueError(f"io_dtype={io_dtype!r} needs activations of {needed} bits: {advice}")


def _check_no_loops(data: bytes) -> None:
    file = File(data)
    if any(
        file.code(operator) == Op.WHILE for graph in file.graphs for operator in graph.operators
    ):
        raise ConversionError(
            "TensorFlow's converter cannot calibrate loops, which recurrent layers become: give "
            "these unroll=True, or leave activations float, without representative_dataset="
        )


def _sized(examples: Examples, batch_size: int | None) -> Iterator[Mapping[str, np.ndarray]]:
    """The examples in batches of the file's size, as they are where that is free."""
    for batch in examples:
        if batch_size is None:
            yield batch
            continue
        count = min(len(array) for array in batch.values())
        for start in range(0, count, batch_size):
            # The last batch is filled up with the first examples.
            places = np.arange(start, start + batch_size) % count
            yield {name: array[places] for name, array in batch.items()}


@contextlib.contextmanager
def _collecting_its_own() -> Iterator[None]:
    """Spares the garbage collector what was there before.

    TensorFlow's converter collects garbage every time, which by itself looks through all of
    TensorFlow's and the caller's objects.
    """
    if gc.get_freeze_count():  # The caller has frozen objects, which unfreeze() would free.
        yield
        return
    gc.freeze()
    try:
        yield
    finally:
        gc.unfreeze()


def _convert(converter: tf.lite.TFLiteConverter, origin: Origin, batch_size: int | None) -> bytes:
    printed: list[str] = []
    try:
        with warnings.catch_warnings(), _collecting_its_own(), printing_kept() as printed:
            # That tf.lite.Interpreter will go; the converter calibrates by it.
            warnings.simplefilter("ignore", UserWarning)
            return converter.convert()
    except (OSError, ExampleError):
        raise
    except Exception as error:  # whatever the converter raises: it has many kinds
        layers = serving.layer_names(origin.plain)
        raise conversion_error(str(error), layers, batch_size, "".join(printed)) from None
