"""Sizes and multiply-adds as tables for people and dicts for programs."""

import dataclasses
import io
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from tfqd.compressed import CompressedModel
from tfqd.compressed.sizes import (
    Size,
    fixed_length_bytes,
    model_size,
    paper_rest_bytes,
    tensor_size,
)


@dataclasses.dataclass(frozen=True)
class ModelSizes:
    """The sizes of every variable and of the whole model.

    Printing it gives a table; `to_dict` gives JSON values.

    variables: path -> sizes of the quantized variables.
    rest: sizes of what stayed float, together.
    total: the model; its Huffman code is pooled over all variables, as the
        paper counts it.
    archive_bytes: of the whole `.tfqd` file; None where they were not counted.
    bytes_at_bits: of a float model, what the whole archive would take at so many
        bits; empty for others.
    """

    variables: Mapping[str, Size]
    rest: Size
    total: Size
    archive_bytes: int | None = None
    bytes_at_bits: Mapping[int, int] = dataclasses.field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values: bytes, bits per weight, ratios."""
        return {
            "variables": {path: _size_dict(size) for path, size in self.variables.items()},
            "rest": _size_dict(self.rest),
            "total": _size_dict(self.total),
            "archive_bytes": self.archive_bytes,
            "bytes_at_bits": {str(bits): size for bits, size in self.bytes_at_bits.items()},
        }

    def __str__(self) -> str:
        return render(self.__rich__())

    def __rich__(self) -> Table:
        return self._of_choices() if self.bytes_at_bits else self._of_variables()

    def _of_variables(self) -> Table:
        table = Table(title="Sizes", caption="float, fixed, paper: bytes")
        table.add_column("variable", overflow="fold")
        for heading in (
            "weights",
            "bits",
            "entropy",
            "Huffman",
            "float",
            "fixed",
            "paper",
            "ratio",
        ):
            table.add_column(heading, justify="right")
        for path, size in self.variables.items():
            table.add_row(Text(path), *_cells(size))
        table.add_row("(float)", *_cells(self.rest), end_section=True)
        table.add_row("total", *_cells(self.total))
        if self.archive_bytes is not None:
            ratio = self.total.float_bytes / self.archive_bytes
            archive = f"{self.archive_bytes:,}"
            table.add_row("the .tfqd file", *[""] * 5, archive, "", f"{ratio:.2f}")
        return table

    def _of_choices(self) -> Table:
        table = Table(title="Sizes", caption="of the whole .tfqd file, without training")
        for heading in ("weights", "bytes", "ratio"):
            table.add_column(heading, justify="left" if heading == "weights" else "right")
        before = self.total.float_bytes
        table.add_row("float", f"{before:,}", "")
        for bits, size in self.bytes_at_bits.items():
            table.add_row(f"{bits} bits", f"{size:,}", f"{before / size:.2f}")
        return table


def sizes_of(
    model: CompressedModel,
    archive_bytes: int | None = None,
    bytes_at_bits: Mapping[int, int] | None = None,
) -> ModelSizes:
    """The sizes of a compressed model, and what was counted of its archives."""
    rest = [tensor_size(array) for array in model.rest.values()]
    stayed = sum(size.float_bytes for size in rest)
    weights, paper = sum(size.weights for size in rest), paper_rest_bytes(model.rest)
    return ModelSizes(
        variables={path: tensor_size(tensor) for path, tensor in model.quantized.items()},
        rest=Size(weights, 32.0, 0.0, 0.0, stayed, stayed, paper),
        total=model_size(model),
        archive_bytes=archive_bytes,
        bytes_at_bits=bytes_at_bits or {},
    )


@dataclasses.dataclass(frozen=True)
class KernelCompute:
    """What a call of a layer multiplies by one of its kernels, or by another tensor.

    layer: the layer's name; kernel: the kernel's, empty for a product of two tensors.
    multiply_adds: of one example.
    weight_bits, activation_bits: of the kernel's weights, and of what they are multiplied
        with; of a product of two tensors those of the second and of the first. 32 for floats.
    """

    layer: str
    kernel: str
    multiply_adds: int
    weight_bits: int
    activation_bits: int


@dataclasses.dataclass(frozen=True)
class ModelCompute:
    """The multiply-adds of a model for one example.

    Printing it gives a table; `to_dict` gives JSON values.

    kernels: a row for each kernel of each call of a layer, in their order.
    uncounted: the names of the other layers that are called, by class.
    """

    kernels: Sequence[KernelCompute]
    uncounted: Mapping[str, Sequence[str]]

    @property
    def total(self) -> int:
        """All that were counted."""
        return sum(each.multiply_adds for each in self.kernels)

    @property
    def by_bits(self) -> dict[tuple[int, int], int]:
        """(bits of weights, bits of activations) -> multiply-adds, fewest bits first."""
        totals: dict[tuple[int, int], int] = {}
        for each in self.kernels:
            bits = each.weight_bits, each.activation_bits
            totals[bits] = totals.get(bits, 0) + each.multiply_adds
        return dict(sorted(totals.items()))

    def to_dict(self) -> dict[str, Any]:
        """The report as JSON values; pairs of bits are keys such as ``"4x8"``."""
        return {
            "kernels": [dataclasses.asdict(each) for each in self.kernels],
            "by_bits": {f"{w}x{a}": count for (w, a), count in self.by_bits.items()},
            "total": self.total,
            "uncounted": {kind: list(names) for kind, names in self.uncounted.items()},
        }

    def __str__(self) -> str:
        return render(self.__rich__())

    def __rich__(self) -> Table:
        others = [f"{kind} ({', '.join(names)})" for kind, names in self.uncounted.items()]
        caption = Text("not counted: " + "; ".join(others)) if others else None
        table = Table(title="Multiply-adds of one example", caption=caption)
        table.add_column("layer", overflow="fold")
        table.add_column("kernel")
        for heading in ("multiply-adds", "weight bits", "activation bits"):
            table.add_column(heading, justify="right")
        for each in self.kernels:
            bits = str(each.weight_bits), str(each.activation_bits)
            names = Text(each.layer), Text(each.kernel)
            table.add_row(*names, f"{each.multiply_adds:,}", *bits)
        table.add_section()
        for (weights, activations), count in self.by_bits.items():
            table.add_row("together", "", f"{count:,}", str(weights), str(activations))
        table.add_row("total", "", f"{self.total:,}", "", "")
        return table


def variables_table(quantized: Iterable) -> str:
    """Bits and bytes of quantized variables, for a model's ``summary()``.

    Args:
        quantized: entries with a `path`, a `variable` and a `quantizer`.
    """
    table = Table(title="Quantized variables")
    table.add_column("variable", overflow="fold")
    for heading in ("shape", "method"):
        table.add_column(heading)
    for heading in ("bits", "float bytes", "quantized bytes"):
        table.add_column(heading, justify="right")
    for entry in quantized:
        shape, spec = tuple(entry.variable.shape), entry.quantizer.spec
        bucketing = entry.quantizer.bucketing(shape)
        stored = fixed_length_bytes(
            bucketing, spec.bits, spec.numbers_per_bucket, spec.point_bytes(bucketing)
        )
        table.add_row(
            Text(entry.path),
            str(shape),
            Text(spec.kind),
            str(spec.bits),
            f"{4 * bucketing.size:,}",
            f"{stored:,}",
        )
    return render(table)


def activations_table(ranges: Iterable) -> str:
    """The ranges of activations, for a model's ``summary()``.

    Args:
        ranges: entries with a `name`, a `quantizer`, `ends` or None, the names of the layers
            `covered`, and a `reason`.
    """
    table = Table(title="Ranges of activations")
    table.add_column("range", overflow="fold")
    for heading in ("bits", "low", "high"):
        table.add_column(heading, justify="right")
    table.add_column("of the layers", overflow="fold", max_width=60)
    table.add_column("why")
    for entry in ranges:
        ends = ("?", "?") if entry.ends is None else (f"{end:.4g}" for end in entry.ends)
        layers, reason = Text(", ".join(entry.covered)), Text(entry.reason)
        table.add_row(Text(entry.name), str(entry.quantizer.bits), *ends, layers, reason)
    return render(table)


def render(table: Table) -> str:
    """A rich table as plain text, as wide as its longest path needs."""
    text = io.StringIO()
    # In a notebook rich would show the table, and write nothing.
    Console(file=text, width=10_000, color_system=None, force_jupyter=False).print(table)
    return text.getvalue().rstrip("\n")


def _size_dict(size: Size) -> dict[str, Any]:
    return {**dataclasses.asdict(size), "ratio": size.ratio}


def _cells(size: Size) -> list[str]:
    return [
        f"{size.weights:,}",
        f"{size.bits:.3g}",
        f"{size.entropy:.3f}",
        f"{size.huffman:.3f}",
        f"{size.float_bytes:,}",
        f"{size.fixed_bytes:,}",
        f"{size.paper_bytes:,.0f}",
        f"{size.ratio:.2f}",
    ]
