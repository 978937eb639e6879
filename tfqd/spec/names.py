"""Short names of specs: ``4``, ``"uniform4"``, ``"codebook2"``, ``"learned4"``."""

import re
from typing import Any

from tfqd.spec.checks import is_integer
from tfqd.spec.codebook import Codebook
from tfqd.spec.learned_step import LearnedStep
from tfqd.spec.uniform import Uniform

_METHODS = {"uniform": Uniform, "codebook": Codebook, "learned": LearnedStep}


def spec_named(spec: Any) -> Any:
    """The spec that a short name stands for; what is no name comes back as it is.

    Args:
        spec: bits, 1 to 8, for `Uniform`, the paper's grid in buckets of 256; or
            ``"uniform"``, ``"codebook"`` or ``"learned"`` and the bits, for
            `Uniform`, `Codebook` or `LearnedStep`, all else by default.

    Raises:
        ValueError: for another number or text.

    Example:

    >>> spec_named(4) == spec_named("uniform4") == Uniform(bits=4)
    True
    """
    if is_integer(spec, 1, 8):
        return Uniform(bits=spec)
    match = re.fullmatch(rf"({'|'.join(_METHODS)})([1-8])", spec) if isinstance(spec, str) else None
    if match is not None:
        return _METHODS[match[1]](bits=int(match[2]))
    if isinstance(spec, str) or is_integer(spec):
        names = ", ".join(f"'{method}1' to '{method}8'" for method in _METHODS)
        raise ValueError(f"a spec's short name must be 1 to 8 (bits), {names}; got {spec!r}")
    return spec
