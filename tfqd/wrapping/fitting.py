"""What callbacks need to know of a model that is being fitted, of either Keras version."""

from collections.abc import Callable
from typing import Any

import tensorflow as tf

from tfqd.wrapping.activations import quantized_activations
from tfqd.wrapping.layers import all_layers
from tfqd.wrapping.quantized import find_quantized
from tfqd.wrapping.variables import weights_digest
from tfqd.wrapping.version import version_of


def student_or_self(model):
    """The model that training is for: a Distiller's student, else the model itself."""
    return getattr(model, "student", model)


def has_its_own_bits(model) -> bool:
    """Whether no schedule trains the weights or activations of a model with others for a while."""
    return all(entry.in_force is entry.quantizer for entry in find_quantized(model)) and all(
        layer.bits == layer.quantizer.bits for layer in quantized_activations(model)
    )


def steps_per_execution(model) -> int | str:
    """The steps between two batch hooks of callbacks; ``"auto"`` where Keras chooses them."""
    return version_of(model).training.steps_per_execution(model)


def averages_weights(model) -> bool:
    """Whether the optimizer replaces weights by their moving average."""
    optimizer = model.optimizer
    return bool(getattr(getattr(optimizer, "inner_optimizer", optimizer), "use_ema", False))


def optimizer_steps(model) -> int:
    """How many steps the model's optimizer has made; 0 where it has none."""
    optimizer = getattr(model, "optimizer", None)
    return 0 if optimizer is None else int(tf.convert_to_tensor(optimizer.iterations))


def learning_rate(model) -> float:
    """The optimizer's learning rate of the coming step."""
    rate = model.optimizer.learning_rate
    rate = rate(model.optimizer.iterations) if callable(rate) else rate
    return float(tf.convert_to_tensor(rate))  # Under a strategy it is several variables in one.


def trace_again(model) -> None:
    """Makes a model that is being fitted trace its step functions anew.

    What Python decided while they were traced, such as bits, is decided again.
    """
    for part in all_layers(model):
        for function in ("train_function", "test_function", "predict_function"):
            if getattr(part, function, None) is not None:
                setattr(part, function, None)
    # The running `fit` has made it already and only looks it up.
    model.make_train_function(force=True)


def after_all_callbacks(model, function: Callable[[], None], first: bool = False) -> None:
    """Has a function called when every callback that a user gave to `fit` has ended training.

    Keras puts the History of a fit behind them, and has the model know it from the beginning
    on. Of a History that a user put among them, the function follows that one. Several
    functions are called in the order in which they were given.

    Args:
        model: the one that is being fitted.
        function: called once, in the History's `on_train_end`.
        first: before those that were given earlier.
    """
    history = getattr(model, "history", None)
    if history is None:  # A training loop of the user's own, with callbacks but no History.
        return
    before = history.on_train_end

    def on_train_end(logs=None):
        vars(history).pop("on_train_end", None)
        if first:
            function()
        before(logs)
        if not first:
            function()

    history.on_train_end = on_train_end


def notes_of_fit(model) -> dict[str, Any]:
    """What callbacks leave for one another in the running fit, by name; empty in each new one.

    In a training loop of the user's own, which has no History, nothing is kept.
    """
    history = getattr(model, "history", None)
    return {} if history is None else vars(history).setdefault("_tfqd_notes", {})


def hold_at_the_end(model, function: Callable[[], None], first: bool = False) -> None:
    """Calls a function, and again when all callbacks have ended if they changed weights.

    Args:
        model: the one that is being fitted, at the end of training.
        function: called once or twice.
        first: the second time, before functions that were given earlier.
    """
    function()
    left = weights_digest(student_or_self(model))

    def again() -> None:
        if weights_digest(student_or_self(model)) != left:
            function()

    after_all_callbacks(model, again, first)
