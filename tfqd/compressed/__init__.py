"""The compressed form of a model: numpy only, no TensorFlow, no Keras.

Every writer reads a `CompressedModel`; no writer looks into a Keras layer.
"""

from tfqd.compressed.archive import read_archive as read_archive
from tfqd.compressed.archive import read_manifest as read_manifest
from tfqd.compressed.archive import write_archive as write_archive
from tfqd.compressed.container import is_container as is_container
from tfqd.compressed.errors import ArchiveError as ArchiveError
from tfqd.compressed.model import CompressedModel as CompressedModel
from tfqd.compressed.model import Probes as Probes
from tfqd.compressed.tensor import QuantizedTensor as QuantizedTensor
