"""Probes out of examples, for models that random inputs do not suit."""

from typing import Any

import keras

from tfqd.batches import first_examples
from tfqd.compressed import CompressedModel
from tfqd.export.origin import origin_of
from tfqd.export.probes_error import ProbesError

# As many as there are random ones.
_EXAMPLES = 2


def suiting_probes(model: keras.Model | CompressedModel, data: Any) -> tuple[Any, Any]:
    """What a writer is to be given as `probes`, and the data again, of which none are missing.

    Args:
        model: as the writers take it.
        data: a tuple that begins with arrays of inputs, or an iterable of such batches.

    Returns:
        None where random inputs suit the model, or where it is for other reasons that no
        file can be made, which the writers give; else the inputs of the first two examples.

    Raises:
        TypeError, ValueError: as `tfqd.batches.first_examples`; when the model fails on these
            examples too.
    """
    try:
        origin_of(model)
    except ProbesError:
        inputs, data = first_examples(data, _EXAMPLES)
    except ValueError:
        return None, data
    else:
        return None, data
    try:
        origin_of(model, inputs)
    except ProbesError as error:
        raise ValueError(f"{error.reason}, which are the first examples of the data") from error
    return inputs, data
