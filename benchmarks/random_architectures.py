"""Tries random architectures with random specs: every promise is kept, or refused in words.

    python benchmarks/random_architectures.py --models=60 --seed=1000

Reported for each promise of `tests/export/random_architectures_test.py`: how many models
kept it, how many were refused, and by which words; and the seeds that broke one.
"""

import collections
import json
import pathlib
import sys
import tempfile
import time
import traceback

from absl import app, flags
from rich.progress import track

ROOT = pathlib.Path(__file__).parents[1]
sys.path.append(str(ROOT / "tests" / "export"))

from random_architectures_test import outcomes  # noqa: E402

_MODELS = flags.DEFINE_integer("models", 60, "How many architectures to try.", 1)
_SEED = flags.DEFINE_integer("seed", 1000, "Seed of the first; each has the next one.")
_RESULTS = flags.DEFINE_string("results", None, "JSON file for the result.")


def main(_) -> None:
    kept, refusals, faults = collections.Counter(), [], []
    start = time.monotonic()
    seeds = range(_SEED.value, _SEED.value + _MODELS.value)
    for seed in track(seeds, "architectures"):
        try:
            with tempfile.TemporaryDirectory() as folder:
                found = outcomes(seed, pathlib.Path(folder))
        except Exception:  # what is looked for
            traceback.print_exc()
            faults.append(seed)
            continue
        for promise, words in found.items():
            if words == "kept":
                kept[promise] += 1
            else:
                refusals.append({"seed": seed, "promise": promise, "words": words[:300]})
                print(json.dumps(refusals[-1]), flush=True)
    result = {
        "models": len(seeds),
        "first_seed": seeds[0],
        "kept": dict(kept),
        "refusals": refusals,
        "faults": faults,
        "minutes": round((time.monotonic() - start) / 60, 1),
    }
    print(json.dumps(result, indent=1))
    if _RESULTS.value:
        pathlib.Path(_RESULTS.value).write_text(json.dumps(result, indent=1) + "\n")


if __name__ == "__main__":
    app.run(main)
