"""Damages files of every kind and has `tfqd verify` read them.

    python benchmarks/fuzz_verify.py --mutants=500 --results=benchmarks/results/fuzz_verify.json

Every mutant must be refused in one line with status 1, or agree, take at most 10 seconds
more than the good file, and at most twice the memory that the process has when it has
verified the good file. What does otherwise is a fault. Each kind has a process of its own,
whose end by a signal is a fault too.

Reported, for each kind: how many mutants did which, the longest time that one took, and
the largest memory of the process, in megabytes, at the good file and at a mutant. Memory
is read from Linux's /proc.
"""

import contextlib
import io
import json
import multiprocessing
import pathlib
import sys
import tempfile
import time

import numpy as np
from absl import app, flags

ROOT = pathlib.Path(__file__).parents[1]
sys.path += [str(ROOT / "tests" / room) for room in ("compressed", "export")]

import forgery  # noqa: E402
from verify_fuzz_test import MUTATIONS, export, mutants  # noqa: E402

from tfqd_command.main import main as command  # noqa: E402

RESEALED = "tfqd, resealed"
KINDS = ("tfqd", RESEALED, "tflite", "keras", "saved_model")

_MUTANTS = flags.DEFINE_integer("mutants", 500, "Mutants of each kind of file.", 1)
_SEED = flags.DEFINE_integer("mutant_seed", 0, "Seed of the mutants.")
_KINDS = flags.DEFINE_list("kinds", None, "Kinds of files; all when it is not given.")
_OUTPUT = flags.DEFINE_string("results", None, "JSON file for the result.")

MORE_SECONDS = 10
TIMES_THE_MEMORY = 2

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


def run(kind: str, count: int, seed: int, connection) -> None:
    """Sends what has come of the mutants of one kind, after each of them."""
    found = {"mutants": 0, "refused": 0, "agreed": 0, "faults": 0, "seconds": 0.0}
    with tempfile.TemporaryDirectory() as folder:
        path = export(kind.split(",")[0], pathlib.Path(folder))
        for _ in range(2):  # the first one loads libraries
            outcome, good_seconds, good = _verified(path)
        if outcome != "agreed":
            raise RuntimeError(f"the good file of kind {kind} is refused")
        found |= {"megabytes_of_the_good_file": round(good), "megabytes": 0}
        mutations = (forged,) if kind == RESEALED else MUTATIONS
        for number, _ in enumerate(mutants(path, count, seed, mutations)):
            outcome, seconds, megabytes = _verified(path)
            if seconds > good_seconds + MORE_SECONDS or megabytes > TIMES_THE_MEMORY * good:
                outcome = "faults"
            if outcome == "faults":
                print(f"{kind} {number}: {seconds:.1f} s, {megabytes:.0f} MB", flush=True)
            found["mutants"] += 1
            found[outcome] += 1
            found["seconds"] = max(found["seconds"], round(seconds, 2))
            found["megabytes"] = max(found["megabytes"], round(megabytes))
            connection.send(found)


def _verified(path: pathlib.Path) -> tuple[str, float, float]:
    """What `tfqd verify` did, the seconds, and the largest memory meanwhile."""
    pathlib.Path("/proc/self/clear_refs").write_text("5")  # forgets the largest memory so far
    start, errors = time.monotonic(), io.StringIO()
    try:
        with contextlib.redirect_stderr(errors), contextlib.redirect_stdout(io.StringIO()):
            status = command(["verify", str(path)])
    except Exception as error:  # what is looked for
        print(f"{path.name}: {type(error).__name__}: {error}", flush=True)
        status = None
    lines = len(errors.getvalue().splitlines())
    outcome = {(0, 0): "agreed", (1, 1): "refused"}.get((status, lines), "faults")
    return outcome, time.monotonic() - start, _largest_megabytes()


def _largest_megabytes() -> float:
    lines = pathlib.Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def result(kind: str) -> dict:
    """What a process of its own finds out about one kind."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=run, args=(kind, _MUTANTS.value, _SEED.value, sender))
    process.start()
    sender.close()
    found = {"mutants": 0, "faults": 0}
    with contextlib.suppress(EOFError):  # the process has ended
        while True:
            found = receiver.recv()
    process.join()
    if process.exitcode:
        print(f"{kind} {found['mutants']}: the process ended with {process.exitcode}", flush=True)
        found["faults"] += 1
    return found


def main(_) -> None:
    results = {kind: result(kind) for kind in _KINDS.value or KINDS}
    print(json.dumps(results, indent=2))
    if _OUTPUT.value:
        pathlib.Path(_OUTPUT.value).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    app.run(main)
