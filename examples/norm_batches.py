"""Over how many batches the examples measure BatchNormalization's statistics."""

NORM_BATCHES = 100
