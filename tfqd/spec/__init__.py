"""What to do with a weight tensor: one frozen dataclass per method.

A spec says how a tensor is represented and trained; it holds no tensor, knows
no layer and can be written to JSON (`to_dict`, `from_dict`). Which variable
gets which spec is the business of `tfqd.spec.selection`.
"""

from collections.abc import Mapping
from typing import Any

from tfqd.spec.base import Spec as Spec
from tfqd.spec.codebook import Codebook as Codebook
from tfqd.spec.learned_step import LearnedStep as LearnedStep
from tfqd.spec.uniform import Uniform as Uniform
from tfqd.spec.uniform import uniform_like as uniform_like

_KINDS = {cls.kind: cls for cls in (Uniform, Codebook, LearnedStep)}


def from_dict(config: Mapping[str, Any]) -> Spec:
    """The spec that `Spec.to_dict` wrote.

    Raises:
        TypeError: when `config` is no mapping.
        ValueError: for an unknown kind or unknown or bad fields.
    """
    if not isinstance(config, Mapping):
        raise TypeError(f"a spec's config must be a dict; got {config!r}")
    fields = dict(config)
    kind = fields.pop("kind", None)
    if not isinstance(kind, str) or kind not in _KINDS:
        raise ValueError(f"a spec's kind must be one of {sorted(_KINDS)}; got {kind!r}")
    try:
        return _KINDS[kind](**fields)
    except TypeError as error:
        raise ValueError(f"not a {kind} spec: {config}") from error
