"""Installs a wheel away from the checkout and uses it there: the end of `make dist`.

    python tests/try_wheel.py dist/tfqd-0.1.0-py3-none-any.whl

TensorFlow and the other requirements are those of the Python that runs this.
"""

import os
import pathlib
import subprocess
import sys
import tempfile

USE = """
import sys

import keras
import numpy as np

import tfqd
import tfqd_command

installed = sys.argv[1]
for package in (tfqd, tfqd_command):
    assert package.__file__.startswith(installed), f"{package.__file__} is not the wheel's"

model = keras.Sequential([keras.Input((4,)), keras.layers.Dense(3)])
student = tfqd.quantize_model(model, tfqd.Uniform(bits=2))
tfqd.save(student, "small.tfqd")
expected = tfqd.strip_quantization(student).get_weights()
for loaded, weight in zip(tfqd.load("small.tfqd").get_weights(), expected, strict=True):
    np.testing.assert_array_equal(loaded, weight)
"""


def try_wheel(wheel: pathlib.Path) -> None:
    """Installs the wheel into a folder of its own, calls its command and saves a model with it.

    Raises:
        subprocess.CalledProcessError: if the wheel does not install, or does not work.
    """
    with tempfile.TemporaryDirectory() as folder:
        installed = os.path.join(os.path.realpath(folder), "installed")
        environment = {**os.environ, "PYTHONPATH": installed}

        def run(*command: str) -> None:
            subprocess.run(command, cwd=folder, env=environment, check=True)

        pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        run(*pip, "--no-deps", "--target", installed, str(wheel.resolve()))
        run(os.path.join(installed, "bin", "tfqd"), "--version")
        run(sys.executable, "-c", USE, installed)


if __name__ == "__main__":
    try_wheel(pathlib.Path(sys.argv[1]))
