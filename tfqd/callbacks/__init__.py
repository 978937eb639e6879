"""Callbacks that put quantization into any `fit`, of Keras 3 or tf_keras."""

from tfqd.callbacks.batch_norm import BatchNormReestimation as BatchNormReestimation
from tfqd.callbacks.batch_norm import reestimate_batch_norm as reestimate_batch_norm
