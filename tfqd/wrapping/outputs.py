"""Where the output of a model comes from, which tensors of both Keras versions know alike."""

from typing import Any


def source_of(tensor: Any) -> tuple[Any, int, int]:
    """What gives a tensor, the number of the call that gave it, and its place in what it gave."""
    return tensor._keras_history


def last_step(model: Any) -> Any:
    """What gives a model's one output: a layer, or an operation of Keras 3 that is no layer.

    Models that give it are looked into. None where that leads to one that is no graph, whose
    code may do anything to what its layers give.
    """
    step, place = model, 0
    while hasattr(step, "layers"):
        if not getattr(step, "inputs", None):
            return None
        step, _, place = source_of(step.outputs[place])
    return step
