"""A variable whose spec weighs code lengths: its steps, and what its bits count."""

import numpy as np
import tensorflow as tf

from tfqd.quantizers.base import assign
from tfqd.quantizers.entropy_constrained import STRETCHED, EntropyConstrainedQuantizer
from tfqd.wrapping.quantized import QuantizedVariable


class PricedVariable:
    """A quantized variable of `tfqd.EntropyConstrained`, or of a spec that goes on from it.

    Args:
        entry: the variable.

    Raises:
        TypeError: when its spec does not weigh code lengths.
    """

    def __init__(self, entry: QuantizedVariable):
        if not isinstance(entry.quantizer, EntropyConstrainedQuantizer):
            raise TypeError(f"{entry.path}: {entry.quantizer.spec} does not weigh code lengths")
        self.entry = entry
        self._quantizer = entry.quantizer

    def price(self) -> tf.Tensor:
        """What its code counts in the loss: float32 []."""
        return self._quantizer.price(tuple(self.entry.variable.shape), self.entry.state)

    @property
    def bit_price(self) -> float:
        """What a bit of its code counts in the loss."""
        return float(tf.convert_to_tensor(self.entry.state["bit_price"]))

    @bit_price.setter
    def bit_price(self, price: float) -> None:
        self.entry.state["bit_price"].assign(price)

    def coded_bits(self) -> float:
        """Bits of its entropy-coded codes."""
        return self._quantizer.coded_bits(self.entry.value(), self.entry.state)

    def stretch_steps(self, factor: float, settle: bool = True) -> None:
        """Makes its steps `factor` times as long.

        Args:
            factor: positive.
            settle: whether lengths are counted anew, by the frequencies of the new codes.
        """
        self._quantizer.stretch_steps(factor, self.entry.value(), self.entry.state, settle)

    def shortest_stretch(self) -> float:
        """The least factor of `stretch_steps` that has no more weights clipped: at most 1."""
        return self._quantizer.shortest_stretch(self.entry.value(), self.entry.state)

    @property
    def widest_code(self) -> int:
        """The most bits that a code of its spec can have."""
        return self._quantizer.spec.widest_code

    def most_bits(self, bits: int) -> float:
        """Bits of its entropy-coded codes with the shortest steps that `bits` a code start with."""
        return self._quantizer.most_bits(bits, self.entry.value())

    def held_steps(self) -> dict[str, np.ndarray]:
        """What `stretch_steps` changes of its quantizer's variables, by role."""
        state = self.entry.state
        held = {role: tf.convert_to_tensor(state[role]) for role in STRETCHED if role in state}
        return {role: value.numpy() for role, value in held.items()}

    def put_steps(self, held: dict[str, np.ndarray]) -> None:
        """Puts what `held_steps` gave back in."""
        assign(held, self.entry.state)
