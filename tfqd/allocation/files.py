"""The files whose bytes a budget may count.

A file says what a tensor takes in it, to choose by, and what the whole of it
takes when a model is written, to hold the budget by.
"""

import abc
import pathlib
import re
import tempfile
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from tfqd.compressed import QuantizedTensor
from tfqd.compressed.records import payload_bytes
from tfqd.compressed.sizes import fixed_bytes, fixed_length_bytes
from tfqd.export.archive_file import archive_size
from tfqd.export.saved_model_file import saved_model_size
from tfqd.spec import Spec, Uniform, presets
from tfqd.spec.selection import Selection
from tfqd.wrapping import compress

# What a file answers is not in question here; its weights are checked whatever it is.
_TOLERANCE = 10.0
_INT4_LEVELS = 16


class File(abc.ABC):
    """A kind of file.

    name: for errors.
    default: the spec of which tensors are given bits where the user gives none.
    any_buckets: whether the file holds buckets of all sizes in bits.
    close: the share of a budget that is near enough: each look at a file costs.
    takes_size: whether its writer takes ``prefer="size"``.

    Args:
        probes: that its writer is given; None for random ones.
    """

    name: str
    default: Selection = Uniform()
    any_buckets = True
    close = 0.98
    takes_size = False

    def __init__(self, probes: Any = None):
        self._probes = probes

    @classmethod
    def of(
        cls,
        specs: Mapping[str, Spec],
        quantized: Callable[[Selection], Any],
        prefer: str,
        probes: Any,
    ) -> "File":
        """The file of a model, once it is known what becomes of the model in it.

        Args:
            specs: of the quantized variables by path.
            quantized: makes the model quantized as a selection says.
            prefer: ``"speed"``, or ``"size"`` where it takes that.
            probes: that its writer is given.

        Raises:
            ValueError: when the file cannot hold the tensors in bits.
        """
        return cls(probes)

    @abc.abstractmethod
    def payload(self, path: str, tensor: QuantizedTensor) -> int:
        """Bytes of a tensor in it, about."""

    @abc.abstractmethod
    def size(self, model) -> int:
        """Bytes of the whole file of a quantized model."""


class Archive(File):
    """A `.tfqd` archive, encoded in memory."""

    name = "archive"
    close = 0.99

    def payload(self, path: str, tensor: QuantizedTensor) -> int:
        return payload_bytes(tensor)

    def size(self, model) -> int:
        return archive_size(compress(model), probes=self._probes)


class SavedModel(File):
    """A SavedModel's folder."""

    name = "SavedModel"

    def payload(self, path: str, tensor: QuantizedTensor) -> int:
        return fixed_bytes(tensor)

    def size(self, model) -> int:
        return saved_model_size(model, self._probes)


class Tflite(File):
    """A TFLite file as `tfqd.export.tflite` writes it.

    Its integers are of 4 and 8 bits, and of 8 alone where an operator has no others.

    Args:
        prefer: as its writer takes it.
        wide: paths of the tensors of such operators.
        batch_size: that is fixed in the file; None where it is free.
        probes: see `File`.
    """

    name = "TFLite file"
    default = presets.deployable(4)
    any_buckets = False
    takes_size = True

    def __init__(
        self, prefer: str, wide: frozenset[str], batch_size: int | None, probes: Any = None
    ):
        super().__init__(probes)
        self._options: dict[str, Any] = {"prefer": prefer, "batch_size": batch_size}
        self._wide = wide

    @classmethod
    def of(
        cls,
        specs: Mapping[str, Spec],
        quantized: Callable[[Selection], Any],
        prefer: str,
        probes: Any,
    ) -> "File":
        short = {f"^{re.escape(path)}$": spec.with_bits(4) for path, spec in specs.items()}
        # Its schema is in a package that is optional.
        from tfqd.export.litert.one_example import write_free_or_one

        options = {"prefer": prefer, "probes": probes}
        found, batch_size = _written(write_free_or_one, quantized(short), **options)
        if batch_size is not None:
            warnings.warn(
                "the bytes are those of a TFLite file that takes one example at a time, as the "
                "model's layers need it: pass batch_size=1 to tfqd.export.tflite",
                stacklevel=3,
            )
        wide = frozenset(row.path for row in found.report.weights if row.type == "int8")
        return cls(prefer, wide, batch_size, probes)

    def payload(self, path: str, tensor: QuantizedTensor) -> int:
        bits = 8 if path in self._wide or tensor.levels > _INT4_LEVELS else 4
        numbers = 1 if tensor.offset is None else 2
        return fixed_length_bytes(tensor.bucketing, bits, numbers, 0)

    def size(self, model) -> int:
        return self._report(model).bytes

    def _report(self, model) -> Any:
        from tfqd.export.litert.writer import write_tflite

        return _written(write_tflite, model, probes=self._probes, **self._options).report


class TfliteGzip(Tflite):
    """The same after gzip, which takes from integers what their bits leave unused."""

    name = "TFLite file after gzip"

    def payload(self, path: str, tensor: QuantizedTensor) -> int:
        return payload_bytes(tensor)

    def size(self, model) -> int:
        return self._report(model).gzip_bytes


FILES: dict[str, type[File]] = {
    "archive": Archive,
    "tflite": Tflite,
    "tflite_gzip": TfliteGzip,
    "saved_model": SavedModel,
}


def _written(write: Callable[..., Any], model, **options: Any) -> Any:
    """What a writer of TFLite files says of a model, all of whose quantized weights lie in bits."""
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder, "model.tflite")
        return write(model, path, strict=True, tolerance=_TOLERANCE, **options)
