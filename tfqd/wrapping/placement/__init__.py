"""Where activations are rounded: decided on the graph that a file of integers will have.

roles       what each layer becomes there: an operator, a part of one, or nothing that computes
step        a call in that graph, in numbers
indices     what nothing rounds
ranges      which tensors there are then, and which of them share a range
"""

from tfqd.wrapping.placement.ranges import Placement as Placement
from tfqd.wrapping.placement.ranges import Range as Range
from tfqd.wrapping.placement.ranges import placed as placed
from tfqd.wrapping.placement.roles import INPUT as INPUT
from tfqd.wrapping.placement.roles import UNROUNDED as UNROUNDED
from tfqd.wrapping.placement.roles import Kind as Kind
from tfqd.wrapping.placement.roles import NoIntegerKernel as NoIntegerKernel
from tfqd.wrapping.placement.roles import Role as Role
from tfqd.wrapping.placement.roles import role_as_float as role_as_float
from tfqd.wrapping.placement.roles import role_of as role_of
from tfqd.wrapping.placement.roles import separate_activation as separate_activation
from tfqd.wrapping.placement.roles import takes_integers as takes_integers
from tfqd.wrapping.placement.step import Step as Step
