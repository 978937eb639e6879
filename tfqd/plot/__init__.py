"""Plots of quantized models and their trainings, for notebooks and papers.

Each function gives a ``matplotlib.figure.Figure``: ``figure.savefig("plot.svg")``. They
need the extra ``plot`` (``pip install 'tfqd[plot]'``). `tfqd.html_report` shows the same
on one page, without it.
"""

from tfqd.plot.plots import bits as bits
from tfqd.plot.plots import flips as flips
from tfqd.plot.plots import levels as levels
from tfqd.plot.plots import losses as losses
from tfqd.plot.plots import radar as radar
from tfqd.plot.plots import sizes as sizes
from tfqd.plot.plots import tradeoff as tradeoff
from tfqd.plot.plots import weights as weights

__all__ = ["bits", "flips", "levels", "losses", "radar", "sizes", "tradeoff", "weights"]


def __dir__() -> list[str]:
    """What users may call."""
    return [*__all__]
