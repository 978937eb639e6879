"""Charts of a training that `tfqd.callbacks.TrainingRecord` has recorded."""

from collections.abc import Sequence

from tfqd.callbacks.training_record import Epoch
from tfqd.charts.chart import Line, Lines

_MOST_LEVELS = 16


def losses(epochs: Sequence[Epoch]) -> Lines:
    """The loss and its terms, of training and validation data, by epoch."""
    names = dict.fromkeys(name for epoch in epochs for name in epoch.logs if "loss" in name)
    lines = []
    for colour, name in enumerate(names):
        logged = [epoch for epoch in epochs if name in epoch.logs]
        numbers = [epoch.number for epoch in logged]
        lines.append(Line(name, numbers, [epoch.logs[name] for epoch in logged], colour))
    return Lines("Loss and its terms", "epoch", "loss", lines)


def flips(epochs: Sequence[Epoch]) -> Lines:
    """The share of weights that changed their code, by epoch, of each variable and of all."""
    trained = [epoch for epoch in epochs if epoch.flips]
    paths = dict.fromkeys(path for epoch in trained for path in epoch.flips)
    lines = []
    for path in paths:
        there = [epoch for epoch in trained if path in epoch.flips]
        numbers = [epoch.number for epoch in there]
        lines.append(Line(path, numbers, [epoch.flips[path] for epoch in there], None))
    shares = [epoch.logs["code_flips"] for epoch in trained]
    lines.append(Line("all weights", [epoch.number for epoch in trained], shares, 0))
    return Lines("Codes that changed", "epoch", "share of the weights", lines)


def levels(epochs: Sequence[Epoch], path: str) -> Lines:
    """The levels of a variable by epoch: its points, or the grid of its step.

    Of more than 16 levels every second, fourth, ... is drawn, and the last.
    """
    there = [epoch for epoch in epochs if path in epoch.levels]
    count = max((len(epoch.levels[path]) for epoch in there), default=0)
    # Bits that change with the epoch change the number of levels.
    there = [epoch for epoch in there if len(epoch.levels[path]) == count]
    numbers = [epoch.number for epoch in there]
    drawn = sorted({*range(0, count, -(-count // _MOST_LEVELS)), count - 1}) if count else []
    lines = [
        Line(f"level {level}", numbers, [epoch.levels[path][level] for epoch in there], 0)
        for level in drawn
    ]
    return Lines(path, "epoch", "level", lines)
