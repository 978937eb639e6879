"""What an exported TFLite file is: its bytes, its operators, its errors."""

import dataclasses

from tfqd.export.comparison import Verification
from tfqd.export.litert.lowering.rewriting import TfliteWeight


@dataclasses.dataclass(frozen=True)
class TfliteReport:
    """What became of a model in a TFLite file.

    bytes: the file's.
    gzip_bytes: of the file compressed by gzip, which is about what an app store ships.
    weights: a row for each weight that was quantized: its path, spec, operator,
        type and the reason for it.
    operators: how many of each there are in the file, by name.
    activation_bits: of activations that are integers in the file, 8 or 16; what could
        not be stays float, between operators DEQUANTIZE and QUANTIZE. None where all are
        floats.
    weight_error: largest difference between the weights that the kernels were
        read to use and those that were trained, relative to an operator's
        largest answer: float32 rounding where all types are exact.
    activation_error: largest difference between the file's answers on the
        probes and the quantized model's, relative to the largest answer. It
        comes from activations, which kernels of integers round to `activation_bits`; to 8
        where these are None.
    """

    bytes: int
    gzip_bytes: int
    weights: tuple[TfliteWeight, ...]
    operators: dict[str, int]
    activation_bits: int | None
    weight_error: float
    activation_error: float

    @property
    def integer_activations(self) -> bool:
        """Whether the file has activations of integers."""
        return self.activation_bits is not None

    def __repr__(self) -> str:
        return f"<TfliteReport: {self._summary()}>"

    def __str__(self) -> str:
        lines = [self._summary()]
        widths = [max((len(row[i]) for row in self._cells()), default=0) for i in range(3)]
        for row in self._cells():
            cells = [cell.ljust(width) for cell, width in zip(row[:3], widths, strict=True)]
            lines.append("  ".join([*cells, row[3]]))
        return "\n".join(lines)

    def _summary(self) -> str:
        bits = self.activation_bits
        return (
            f"{self.bytes:,} bytes, {self.gzip_bytes:,} after gzip; weights off by "
            f"{self.weight_error:.1g}, answers by {self.activation_error:.1g}; activations "
            f"{'float' if bits is None else f'in {bits} bits'}"
        )

    def _cells(self) -> list[tuple[str, str, str, str]]:
        return [(row.path, row.type, row.operator or "-", row.reason) for row in self.weights]


@dataclasses.dataclass(frozen=True)
class TfliteExport(Verification):
    """How exactly a TFLite file answers, and what it is.

    report: its bytes, operators and types.
    """

    report: TfliteReport
