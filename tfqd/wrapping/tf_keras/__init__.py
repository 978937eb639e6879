"""tf_keras (Keras 2): quantization by tfmot's wrappers, repaired.

`config` says which weights of a layer are quantized; `wrapper` and
`quantization` run the layer with quantized values in place of its variables,
which `attributes` finds. `scheme` puts the wrapper in place in tfmot's own
functions, `model` into a copy of a whole model; `compression` reads the result
out, `stripping` and `rebuilding` make plain models of it. `toolkit` is tfmot.
"""

from tf_keras import Model as Model

from tfqd.wrapping.tf_keras.compression import compress as compress
from tfqd.wrapping.tf_keras.compression import float_form as float_form
from tfqd.wrapping.tf_keras.model import quantize_model as quantize_model
from tfqd.wrapping.tf_keras.rebuilding import plain_from as plain_from
from tfqd.wrapping.tf_keras.rebuilding import quantized_from as quantized_from
from tfqd.wrapping.tf_keras.stripping import strip_quantization as strip_quantization
