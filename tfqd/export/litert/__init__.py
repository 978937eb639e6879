"""TFLite files: the converter's float model with the trained integers put into it.

file            the bytes: objects, operators, layouts that kernels read right
lowering        the converter's files, and each operator of a weight rewritten
checking        the file run in every runtime, and what it carries to be run again
draft           the converter's file of a model, and what the finished one is held against
floats          quantized weights that are floats in the file: a warning, or an error
writer          all of it, and the file on disk
report          what became of the model

`lowering` and `checking` import `file`, and `writer` all three.
"""
