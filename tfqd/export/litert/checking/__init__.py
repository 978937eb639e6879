"""What runtimes make of a file, held against the model and against the file itself.

checks          all of it (`metadata`, `stored_probes`)
kernels         each operator's weights, as it reads them (`reference`)
runtimes        the programs that run files
"""
