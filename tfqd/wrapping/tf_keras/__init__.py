"""tf_keras (Keras 2): quantization by tfmot's wrappers, repaired.

`building`, `training` and `serving` keep `tfqd.wrapping.protocols`. Behind them
`config` says which weights of a layer are quantized; `wrapper` and
`quantization` run the layer with quantized values in place of its variables,
which `attributes` finds. `scheme` puts the wrapper in place in tfmot's own
functions, `model` into a copy of a whole model; `compression` reads the result
out, `stripping` and `rebuilding` make plain models of it. `toolkit` is tfmot.
"""
