"""The real size of the compressed model, epoch by epoch."""

from typing import Any

from tfqd.callbacks.callback import Callback
from tfqd.compressed.sizes import model_size
from tfqd.export.archive_file import archive_size
from tfqd.spec.checks import checked_count
from tfqd.wrapping import compress
from tfqd.wrapping.fitting import student_or_self


class SizeReport(Callback):
    """Puts the bytes that the model takes as a `.tfqd` archive into the logs.

    ``logs["size_bytes"]`` are the bytes of the file that `tfqd.save` would write
    now, ``logs["size_ratio"]`` how many times smaller it is than the float32
    weights. Callbacks behind this one see them, TensorBoard, EarlyStopping and
    ModelCheckpoint among them, and so does the history.

    Args:
        every: epochs from one measurement to the next; logs of others have none.
        probes: see `tfqd.save`.

    Raises:
        ValueError: when `every` is no positive integer; in `fit`, when the model
            is not quantized.

    Example:

    >>> import tensorflow as tf
    >>> quantized.compile("sgd", "mse")
    >>> data = tf.ones((32, 8)), tf.ones((32, 4))
    >>> sizes = tfqd.callbacks.SizeReport()
    >>> history = quantized.fit(*data, epochs=2, callbacks=[sizes], verbose=0).history
    >>> len(history["size_bytes"])
    2
    """

    def __init__(self, every: int = 1, *, probes: Any = None):
        super().__init__()
        self._every = checked_count("every", every)
        self._probes = probes

    def on_epoch_end(self, epoch, logs=None):
        if logs is None or (epoch + 1) % self._every:
            return
        compressed = compress(student_or_self(self.model))
        size = archive_size(compressed, probes=self._probes)
        logs["size_bytes"] = size
        logs["size_ratio"] = model_size(compressed).float_bytes / size
