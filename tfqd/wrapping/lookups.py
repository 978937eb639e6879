"""Which tensors hold indices: those of which an Embedding looks rows up.

A dtype does not tell: `keras.Input` is of floats unless it is said, and so is what a subclassed
model takes. The call tells, traced.
"""

import contextlib
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfqd.wrapping import calls
from tfqd.wrapping.layers import all_layers, has_layers

# What gives the numbers that it takes, in other places or another dtype, or cut to a table's ends.
_SAME_NUMBERS = {
    *("Cast", "Identity", "Reshape", "Transpose", "ExpandDims", "Squeeze", "Tile", "BroadcastTo"),
    *("StridedSlice", "Slice", "Split", "SplitV", "Pack", "Unpack", "ConcatV2"),
    *("Minimum", "Maximum", "ClipByValue", "SelectV2"),
}
# What makes indices of indices, such as those of tables that lie behind one another in one.
_OF_INDICES = {
    *_SAME_NUMBERS,
    *("Add", "AddV2", "Sub", "Mul", "FloorDiv", "FloorMod", "Floor", "Round"),
}


def has_tables(layer: Any) -> bool:
    """Whether it is an Embedding, or a model or layer with one in it."""
    return has_layers(layer) and bool(_tables_in(layer))


def rows_looked_up(
    layer: Any,
    call: Callable[[list], Any],
    specs: Sequence[tf.TensorSpec],
    same_numbers: bool = False,
) -> list[int | None]:
    """How many rows the smallest table has that each input holds indices of.

    Args:
        layer: a layer or model.
        call: calls it, on tensors such as `specs` say.
        specs: of the inputs.
        same_numbers: whether the numbers must be the indices, and not numbers that those are made
            of, such as indices before an offset.

    Returns:
        None for an input that no table is asked for.
    """
    through = _SAME_NUMBERS if same_numbers else _OF_INDICES
    found: list[int | None] = [None] * len(specs)

    @tf.function(autograph=False)
    def traced(*inputs):
        with _noted(layer) as lookups:
            call(list(inputs))
        for indices, rows in lookups:
            reached = _reached(indices, through)
            for place, tensor in enumerate(inputs):
                if tensor.op in reached:
                    found[place] = min(rows, found[place] or rows)

    traced.get_concrete_function(*specs)
    return found


def _tables_in(layer: Any) -> list:
    """The Embeddings in a layer, of either Keras version and of classes made of theirs."""
    return [
        each
        for each in all_layers(layer)
        if any(kind.__name__ == "Embedding" for kind in type(each).__mro__)
    ]


@contextlib.contextmanager
def _noted(layer: Any):
    """Gives a list to which every look-up inside is added: its indices, and a table's rows."""
    lookups: list[tuple[Any, int]] = []
    with contextlib.ExitStack() as replacing:
        for table in _tables_in(layer):
            replacing.enter_context(calls.replaced(table, _noting(table, lookups)))
        yield lookups


def _noting(table: Any, lookups: list):
    own = table.call

    def call(inputs, *args, **kwargs):
        backwards = args[0] if args else kwargs.get("reverse")  # of a ReversibleEmbedding
        if not backwards:
            # Positions that a layer holds, as a constant or a weight, come from no input.
            lookups.append((tf.convert_to_tensor(inputs), table.input_dim))
        return own(inputs, *args, **kwargs)

    return call


def _reached(tensor: Any, through: set[str]) -> set:
    """The operations that a tensor's numbers come from, itself and back through such as these."""
    reached: set = set()
    open_operations = [tensor.op]
    while open_operations:
        operation = open_operations.pop()
        if operation not in reached:
            reached.add(operation)
            if operation.type in through:
                open_operations += [each.op for each in operation.inputs]
    return reached
