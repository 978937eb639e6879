"""What optimizers compute of the weights themselves, in either Keras version."""

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfqd.wrapping.fitting import learning_rate, optimizer_steps

# Optimizers whose steps are computed from the weights, not from gradients alone.
_READERS_OF_WEIGHTS = {"Adafactor", "Ftrl", "LARS", "Lamb", "Muon", "ScheduleFreeAdamW"}


def weight_decay(model, variables: Sequence) -> Callable[[], list[float]]:
    """What the optimizer's decoupled weight decay takes in the step that begins.

    Args:
        model: the model that is being fitted.
        variables: some of its trainable variables.

    Returns:
        A function, to be called after the step: of each variable the share that was
        taken; 0 when no step was made.
    """
    none = [0.0] * len(variables)
    optimizer = model.optimizer
    decay = getattr(optimizer, "weight_decay", None)
    if not decay:
        return lambda: none
    before = optimizer_steps(model)
    share = float(decay) * learning_rate(model)
    shares = [share * bool(optimizer._use_weight_decay(_own(each))) for each in variables]
    return lambda: shares if optimizer_steps(model) > before else none


def _own(variable) -> tf.Variable:
    """TensorFlow's variable, by whose name optimizers exclude one from weight decay."""
    return variable if isinstance(variable, tf.Variable) else variable.value


def reads_weights(model) -> str | None:
    """Why a step of the optimizer depends on the weights' own values; None if it does not.

    Decoupled weight decay alone does not count: see `weight_decay`.
    """
    optimizer = model.optimizer
    inner = getattr(optimizer, "inner_optimizer", optimizer)
    kinds = {cls.__name__ for cls in type(inner).__mro__}
    readers = sorted(kinds & _READERS_OF_WEIGHTS)
    if readers:
        return f"{readers[0]} scales its steps by the weights"
    if getattr(inner, "weight_decay", None):
        if inner is not optimizer:
            return f"{type(optimizer).__name__} leaves steps out, and their weight decay"
        if getattr(optimizer, "gradient_accumulation_steps", None):
            return "weight decay waits for gradient_accumulation_steps"
    return None
