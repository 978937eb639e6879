"""The training that a user's model class has of its own, kept for its quantized model.

Such a class overrides what Keras' `fit`, `evaluate` and `predict` call: `train_step`,
`compute_loss`, `metrics` and their like. A quantized model runs these with a stand-in for
`self`: it is called, trained and compiled as the quantized model, has what the user's class
and its constructor gave the plain one, and passes for one of that class, so that ``super()``
works.
"""

import functools
import inspect
import warnings
from collections.abc import Callable
from typing import Any

import keras

from tfqd.wrapping.keras3.insides import Functional
from tfqd.wrapping.own_steps import STEPS, is_own, is_users, overridden

_LOST = (
    *("fit", "evaluate", "predict", "train_on_batch", "test_on_batch", "predict_on_batch"),
    *("make_train_function", "make_test_function", "make_predict_function"),
)
# Parts of every Keras model that are the plain model's.
_OF_THE_PLAIN = {"_metrics", "get_layer", "layers"}


def warn_of_lost(model: keras.Model, made: keras.Model, what: str) -> None:
    """Warns where a model's class overrides what is not taken over from it.

    Args:
        model: of the class.
        made: what was made of it: of its class too, then to be quantized, or of its graph
            alone, which takes over no training.
        what: the name for `made` in the warning, where it is made of the graph alone.
    """
    kind = type(model)
    alone = type(made) is not kind
    lost = overridden(kind, (*_LOST, *STEPS, "metrics") if alone else _LOST)
    if lost:
        takes = "layers" if isinstance(made, keras.Sequential) else "inputs, outputs"
        by = (
            f"{what}, which is made of the model's graph, and of a class alone that is made of "
            f"{takes} and name"
            if alone
            else "its quantized model; override train_step, test_step, predict_step or "
            "compute_loss, which are"
        )
        warnings.warn(f"{kind.__name__}'s own {', '.join(lost)} is not kept by {by}", stacklevel=4)


def of_class(graph: keras.Model, kind: type[keras.Model]) -> keras.Model:
    """A Functional or Sequential model as one of a user's class of such, whose training is its own.

    Args:
        graph: the model; not to be used any more.
        kind: the class; the model stays what it is if that is none of the user's, or not made
            of inputs and outputs, or of layers.
    """
    chain = isinstance(graph, keras.Sequential)
    if not is_users(kind) or not issubclass(kind, keras.Sequential if chain else Functional):
        return graph
    parts = ([*graph.inputs, *graph.layers],) if chain else (graph.input, graph.output)
    try:
        return kind(*parts, name=graph.name)
    except (TypeError, ValueError):  # its constructor takes something else
        return graph


class KeepsOwnSteps:
    """Mixin: a Keras 3 model that trains as the class of its inner `model` says."""

    model: keras.Model
    # What the user's class has for `metrics`; None where there is no such class.
    _metrics_of_class: Callable[[], list] | None = None
    _ran_quantized = False

    def _keep_steps(self) -> None:
        """Takes over what the class of the inner model overrides; called when that is there."""
        kind = type(self.model)
        if not is_users(kind):
            return
        stand_in = _StandIn(self)
        # No attribute: Keras would take it for a layer of this model.
        self._metrics_of_class = lambda: kind.metrics.__get__(stand_in)
        for name in overridden(kind, STEPS):
            method = getattr(kind, name).__get__(stand_in)
            setattr(self, name, self._told(name, method) if name.endswith("_step") else method)
        if is_own(kind, "compile") and not is_own(kind, "compile_from_config"):
            # Keras' own looks at the class, and does not compile one with its own `compile`.
            self.compile_from_config = kind.compile_from_config.__get__(stand_in)
        self._compute_loss_has_training_arg = self.model._compute_loss_has_training_arg

    @property
    def metrics(self) -> list[keras.metrics.Metric]:
        """Those of the inner model's class, if it is the user's own."""
        if self._metrics_of_class is None:
            return keras.Model.metrics.__get__(self)
        return self._metrics_of_class()

    def _told(self, name: str, step: Callable[..., Any]) -> Callable[..., Any]:
        """A step of the user's, which warns where it does not run the quantized model."""

        @functools.wraps(step)
        def told(*args, **kwargs):
            self._ran_quantized = False
            result = step(*args, **kwargs)
            if not self._ran_quantized:
                warnings.warn(
                    f"{type(self.model).__name__}.{name} never calls self(...): the layers that it "
                    "calls by themselves compute with float weights; quantize the models that it "
                    "calls, or put tfqd.layers.QuantizeWrapper around their layers",
                    stacklevel=2,
                )
            return result

        return told


class _StandIn:
    """A quantized model as the user's class is to see it: as one of its own objects."""

    def __init__(self, quantized: KeepsOwnSteps):
        object.__setattr__(self, "_quantized", quantized)

    # What super() and isinstance ask.
    __class__ = property(lambda self: type(self._quantized.model))

    def __call__(self, *args, **kwargs):
        self._quantized._ran_quantized = True
        return self._quantized(*args, **kwargs)

    call = __call__

    def __getattr__(self, name: str) -> Any:
        kind = self.__class__
        if is_own(kind, name):
            attribute = inspect.getattr_static(kind, name)
            return attribute.__get__(self, kind) if hasattr(attribute, "__get__") else attribute
        return getattr(self._holder(name), name)

    def __setattr__(self, name: str, value: Any) -> None:
        setattr(self._holder(name), name, value)

    def _holder(self, name: str) -> Any:
        """The model whose attribute it is: of Keras' the quantized one's, else the user's."""
        quantized = self._quantized
        of_keras = name in _names_of_keras() and name not in _OF_THE_PLAIN
        return quantized if of_keras else quantized.model


@functools.cache
def _names_of_keras() -> frozenset[str]:
    """The names of what every Keras model has once it is compiled."""
    model = keras.Model(name="asked_by_tfqd")
    model.compile(optimizer=None)
    return frozenset(dir(model))
