"""JapaneseVowels: which of nine men says a vowel, told by 12 coefficients a time step.

Series of 7 to 29 steps (Kudo, Toyama and Shimbo 1999), 270 to train and 370 to
test. The `aeon` package brings them as text files, which are read here without
importing it.
"""

import importlib.util
import pathlib
from typing import NamedTuple

import numpy as np

FILES = ("JapaneseVowels_TRAIN.ts", "JapaneseVowels_TEST.ts")


class Part(NamedTuple):
    """Series, each float64 [its steps, channels], and their labels, int64 [n]."""

    series: list[np.ndarray]
    labels: np.ndarray


class Batches(NamedTuple):
    """What models take: x float32 [n, steps, channels], 0 behind a series' end; y int64 [n]."""

    x_train: np.ndarray
    y_train: np.ndarray
    x_test: np.ndarray
    y_test: np.ndarray


def folder(data_dir: str | None) -> tuple[pathlib.Path, str]:
    """The folder with the two files, and where it comes from in words.

    Raises:
        ValueError: when a file is not there, or aeon is not and was needed.
    """
    if data_dir is None:
        aeon = importlib.util.find_spec("aeon")
        if aeon is None:
            raise ValueError(
                "no data: give --data_dir=FOLDER with JapaneseVowels_TRAIN.ts and "
                "JapaneseVowels_TEST.ts, or pip install aeon, which brings them"
            )
        found = pathlib.Path(aeon.origin).parent / "datasets" / "data" / "JapaneseVowels"
        source = "JapaneseVowels of the installed aeon package"
    else:
        found, source = pathlib.Path(data_dir), "JapaneseVowels files in --data_dir"
    for name in FILES:
        if not (found / name).is_file():
            raise ValueError(f"{source}: {name} is not in {found}")
    return found, source


def load(found: pathlib.Path) -> tuple[Part, Part]:
    """The series to train and those to test.

    Raises:
        ValueError: for a file that is not as it should be.
    """
    return tuple(read(found / name) for name in FILES)


def read(path: pathlib.Path) -> Part:
    """The series of a `.ts` file: a header, then in each line channels and a label.

    Raises:
        ValueError: with file and line.
    """
    classes, series, labels = [], [], []
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, start=1):
        if line.startswith("@classLabel true"):
            classes = line.split()[2:]
        if not line or line.startswith(("#", "@")):
            continue
        *channels, label = line.split(":")
        try:
            values = [[float(value) for value in channel.split(",")] for channel in channels]
            series.append(np.array(values).T)
            labels.append(classes.index(label))
        except ValueError as error:
            raise ValueError(f"{path}, line {number}: {error}") from error
    if not series:
        raise ValueError(f"{path} holds no series")
    return Part(series, np.array(labels))


def held_out(train: Part, seed: int) -> tuple[Part, Part]:
    """The training series in two parts: of each class a third, at random, is the second."""
    random = np.random.default_rng(seed)
    second = np.zeros(len(train.labels), bool)
    for label in np.unique(train.labels):
        mine = random.permutation(np.flatnonzero(train.labels == label))
        second[mine[: len(mine) // 3]] = True
    return tuple(
        Part([train.series[i] for i in np.flatnonzero(chosen)], train.labels[chosen])
        for chosen in (~second, second)
    )


def batches(train: Part, test: Part) -> Batches:
    """Both parts padded to one length, channels scaled by the training steps' statistics."""
    steps = np.concatenate(train.series)
    mean, deviation = steps.mean(0), steps.std(0)
    longest = max(map(len, [*train.series, *test.series]))

    def padded(part: Part) -> np.ndarray:
        x = np.zeros((len(part.series), longest, len(mean)), np.float32)
        for row, series in zip(x, part.series, strict=True):
            row[: len(series)] = (series - mean) / deviation
        return x

    return Batches(padded(train), train.labels, padded(test), test.labels)
