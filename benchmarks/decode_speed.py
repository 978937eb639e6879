"""Million weights decoded a second and core, for each coding and number of bits.

    python benchmarks/decode_speed.py --output benchmarks/results/decode_speed.json

The codes are those of normal weights (a standard deviation of a sixth of the
levels). Counted is processor time, so that a busy machine gives the same figure;
each figure is the best of several decodings, which are compared with the codes.
"""

import json
import os
import pathlib
import time

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import numpy as np
from absl import app, flags
from rich.progress import track

from tfqd.compressed import code_lengths, coding, huffman_coding, packing, rans
from tfqd.compressed.coding import Coded

_OUTPUT = flags.DEFINE_string("output", None, "JSON file for the results; printed anyway.")
_WEIGHTS = flags.DEFINE_integer("weights", 4_000_000, "Weights to decode at a time.")
_REPEATS = flags.DEFINE_integer("repeats", 5, "Decodings of which the best counts.")

BITS = (1, 2, 3, 4, 5, 6, 7, 8)


def normal_codes(count: int, levels: int) -> np.ndarray:
    """Bell-shaped codes: uint8 [count]."""
    values = np.random.default_rng(0).normal((levels - 1) / 2, levels / 6, count)
    return np.clip(np.rint(values), 0, levels - 1).astype(np.uint8)


def encodings(codes: np.ndarray, bits: int) -> list[Coded]:
    """The codes in each coding, whether it is the shortest or not."""
    return [
        Coded("raw", packing.pack(codes, bits)),
        Coded("huffman", huffman_coding.encode(codes)),
        Coded("rans", rans.encode(codes, np.bincount(codes, minlength=2**bits))),
    ]


def measure(coded: Coded, bits: int, codes: np.ndarray) -> dict:
    """The figures of one payload."""
    seconds = []
    for _ in range(_REPEATS.value):
        start = time.process_time()
        decoded = coding.decode(coded, bits, 2**bits, len(codes))
        seconds.append(time.process_time() - start)
        if not np.array_equal(decoded, codes):
            raise RuntimeError(f"{coded.coding} at {bits} bits does not give the codes back")
    entropy = code_lengths.entropy(np.bincount(codes))
    return {
        "million_weights_per_second": round(len(codes) / min(seconds) / 1e6, 1),
        "over_entropy": round(8 * len(coded.payload) / len(codes) / entropy - 1, 5),
    }


def run(_):
    results = {"weights": _WEIGHTS.value, "cores": 1}
    for bits in track(BITS, description="Decoding", transient=True):
        codes = normal_codes(_WEIGHTS.value, 2**bits)
        results[f"{bits} bit"] = {
            coded.coding: measure(coded, bits, codes) for coded in encodings(codes, bits)
        }
    text = json.dumps(results, indent=2)
    print(text)
    if _OUTPUT.value:
        path = pathlib.Path(_OUTPUT.value)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    app.run(run)
