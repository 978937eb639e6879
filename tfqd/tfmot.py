"""tfqd's quantizers inside tfmot's tools, for tf_keras (Keras 2) models.

`tfqd.quantize_model` takes tf_keras models too. Who calls tfmot by hand gives
its functions what is here: `QuantizeConfig` to
``tfmot.quantization.keras.quantize_annotate_layer(layer, config)`` and
`QuantizeScheme` to ``quantize_apply(annotated, scheme)``, and loads what became
of it in `quantize_scope`. Needs the extra ``tfqd[tfmot]``.
"""

from tfqd.wrapping.tf_keras.config import QuantizeConfig as QuantizeConfig
from tfqd.wrapping.tf_keras.scheme import QuantizeScheme as QuantizeScheme
from tfqd.wrapping.tf_keras.scope import quantize_scope as quantize_scope
from tfqd.wrapping.tf_keras.wrapper import QuantizeWrapper as QuantizeWrapper
