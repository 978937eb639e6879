"""What an export starts from: a compressed form, a plain model, and an oracle."""

import dataclasses
from collections.abc import Mapping
from typing import Any

import keras
import numpy as np

from tfqd.compressed import CompressedModel, Probes
from tfqd.export import probes as probing
from tfqd.export.indices_in_floats import rows_of_inputs
from tfqd.export.precision import as_float32, computes_in_float32, with_compute_type
from tfqd.export.signature import Signature
from tfqd.wrapping import compress, float_form, model_from_compressed, strip_quantization
from tfqd.wrapping.activations import check_ranges
from tfqd.wrapping.fitting import student_or_self
from tfqd.wrapping.quantized import is_quantized


@dataclasses.dataclass(frozen=True, eq=False)
class Origin:
    """One model in the forms that the writers need.

    compressed: its weights; all of them floats for a float model.
    plain: a Keras model without quantization that holds the quantized values.
    signature: what it takes and gives.
    probes: what the model that the user gave answers.
    """

    compressed: CompressedModel
    plain: keras.Model
    signature: Signature
    probes: Probes


def origin_of(
    model: keras.Model | CompressedModel,
    inputs: Any = None,
    oracle: keras.Model | None = None,
    argument: str = "probes",
    coarse: bool = False,
    warmup: Any = None,
) -> Origin:
    """Reads a quantized, mixed, float or compressed model.

    Args:
        model: what a user wants to export; of a Distiller its student.
        inputs: the probe inputs that the user has given, as the model takes
            them. None for the probes of the compressed model, or random ones.
        oracle: the Keras model whose answers count; None for `model` itself.
        argument: what the user knows `inputs` as, for the errors.
        coarse: whether each of `inputs` is to be taken in numbers that compress well.
        warmup: inputs that say the dtypes of a subclassed model's, where no probes do.

    Raises:
        TypeError: when it is no Keras model and no compressed one.
        ValueError: when the model cannot be read, or ranges of its activations are not known
            yet; a `ProbesError` when it fails on the probes, or there are no random ones.
    """
    model = student_or_self(model)
    compressed, plain = _read(model)
    check_ranges(plain)
    stored = compressed.probes if inputs is None else None
    if stored is None and inputs is None:
        signature = Signature(plain, warmup, "warmup")
    else:
        signature = Signature(plain, inputs if stored is None else stored.inputs, argument)
    if stored is not None:
        arrays = probing.expanded(signature, stored.inputs)
        arrays = signature.check(arrays, "the compressed model's probes")
        return Origin(compressed, plain, signature, Probes(arrays, stored.outputs))
    if inputs is None:
        rows = rows_of_inputs(plain, signature)
        arrays = probing.default_inputs(signature, compressed, rows=rows)
    else:
        arrays = signature.check(inputs, argument)
        if coarse:
            arrays = {name: probing.coarse(array) for name, array in arrays.items()}
    if oracle is None:
        oracle = plain if isinstance(model, CompressedModel) else model
    return Origin(compressed, plain, signature, probing.ask(oracle, signature, arrays))


def asked_within(
    origin: Origin, spans: Mapping[str, tuple[float, float]], examples: int = 32
) -> Origin:
    """The same model, asked random examples that lie in the ranges of its inputs.

    Args:
        origin: of which the user has given no probes.
        spans: by the names of inputs the ends of their ranges; of others nothing is known.
        examples: how many.
    """
    rows = rows_of_inputs(origin.plain, origin.signature)
    inputs = probing.default_inputs(
        origin.signature, origin.compressed, examples=examples, spans=spans, rows=rows
    )
    probes = probing.ask(origin.plain, origin.signature, inputs)
    return dataclasses.replace(origin, probes=probes)


def computing_in(origin: Origin, dtype: str) -> Origin:
    """The same weights in a model whose layers all compute in `dtype`.

    Raises:
        ValueError: when the model cannot be made again from its architecture.
    """
    compressed = origin.compressed
    if compressed.architecture is None:
        raise ValueError(
            f"dtype={dtype!r} needs a model that can be made again; Keras cannot write the "
            f"architecture of {origin.plain.name!r}. Leave dtype None"
        )
    architecture = with_compute_type(compressed.architecture, dtype, compressed.keras_version)
    tensors = {
        path: as_float32(tensor) if isinstance(tensor, np.ndarray) else tensor
        for path, tensor in compressed.tensors.items()
    }
    compressed = dataclasses.replace(compressed, architecture=architecture, tensors=tensors)
    return dataclasses.replace(
        origin, compressed=compressed, plain=model_from_compressed(compressed)
    )


def in_float32(origin: Origin) -> Origin:
    """The same weights in a model that takes and computes float32, as TFLite's kernels do.

    What it was asked, and has answered, stays.
    """
    architecture = origin.compressed.architecture
    if architecture is None or computes_in_float32(architecture):
        return origin
    computing = computing_in(origin, "float32")
    inputs = {name: as_float32(array) for name, array in origin.probes.inputs.items()}
    signature = Signature(computing.plain, inputs)
    probes = dataclasses.replace(origin.probes, inputs=inputs)
    return dataclasses.replace(computing, signature=signature, probes=probes)


def _read(model: keras.Model | CompressedModel) -> tuple[CompressedModel, keras.Model]:
    if isinstance(model, CompressedModel):
        return model, model_from_compressed(model)
    if is_quantized(model):
        return compress(model), strip_quantization(model)
    return float_form(model), model
