"""Damages files of every kind and has `tfqd verify` read them.

    python benchmarks/fuzz_verify.py --mutants=2000 --results=benchmarks/results/fuzz_verify.json

Every mutant must be refused in one line with status 1, or agree. Reported: how many did,
the longest time that one took, and the growth of the process's memory over that of the
good file.
"""

import contextlib
import io
import json
import pathlib
import resource
import sys
import tempfile
import time

import numpy as np
from absl import app, flags
from rich.progress import track

ROOT = pathlib.Path(__file__).parents[1]
sys.path += [str(ROOT / "tests" / room) for room in ("compressed", "export")]

import forgery  # noqa: E402
from verify_fuzz_test import MUTATIONS, export, mutants  # noqa: E402

from tfqd import cli  # noqa: E402

_MUTANTS = flags.DEFINE_integer("mutants", 2000, "Mutants of each kind of file.", 1)
_SEED = flags.DEFINE_integer("mutant_seed", 0, "Seed of the mutants.")
_OUTPUT = flags.DEFINE_string("results", None, "JSON file for the result.")

RESEALED = "tfqd, resealed"
KINDS = ("tfqd", RESEALED, "tflite", "keras", "saved_model")


FORGERS = (
    forgery.forge_headers,
    forgery.forge_manifest,
    forgery.forge_text,
    forgery.forge_payload_size,
    forgery.forge_zip,
)


def forged(data: bytes, chance) -> bytes:
    """An archive that was tampered with, and every hash made again."""
    return chance.choice(FORGERS)(np.random.default_rng(chance.getrandbits(32)), data)


def run(kind: str) -> dict:
    """What came of all mutants of one kind."""
    found = {"mutants": _MUTANTS.value, "refused": 0, "agreed": 0, "faults": 0, "seconds": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        path = export(kind.split(",")[0], pathlib.Path(folder))
        cli.main(["tfqd", "verify", str(path)])
        before = _megabytes()
        mutations = (forged,) if kind == RESEALED else MUTATIONS
        damaged = mutants(path, _MUTANTS.value, _SEED.value, mutations)
        for _ in track(damaged, kind, total=_MUTANTS.value):
            start, errors = time.monotonic(), io.StringIO()
            try:
                with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
                    status = cli.main(["tfqd", "verify", str(path)])
            except Exception as error:  # what is looked for
                print(f"{kind}: {type(error).__name__}: {error}")
                status = None
            lines = len(errors.getvalue().splitlines())
            outcome = {(0, 0): "agreed", (1, 1): "refused"}.get((status, lines), "faults")
            found[outcome] += 1
            found["seconds"] = max(found["seconds"], round(time.monotonic() - start, 2))
        found["megabytes"] = round(_megabytes() - before)
    return found


def _megabytes() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main(_) -> None:
    results = {kind: run(kind) for kind in KINDS}
    print(json.dumps(results, indent=2))
    if _OUTPUT.value:
        pathlib.Path(_OUTPUT.value).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    app.run(main)
