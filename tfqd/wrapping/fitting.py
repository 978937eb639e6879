"""What callbacks need to know of a model that is being fitted, of either Keras version."""

from tfqd.wrapping.version import version_of


def handed_over(model):
    """The model that training is for: a Distiller's student, else the model itself."""
    return getattr(model, "student", model)


def steps_per_execution(model) -> int | str:
    """The steps between two batch hooks of callbacks; ``"auto"`` where Keras chooses them."""
    return version_of(model).training.steps_per_execution(model)


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
