"""TFLite files: the converter's float model with the trained integers put into it.

conversion      a float file, by TensorFlow's converter
matching        which of its constants is which weight
weights         the weight's integers and steps, in the file's order
lowering        each operator that reads one, rewritten (`fully_connected`,
                `convolution`, `embedding`, `codebook`)
checking        the file run in every runtime (`float_form`, `kernels`)
writer          all of it, and the file on disk
"""
