"""Ops with state: one quantizer class per spec.

Every quantizer keeps the contract of tfmot's ``Quantizer`` (`build` through the
``add_weight`` of the layer it is given, `__call__`, `get_config`, equality)
without importing tfmot, so the same object serves Keras 3 and tf_keras.
"""

from tfqd.quantizers.activations import ActivationQuantizer as ActivationQuantizer
from tfqd.quantizers.base import Quantizer as Quantizer
from tfqd.quantizers.codebook import CodebookQuantizer as CodebookQuantizer
from tfqd.quantizers.entropy_codebook import EntropyCodebookQuantizer as EntropyCodebookQuantizer
from tfqd.quantizers.entropy_constrained import (
    EntropyConstrainedQuantizer as EntropyConstrainedQuantizer,
)
from tfqd.quantizers.learned_step import LearnedStepQuantizer as LearnedStepQuantizer
from tfqd.quantizers.registry import quantizer_for as quantizer_for
from tfqd.quantizers.registry import register as register
from tfqd.quantizers.registry import registered_quantizers as registered_quantizers
from tfqd.quantizers.uniform import UniformQuantizer as UniformQuantizer
from tfqd.spec import Codebook, EntropyCodebook, EntropyConstrained, LearnedStep, Uniform

register(Uniform, UniformQuantizer)
register(Codebook, CodebookQuantizer)
register(LearnedStep, LearnedStepQuantizer)
register(EntropyConstrained, EntropyConstrainedQuantizer)
register(EntropyCodebook, EntropyCodebookQuantizer)
