"""Programs that tests run by themselves, as they set up devices before TensorFlow starts."""

import os
import pathlib
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).parents[1]


def arrays_of(program: pathlib.Path, output: pathlib.Path) -> dict[str, np.ndarray]:
    """What ``python PROGRAM OUTPUT`` has written to an npz file."""
    subprocess.run(
        [sys.executable, program, output],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        check=True,
        timeout=300,
    )
    with np.load(output) as arrays:
        return {name: arrays[name] for name in arrays.files}
