"""Levels, scales, codes and bytes of a quantized model, for TensorBoard to show."""

import os

import tensorflow as tf

from tfqd.callbacks.callback import Callback
from tfqd.callbacks.code_flips import CodeFlips
from tfqd.compressed import QuantizedTensor
from tfqd.compressed.mean_bucket import levels_in_mean_bucket
from tfqd.compressed.records import payload_bytes
from tfqd.extras import needing
from tfqd.wrapping.fitting import student_or_self
from tfqd.wrapping.naming import quantized_by_name


class TensorBoardSummaries(Callback):
    """Writes summaries of every quantized variable, epoch by epoch.

    Histograms: ``levels/<path>``, the points of a codebook or the grid of a step in
    weights' units, at the mean of the buckets' scales; ``scales/<path>`` of all buckets;
    ``codes/<path>``. Scalars: ``code_flips/<path>``, the share of weights that changed their
    code, ``bytes/<path>``, those of the variable in the archive, ``code_flips`` and
    ``bytes`` of all together. ``<path>`` is the variable's name in the archive. It stands
    beside ``keras.callbacks.TensorBoard``.

    Args:
        log_dir: folder for the summaries; TensorBoard shows it and all folders in it.

    Raises:
        ModuleNotFoundError: without TensorBoard (``pip install 'tfqd[tensorboard]'``).
        ValueError: in `fit`, when the model is not quantized.

    Example:

    >>> import tensorflow as tf
    >>> quantized.compile("sgd", "mse")
    >>> summaries = tfqd.callbacks.TensorBoardSummaries("logs/quantization")
    >>> data = tf.ones((32, 8)), tf.ones((32, 4))
    >>> _ = quantized.fit(*data, epochs=2, callbacks=[summaries], verbose=0)
    """

    def __init__(self, log_dir: str | os.PathLike):
        super().__init__()
        with needing("tensorboard", "summaries"):
            import tensorboard  # noqa: F401
        self._log_dir = os.fspath(log_dir)
        self._flips = CodeFlips()

    def set_model(self, model):
        super().set_model(model)
        self._flips.set_model(model)

    def on_train_begin(self, logs=None):
        self._flips.on_train_begin()
        self._writer = tf.summary.create_file_writer(self._log_dir)

    def on_epoch_begin(self, epoch, logs=None):
        self._flips.on_epoch_begin(epoch)

    def on_epoch_end(self, epoch, logs=None):
        of_all: dict[str, float] = {}
        self._flips.on_epoch_end(epoch, of_all)
        entries = quantized_by_name(student_or_self(self.model))
        encoded = ((path, entry.encode()) for path, entry in entries.items())
        tensors = {path: tensor for path, tensor in encoded if tensor is not None}
        with self._writer.as_default(step=epoch):
            for name, value in of_all.items():
                tf.summary.scalar(name, value)
            for path, share in self._flips.by_variable[-1].items():
                tf.summary.scalar(f"code_flips/{path}", share)
            for path, tensor in tensors.items():
                _write_histograms(path, tensor)
            _write_bytes({path: payload_bytes(tensor) for path, tensor in tensors.items()})
        self._writer.flush()

    def on_train_end(self, logs=None):
        self._writer.close()


def _write_histograms(path: str, tensor: QuantizedTensor) -> None:
    tf.summary.histogram(f"levels/{path}", levels_in_mean_bucket(tensor))
    tf.summary.histogram(f"scales/{path}", tensor.scale)
    tf.summary.histogram(f"codes/{path}", tensor.codes, buckets=tensor.levels)


def _write_bytes(sizes: dict[str, int]) -> None:
    for path, size in sizes.items():
        tf.summary.scalar(f"bytes/{path}", size)
    tf.summary.scalar("bytes", sum(sizes.values()))
