"""What callbacks need to know of a model that is being fitted, of either Keras version."""

import keras

# Optimizers whose steps are computed from the weights, not from gradients alone.
_READERS_OF_WEIGHTS = {"Adafactor", "Ftrl", "LARS", "Lamb", "Muon", "ScheduleFreeAdamW"}


def handed_over(model):
    """The model that training is for: a Distiller's student, else the model itself."""
    return getattr(model, "student", model)


def steps_per_execution(model) -> int | str:
    """The steps between two batch hooks of callbacks; ``"auto"`` where Keras chooses them."""
    if isinstance(model, keras.Model):
        return model.steps_per_execution
    if model._autotune_steps_per_execution:
        return "auto"
    return int(model._steps_per_execution)


def averages_weights(model) -> bool:
    """Whether the optimizer replaces weights by their moving average."""
    optimizer = model.optimizer
    return bool(getattr(getattr(optimizer, "inner_optimizer", optimizer), "use_ema", False))


def optimizer_steps(model) -> int:
    """How many steps the model's optimizer has made."""
    return int(model.optimizer.iterations)


def trace_again(model) -> None:
    """Makes a model that is being fitted trace its step functions anew.

    What Python decided while they were traced, such as bits, is decided again.
    """
    for part in model._flatten_layers():
        for function in ("train_function", "test_function", "predict_function"):
            if getattr(part, function, None) is not None:
                setattr(part, function, None)
    # The running `fit` has made it already and only looks it up.
    model.make_train_function(force=True)


class StepDecay:
    """What the optimizer's decoupled weight decay takes from weights in the step that begins.

    Args:
        model: the model that is being fitted.
        variables: some of its trainable variables.
    """

    def __init__(self, model, variables):
        self._model = model
        self._steps = optimizer_steps(model)
        optimizer = model.optimizer
        decay = getattr(optimizer, "weight_decay", None)
        self._shares = [0.0] * len(variables)
        if decay:
            rate = optimizer.learning_rate
            share = float(decay) * float(rate(optimizer.iterations) if callable(rate) else rate)
            self._shares = [share * bool(optimizer._use_weight_decay(v)) for v in variables]

    def shares(self) -> list[float]:
        """Of each variable the share that was taken; 0 when no step was made."""
        made = optimizer_steps(self._model) > self._steps
        return self._shares if made else [0.0] * len(self._shares)


def reads_weights(model) -> str | None:
    """Why a step of the optimizer depends on the weights' own values; None if it does not.

    Decoupled weight decay alone does not count: see `StepDecay`.
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
