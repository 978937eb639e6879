"""Algorithm 1 of arXiv 1802.05668 around the train step of any model.

    before a step:  w_q = Q(w)
    the step:       v = the optimizer's step from w_q, with the gradients at w_q
    after it:       w = w + (v - w_q)

The model is the user's own, not wrapped: it holds w between the steps, w_q
during a step, while it is validated, and when training has ended.
"""

from collections.abc import Mapping

import keras

from tfqd.callbacks.callback import Callback
from tfqd.compressed import CompressedModel
from tfqd.spec import Spec
from tfqd.spec.selection import Selection, checked_selection
from tfqd.wrapping import compress
from tfqd.wrapping.fitting import (
    after_all_callbacks,
    averages_weights,
    optimizer_steps,
    steps_per_execution,
    student_or_self,
)
from tfqd.wrapping.layers import all_layers
from tfqd.wrapping.quantized import find_quantized
from tfqd.wrapping.shadow import Contents, Shadow
from tfqd.wrapping.shadow_copies import quantized_copy, shadow_of
from tfqd.wrapping.weight_decay import reads_weights, weight_decay


class QuantizeWeights(Callback):
    """Trains a plain model with quantized weights: the paper's Algorithm 1.

    Put it first in the list of callbacks. Between steps the model holds the
    float weights, which checkpoints keep; metrics of training and validation
    are those of the quantized weights, and in the end the model holds these.
    `quantized_model` and `compress` give the compressible forms; `fit` with the
    same callback trains on from the float weights.

    Float weights that another callback puts in at the end, as
    ``EarlyStopping(restore_best_weights=True)`` does, count: they are quantized
    when all callbacks have ended. A fit that an error or an interrupt ends leaves
    the model as it is in that moment; `restore` puts the float weights back, and
    so does ``with``.

    This trains like `tfqd.quantize_model`: weight decay takes from the float
    weights (Algorithm 1). Regularizers alone see the quantized ones here.

    Args:
        spec: a `tfqd.Uniform` for all kernels, recurrent kernels, embeddings and the like,
            or a mapping from a regular expression over the variable's path to
            one or None; see `tfqd.quantize_model`. Other specs train points or
            steps by gradients, which a callback does not have.

    Raises:
        TypeError: when `spec` is no spec.
        ValueError: for a spec that is not uniform, or clips or freezes weights.
        ValueError: in `fit`, for a model that is unbuilt or already quantized or
            has LoRA matrices or constraints on quantized weights, and for settings that a
            callback cannot serve: ``steps_per_execution`` above 1, several
            replicas, an optimizer that averages weights or computes its steps from them.

    Example:

    >>> import tensorflow as tf
    >>> callback = tfqd.callbacks.QuantizeWeights(tfqd.Uniform(bits=4))
    >>> model.compile("sgd", "mse")
    >>> _ = model.fit(tf.ones((32, 8)), tf.ones((32, 4)), callbacks=[callback], verbose=0)
    >>> quantized = callback.quantized_model()
    """

    def __init__(self, spec: Selection):
        super().__init__()
        self.spec = checked_selection(spec)
        for each in self.spec.values() if isinstance(self.spec, Mapping) else [self.spec]:
            _check_spec(each)
        self._last_shadow: Shadow | None = None
        self._fitting = False
        self._epoch_begins = False

    def on_train_begin(self, logs=None):
        model = student_or_self(self.model)
        if self._last_shadow is None or self._last_shadow.model is not model:
            _check_model(model)
            self._last_shadow = shadow_of(model, self.spec)
        elif self._fitting:
            raise ValueError(
                "the last fit with this callback did not end; call restore(), which puts the "
                "float weights back, or use a new callback"
            )
        _check_fit(self.model)
        self._shadow.forget_if_overwritten()
        self._shadow.settle()
        self._shadow.attach()
        self._fitting = True

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch_begins = True

    def on_train_batch_begin(self, batch, logs=None):
        if self._epoch_begins:
            # Not before: other callbacks change bits and load weights.
            self._shadow.trace()
            self._shadow.seed_noise(optimizer_steps(self.model))
            self._epoch_begins = False
        variables = [entry.variable for entry in self._shadow.entries]
        self._shadow.begin_step(weight_decay(self.model, variables))

    def on_train_batch_end(self, batch, logs=None):
        self._shadow.settle()

    def on_epoch_end(self, epoch, logs=None):
        # A step was begun and not made when the data came to its end.
        self._shadow.settle()

    def on_test_begin(self, logs=None):
        self._show_quantized()

    def on_test_end(self, logs=None):
        self._show_floats()

    def on_predict_begin(self, logs=None):
        self._show_quantized()

    def on_predict_end(self, logs=None):
        self._show_floats()

    def on_train_end(self, logs=None):
        self._shadow.show_quantized()
        self._stop()
        after_all_callbacks(self.model, self._quantize_what_was_put_in)

    def restore(self) -> None:
        """Puts the float weights into the model, whatever has become of the fit."""
        shadow = self._used_shadow()
        shadow.settle()
        self._stop()

    def quantize(self) -> None:
        """Puts the quantized weights into the model, as the end of training does."""
        shadow = self._used_shadow()
        if shadow.holds is not Contents.QUANTIZED:
            shadow.show_quantized()

    def quantized_model(self) -> keras.Model:
        """A quantized model as from `tfqd.quantize_model`, which can train on.

        Raises:
            ValueError: before a `fit`, or when the model cannot be copied.
        """
        return quantized_copy(self._used_shadow())

    def compress(self) -> CompressedModel:
        """The compressed form of the model, as `tfqd.compress` gives it.

        Raises:
            ValueError: before a `fit`, or when weights are NaN or infinite.
        """
        shadow = self._used_shadow()
        with shadow.attached():
            return compress(shadow.model)

    def __enter__(self) -> "QuantizeWeights":
        return self

    def __exit__(self, *error) -> None:
        if self._fitting:
            self.restore()

    def _quantize_what_was_put_in(self) -> None:
        if self._shadow.holds is Contents.QUANTIZED:  # Not when somebody called `restore`.
            self.quantize()

    @property
    def _shadow(self) -> Shadow:
        if self._last_shadow is None:
            raise ValueError("this callback has not been used in a fit yet")
        return self._last_shadow

    def _used_shadow(self) -> Shadow:
        self._shadow.forget_if_overwritten()
        return self._shadow

    def _stop(self) -> None:
        self._shadow.detach()
        self._fitting = False

    def _show_quantized(self) -> None:
        if self._fitting:
            self._shadow.show_quantized()

    def _show_floats(self) -> None:
        if self._fitting:
            self._shadow.settle()


def _check_spec(spec: Spec | None) -> None:
    if spec is not None and spec.trains_levels:
        raise ValueError(
            "a callback has no gradients to train points or steps with; use tfqd.Uniform, or "
            f"tfqd.quantize_model(model, spec) instead of the callback; got {spec}"
        )
    for name in ("clip", "freeze_above"):
        if spec is not None and getattr(spec, name) is not None:
            raise ValueError(
                f"{name} stops gradients, which a callback does not have; use "
                f"tfqd.quantize_model(model, spec) instead of the callback; got {spec}"
            )


def _check_model(model) -> None:
    if not model.built:
        raise ValueError(
            f"model {model.name!r} is not built; call it on data or model.build(input_shape) first"
        )
    if find_quantized(model):
        raise ValueError(
            f"model {model.name!r} is already quantized, or trains with another QuantizeWeights"
        )
    for layer in all_layers(model):
        if getattr(layer, "lora_enabled", False):
            raise ValueError(
                f"layer {layer.name!r} has LoRA matrices, which Keras adds to its kernel in files, "
                "past the callback; tfqd.quantize_model merges them"
            )


def _check_fit(model) -> None:
    steps = steps_per_execution(model)
    if steps != 1:
        raise ValueError(
            "QuantizeWeights swaps weights before and after each step, so steps_per_execution "
            f"must be 1; got {steps!r}. tfqd.quantize_model has no such limit"
        )
    replicas = model.distribute_strategy.num_replicas_in_sync
    if replicas > 1:
        raise ValueError(
            f"QuantizeWeights works on one replica; got {replicas}. tfqd.quantize_model works on "
            "several"
        )
    if averages_weights(model):
        raise ValueError(
            "the optimizer's use_ema would average quantized weights; QuantizeWeights cannot "
            "serve it, tfqd.quantize_model can"
        )
    reason = reads_weights(model)
    if reason is not None:
        raise ValueError(
            f"{reason}, which under QuantizeWeights are the quantized ones; use another optimizer, "
            "or tfqd.quantize_model, which trains the float weights with any"
        )
