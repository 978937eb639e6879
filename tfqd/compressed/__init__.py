"""The compressed form of a model: numpy only, no TensorFlow, no Keras.

Every writer reads a `CompressedModel`; no writer looks into a Keras layer.
"""

from tfqd.compressed.model import CompressedModel as CompressedModel
from tfqd.compressed.tensor import QuantizedTensor as QuantizedTensor
