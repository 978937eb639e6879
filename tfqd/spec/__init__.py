"""What to do with a weight tensor: one frozen dataclass per method.

A spec says how a tensor is represented and trained; it holds no tensor, knows
no layer and can be written to JSON (`to_dict`, `from_dict`). Which variable
gets which spec is the business of `tfqd.spec.selection`. `Activations` is for what flows
between layers.
"""

from tfqd.spec.activations import WIDE_BITS as WIDE_BITS
from tfqd.spec.activations import Activations as Activations
from tfqd.spec.base import Spec as Spec
from tfqd.spec.codebook import Codebook as Codebook
from tfqd.spec.entropy_codebook import EntropyCodebook as EntropyCodebook
from tfqd.spec.entropy_constrained import EntropyConstrained as EntropyConstrained
from tfqd.spec.kinds import from_dict as from_dict
from tfqd.spec.kinds import register_kind as register_kind
from tfqd.spec.learned_step import LearnedStep as LearnedStep
from tfqd.spec.uniform import Uniform as Uniform
from tfqd.spec.uniform import uniform_like as uniform_like
