"""Which of a model's inputs of floats hold indices, for probes to be such."""

import keras

from tfqd.export.signature import Signature
from tfqd.wrapping.lookups import has_tables, rows_looked_up


def rows_of_inputs(model: keras.Model, signature: Signature) -> dict[str, int]:
    """How many rows the smallest table has for each input whose floats are indices.

    Args:
        model: plain.
        signature: the model's. Of one that cannot be traced nothing is known.
    """
    if not has_tables(model) or not any(spec.dtype.is_floating for spec in signature.inputs):
        return {}
    names = [spec.name for spec in signature.inputs]

    def call(tensors):
        return signature.call(model, dict(zip(names, tensors, strict=True)))

    try:
        rows = rows_looked_up(model, call, signature.inputs, same_numbers=True)
    except Exception:  # whatever a call of the user's own does with what is no array
        return {}
    return {
        spec.name: count
        for spec, count in zip(signature.inputs, rows, strict=True)
        if count is not None and spec.dtype.is_floating
    }
