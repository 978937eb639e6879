"""A plain model whose own variables hold quantized values for a while.

Algorithm 1 of arXiv 1802.05668 without a model around the model: the float
values w are kept aside while the variables hold Q(w), and when the optimizer
has turned Q(w) into v they become w + (v - Q(w)). What it did not move comes
back bit for bit.
"""

import contextlib
import enum
from collections.abc import Callable, Iterator, Sequence

import tensorflow as tf

from tfqd.quantizers import Quantizer
from tfqd.wrapping.plain_values import remember
from tfqd.wrapping.quantized import QuantizedVariable, find_quantized

_ATTRIBUTE = "quantized_variables"  # where `find_quantized` looks


class Contents(enum.Enum):
    """What the variables of a shadowed model hold."""

    FLOATS = "the float values"
    STEP = "the values of a training step"
    QUANTIZED = "the quantized values, as in inference"


class ShadowedVariable(QuantizedVariable):
    """A variable of a model that is not quantized itself.

    Args:
        shadow: whose entry this is.
        variable: of a plain model of Keras 3 or tf_keras.
        path: its name for patterns.
        quantizer: of a uniform spec.
    """

    def __init__(self, shadow: "Shadow", variable, path: str, quantizer: Quantizer):
        state = quantizer.build(tuple(variable.shape), path, _NoLayer())
        super().__init__(variable, quantizer, state)
        self.shadow = shadow
        self._path = path
        self.floats, self.given = (
            tf.Variable(tf.convert_to_tensor(variable), trainable=False) for _ in range(2)
        )

    @property
    def path(self) -> str:
        return self._path

    def value(self) -> tf.Tensor:
        source = self.variable if self.shadow.holds is Contents.FLOATS else self.floats
        return tf.cast(tf.convert_to_tensor(source), tf.float32)

    def add_penalty(self, kind, penalty):
        raise ValueError(
            f"{self.path} holds its quantized values in a training step, of which nothing pulls "
            "the float ones; use tfqd.quantize_model(model, spec) instead of QuantizeWeights"
        )

    def show(self, training: bool) -> None:
        """Keeps the float values aside and puts the quantized ones in."""
        self.floats.assign(tf.convert_to_tensor(self.variable))
        self.given.assign(tf.cast(self.quantize(training), self.given.dtype))
        self.variable.assign(tf.convert_to_tensor(self.given))

    def take_over(self, decay: tf.Tensor) -> None:
        """Puts the float values in, moved by what was done to the quantized ones.

        Args:
            decay: the share that weight decay took from the quantized values, and is
                to take from the float ones (Algorithm 1 updates these).
        """
        moved = tf.convert_to_tensor(self.variable) - self.given
        decay = tf.cast(decay, self.given.dtype)
        self.variable.assign(self.floats + moved + decay * (self.given - self.floats))

    @property
    def is_as_given(self) -> bool:
        """Whether the variable still holds what `show` put in."""
        return bool(tf.reduce_all(tf.equal(tf.convert_to_tensor(self.variable), self.given)))


class Shadow:
    """The float values of a plain model's quantized variables.

    Args:
        model: a model of Keras 3 or tf_keras.
        chosen: variables to be quantized, their paths and quantizers.
    """

    def __init__(self, model, chosen: list[tuple[object, str, Quantizer]]):
        self.model = model
        self.holds = Contents.FLOATS
        self.entries = [ShadowedVariable(self, *each) for each in chosen]
        remember(model, [(each.variable, each.quantizer, each.state) for each in self.entries])
        self._end = tf.function(self._take_over_all)
        self._traced_bits: list[int | None] | None = None
        self.trace()

    def trace(self) -> None:
        """Makes the steps follow the bits that are now in force."""
        bits = [entry.bits for entry in self.entries]
        if bits != self._traced_bits:
            self._traced_bits = bits
            self._begin = tf.function(self._show_all)

    def seed_noise(self, step: int) -> None:
        """Puts stochastic rounding at the noise of the training step of this number."""
        for entry in self.entries:
            if "seed" in entry.state:
                seed = entry.state["seed"]
                seed.assign(tf.stack([seed[0], step]))

    def begin_step(self, decayed: Callable[[], Sequence[float]]) -> None:
        """Puts the quantized values of a training step in.

        Args:
            decayed: asked when the step has ended, gives the share of each entry's
                variable that weight decay took.
        """
        self.settle()
        self._begin()
        self._decayed = decayed
        self.holds = Contents.STEP

    def end_step(self) -> None:
        """Applies to the float values what the optimizer did to the quantized ones."""
        self._end(tf.constant(self._decayed(), tf.float32))
        self.holds = Contents.FLOATS

    def show_quantized(self) -> None:
        """Puts the quantized values in, as inference and `tfqd.compress` use them."""
        self.settle()
        for entry in self.entries:
            entry.show(training=False)
        self.holds = Contents.QUANTIZED

    def settle(self) -> None:
        """Puts the float values in; a step that was begun counts as far as it got."""
        if self.holds is Contents.STEP:
            self.end_step()
        elif self.holds is Contents.QUANTIZED:
            for entry in self.entries:
                entry.variable.assign(tf.convert_to_tensor(entry.floats))
            self.holds = Contents.FLOATS

    def forget_if_overwritten(self) -> None:
        """Takes new values, that something else put in for the quantized ones, for floats."""
        if self.holds is Contents.QUANTIZED and not all(
            entry.is_as_given for entry in self.entries
        ):
            self.holds = Contents.FLOATS

    @contextlib.contextmanager
    def attached(self) -> Iterator[None]:
        """Inside, the model counts as quantized: `find_quantized` finds the entries."""
        was_attached = _ATTRIBUTE in vars(self.model)
        self.attach()
        try:
            yield
        finally:
            if not was_attached:
                self.detach()

    def attach(self) -> None:
        """Makes `find_quantized` find the entries in the model."""
        # Past __setattr__, through which Keras would track, lock and save them.
        vars(self.model)[_ATTRIBUTE] = self.entries

    def detach(self) -> None:
        """Undoes `attach`."""
        vars(self.model).pop(_ATTRIBUTE, None)

    def _show_all(self) -> None:
        for entry in self.entries:
            entry.show(training=True)

    def _take_over_all(self, decays: tf.Tensor) -> None:
        for entry, decay in zip(self.entries, tf.unstack(decays), strict=True):
            entry.take_over(decay)


@contextlib.contextmanager
def quantized_values_in(model) -> Iterator[None]:
    """Inside, a model that trains under a shadow holds its quantized values.

    Other quantized models compute with theirs anyway.
    """
    shadows = {
        id(entry.shadow): entry.shadow
        for entry in find_quantized(model)
        if isinstance(entry, ShadowedVariable)
    }
    hidden = [shadow for shadow in shadows.values() if shadow.holds is not Contents.QUANTIZED]
    try:
        for shadow in hidden:
            shadow.show_quantized()
        yield
    finally:
        for shadow in hidden:
            shadow.settle()


class _NoLayer:
    """Makes a quantizer's variables that belong to no layer."""

    def add_weight(self, *, name, shape, dtype, initializer, trainable) -> tf.Variable:
        return tf.Variable(initializer(shape), trainable=trainable, name=name, dtype=dtype)
