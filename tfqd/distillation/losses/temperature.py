"""The temperature of a soft loss, and which one suits a student."""

from tfqd.spec.checks import is_bits


def default_temperature(bits: int | None) -> float:
    """The temperature for a student of so many bits.

    The fewer the bits, the less of a soft teacher a student can follow: in
    published runs on CIFAR-10 (Intel's Distiller, ResNets of 20 layers) a
    temperature of 5 is the best for float students, and costs students of 3
    bits ten points against a temperature of 1.

    Args:
        bits: the student's fewest bits, 1 to 8; None for a float student.

    Returns:
        1 up to 3 bits, 2 up to 5, 3 up to 8, and 4 for float students.

    Raises:
        ValueError: for other bits.

    Example:

    >>> [default_temperature(bits) for bits in (2, 4, 8, None)]
    [1.0, 2.0, 3.0, 4.0]
    """
    if bits is None:
        return 4.0
    if not is_bits(bits):
        raise ValueError(f"bits must be None or a whole number from 1 to 8; got {bits!r}")
    if bits <= 3:
        return 1.0
    return 2.0 if bits <= 5 else 3.0
