"""What a call of a model that a file holds would compute, known before it is made.

A layer without weights can be told to make gigabytes of nothing, as
``ZeroPadding2D(100_000)`` does. The call is traced to a graph, which allocates
nothing, and the sizes of what its operations give are added up.
"""

import math
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

from tfqd.compressed import ArchiveError
from tfqd.export.signature import Signature

# 1 GiB of float32: what any file may ask for.
_ALLOWED = 2**28
# For each weight and each input value of a larger one. A convolutional network of
# 224 x 224 pixels needs 10 to 40.
_ALLOWED_EACH = 1024


def check_call_size(model, signature: Signature, inputs: Mapping[str, np.ndarray]) -> None:
    """Raises ArchiveError when a call would take more memory than a file of its size may.

    All results of operations together may have 2^28 elements, or 1,024 for each weight and
    input value where that is more. What a loop computes in a step is not counted, but what it
    gives is.

    Args:
        model: the plain model of a file, of either Keras version.
        signature: the model's.
        inputs: arrays by the signature's names.
    """
    given = [*inputs.values(), *model.weights]
    elements = sum(math.prod(array.shape) for array in given)
    allowed = max(_ALLOWED, _ALLOWED_EACH * elements)
    sizes = {
        operation.name: sum(output.shape.num_elements() or 0 for output in operation.outputs)
        for operation in _traced(model, signature, inputs).get_operations()
    }
    total, largest = sum(sizes.values()), max(sizes, key=lambda name: sizes[name])
    if total > allowed:
        layer = largest.rpartition("/")[0] or largest
        raise ArchiveError(
            f"a call of the model would compute {total:,} numbers, {sizes[largest]:,} of them at "
            f"once in layer {layer!r}; a file of {elements:,} weights and input values may ask "
            f"for {allowed:,}"
        )


def _traced(model, signature: Signature, inputs: Mapping[str, np.ndarray]) -> tf.Graph:
    types = {spec.name: spec.dtype for spec in signature.inputs}
    specs = {name: tf.TensorSpec(array.shape, types[name]) for name, array in inputs.items()}
    call = tf.function(lambda arrays: signature.call(model, arrays), autograph=False)
    return call.get_concrete_function(specs).graph
