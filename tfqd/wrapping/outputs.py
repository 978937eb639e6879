"""Where the output of a model comes from, which tensors of both Keras versions know alike."""

from typing import Any


def last_step(model: Any) -> Any:
    """What gives a model's one output: a layer, or an operation of Keras 3 that is no layer.

    Models that give it are looked into. None where that leads to one that is no graph, whose
    code may do anything to what its layers give.
    """
    step, place = model, 0
    while hasattr(step, "layers"):
        if not getattr(step, "inputs", None):
            return None
        step, _, place = step.outputs[place]._keras_history
    return step
