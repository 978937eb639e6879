"""The bytes of a TFLite file: its objects, its operators, and what kernels take of them."""
