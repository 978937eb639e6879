"""From the model to the operators of the file, in the order in which it goes:

conversion      a float file, by TensorFlow's converter (`examples`)
matching        which of its constants is which weight (`float_constants`)
weights         the weight's integers and steps, in the file's order
rewriting       each operator that reads one (`fully_connected`, `convolution`,
                `embedding`, `codebook`, `integer_activations`), by `editing`
reshapes        what the converter has left to simplify (`round_trips`, `producers`)
float_ranges    functions that kernels get wrong at the ends of their range
"""
