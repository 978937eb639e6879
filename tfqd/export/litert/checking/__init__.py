"""What runtimes make of a file, held against the model and against the file itself.

checks          all of it (`metadata`, `stored_probes`)
kernels         each operator's weights, as it reads them (`reference`)
io_spans        the integers of inputs and outputs
disagreement    the first layer that a file has otherwise
simulation      the file computed by numpy (`integer_kernels`, `fixed_point`)
runtimes        the programs that run files
"""
