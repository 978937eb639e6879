"""What an allocation comes to: a selection for `tfqd.quantize_model`, and its plot."""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

from rich.table import Table
from rich.text import Text

from tfqd.extras import needing
from tfqd.report import render
from tfqd.spec import Spec

if TYPE_CHECKING:
    from matplotlib.figure import Figure


class Share(NamedTuple):
    """What one tensor was given.

    path: of the variable.
    weights: number of its weights.
    spec: how it is to be quantized.
    size: bytes of its codes, scales, offsets and points in the file right
        after quantization; None where they were not counted.
    """

    path: str
    weights: int
    spec: Spec
    size: int | None = None

    @property
    def bits(self) -> float:
        """log2 of the number of levels; of `tfqd.EntropyConstrained`, those after coding."""
        return self.spec.nominal_bits


class Allocation(Mapping[str, Spec]):
    """A selection that gives each tensor bits of its own.

    A mapping from a regular expression, one for each variable's exact path, to
    its spec: what `tfqd.quantize_model` takes. It prints as a table.

    Args:
        shares: what each tensor was given.
        size: bytes of the whole file right after quantization, or None.

    Attributes:
        shares: a tuple of `Share`, in the model's order.
        size: as given.
    """

    def __init__(self, shares: Sequence[Share], size: int | None = None):
        self.shares = tuple(shares)
        self.size = size
        self._specs = {f"^{re.escape(share.path)}$": share.spec for share in shares}

    def __getitem__(self, pattern: str) -> Spec:
        return self._specs[pattern]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    @property
    def average_bits(self) -> float:
        """Mean of the weights' bits."""
        weights = sum(share.weights for share in self.shares)
        return sum(share.bits * share.weights for share in self.shares) / weights

    def __repr__(self) -> str:
        bits = f": {self.average_bits:.2f} bits on average" if self.shares else ""
        size = "" if self.size is None else f", {self.size:,} bytes"
        return f"<Allocation of {len(self.shares)} tensors{bits}{size}>"

    def __str__(self) -> str:
        table = Table(title="Bits by tensor")
        table.add_column("variable", overflow="fold")
        table.add_column("method")
        for heading in ("weights", "levels", "bits", "bucket", "bytes"):
            table.add_column(heading, justify="right")
        for share in self.shares:
            spec = share.spec
            cells = (share.weights, spec.levels, f"{share.bits:.2f}", spec.bucket_size, share.size)
            row = [f"{cell:,}" if isinstance(cell, int) else str(cell or "") for cell in cells]
            table.add_row(Text(share.path), Text(spec.kind), *row)
        return render(table)

    def plot(self, path: str | os.PathLike | None = None) -> "Figure":
        """Bits of each tensor as bars, with the bytes that they take.

        Args:
            path: file to save the figure to, by its suffix; None for none.

        Returns:
            A ``matplotlib.figure.Figure``.

        Raises:
            ModuleNotFoundError: without matplotlib (``pip install 'tfqd[plot]'``).
        """
        with needing("plot", "plots"):
            from matplotlib.figure import Figure

        figure = Figure(figsize=(8, 1.2 + 0.25 * len(self.shares)), layout="constrained")
        axes = figure.subplots()
        names = [share.path for share in self.shares]
        bars = axes.barh(names, [share.bits for share in self.shares], color="tab:blue")
        counts = [share.weights if share.size is None else share.size for share in self.shares]
        axes.bar_label(bars, [f"{count:,}" for count in counts], padding=3, fontsize=7)
        axes.axvline(self.average_bits, color="tab:gray", linestyle="--", linewidth=1)
        axes.margins(x=0.1)
        axes.invert_yaxis()
        unit = "weights" if self.shares[0].size is None else "bytes"
        axes.set_xlabel(f"bits per weight; beside the bars: {unit}; dashed: the mean")
        axes.tick_params(axis="y", labelsize=7)
        if path is not None:
            figure.savefig(path)
        return figure
