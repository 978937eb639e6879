"""What the files of models weigh, and cost where they run."""

import pathlib
import tempfile
from collections.abc import Mapping
from typing import Any

from tfqd.evaluation.contenders import Contender
from tfqd.evaluation.notes import Note
from tfqd.evaluation.progress import track_steps

_ROUNDS = 20


def measure_files(
    contenders: Mapping[str, Contender],
    reference: str,
    inputs: Any,
    values: Mapping[str, dict[str, float]],
    verbose: bool,
) -> list[Note]:
    """Puts what is measured of files into `values`; says what was not, and which take few examples.

    Args:
        contenders: name -> what files are made of, or a file.
        reference: the name of the one whose time others are held against.
        inputs: the data, whose lengths are taken where files leave them free.
        values: name -> key of a `Measure` -> what was measured.
        verbose: whether to show progress.
    """
    # It imports the runtimes.
    from tfqd.evaluation.efficiency import TimedFile, latency_ratios, memory_bytes

    notes: list[Note] = []
    with tempfile.TemporaryDirectory() as folder:
        timed: dict[str, TimedFile] = {}
        for place, (name, each) in enumerate(track_steps(contenders.items(), "Files", verbose)):
            own = pathlib.Path(folder, str(place))
            own.mkdir()
            try:
                probes = each.probes(inputs)
                values[name].update(each.sizes(probes))
                path = each.tflite(own, probes)
                values[name]["tflite_bytes"] = path.stat().st_size
            except ValueError as error:
                notes.append(Note.of(name, "not all of its files can be made", error))
                continue
            try:
                timed[name] = TimedFile(path, inputs)
            except ValueError as error:
                notes.append(Note.of(name, "its TFLite file was not run", error))
                continue
            size = timed[name].batch_size
            if size is not None:
                taken = "one example" if size == 1 else f"{size} examples"
                notes.append(Note(name, f"its TFLite file takes {taken} at a time"))
            memory = memory_bytes(timed[name])
            if memory is not None:
                values[name]["memory"] = memory
        if reference in timed:
            rounds = track_steps(range(_ROUNDS), "Latency", verbose)
            for name, ratio in latency_ratios(timed, reference, rounds).items():
                values[name]["latency"] = ratio
    return notes
