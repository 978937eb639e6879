"""Ops with state: one quantizer class per spec.

Every quantizer keeps the contract of tfmot's ``Quantizer`` (`build` through the
``add_weight`` of the layer it is given, `__call__`, `get_config`, equality)
without importing tfmot, so the same object serves Keras 3 and tf_keras.
"""

from tfqd.quantizers.base import Quantizer as Quantizer
from tfqd.quantizers.codebook import CodebookQuantizer as CodebookQuantizer
from tfqd.quantizers.learned_step import LearnedStepQuantizer as LearnedStepQuantizer
from tfqd.quantizers.uniform import UniformQuantizer as UniformQuantizer
from tfqd.spec import Codebook, LearnedStep, Spec, Uniform

_QUANTIZERS = {
    Uniform: UniformQuantizer,
    Codebook: CodebookQuantizer,
    LearnedStep: LearnedStepQuantizer,
}


def quantizer_for(spec: Spec, channel_axes: tuple[int, ...] = (-1,)) -> Quantizer:
    """The quantizer that does what `spec` says.

    Args:
        spec: a tfqd spec.
        channel_axes: axes of the weight tensor that index its output channel.
    """
    return _QUANTIZERS[type(spec)](spec, channel_axes)
