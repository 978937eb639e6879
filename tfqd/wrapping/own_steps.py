"""What a user's model class overrides of Keras' training, in any Keras version."""

from collections.abc import Iterable

# What `fit`, `evaluate` and `predict` call of a model.
STEPS = (
    *("compile", "compile_from_config", "get_compile_config"),
    *("train_step", "test_step", "predict_step"),
    *("compute_loss", "compute_metrics", "get_metrics_result", "reset_metrics"),
)
_NOT_THE_USERS = {"keras", "tf_keras", "tfqd", "builtins"}


def is_users(cls: type) -> bool:
    """Whether a class is of the user's code, not of Keras or tfqd."""
    return cls.__module__.split(".")[0] not in _NOT_THE_USERS


def is_own(cls: type, name: str) -> bool:
    """Whether a class has the name from the user's code, not from Keras or tfqd."""
    for base in cls.__mro__:
        if name in vars(base):
            return is_users(base)
    return False


def overridden(cls: type, names: Iterable[str] = (*STEPS, "metrics")) -> list[str]:
    """Those of the names that a model class has from the user's code."""
    return [name for name in names if is_own(cls, name)]


def own_steps(model) -> list[str]:
    """What of `STEPS` the class of a model overrides, or that of the model quantized in it."""
    kind = type(model)
    return overridden(kind if is_users(kind) else type(getattr(model, "model", model)))
