"""A disk without room for a file is an OSError, and leaves nothing behind."""

import subprocess
import sys

import pytest

WRITE = """
import resource, signal, sys
import keras, tfqd

kind, folder = sys.argv[1:]
layers = [keras.Input((64,)), keras.layers.Dense(512), keras.layers.Dense(4)]
quantized = tfqd.quantize_model(keras.Sequential(layers), tfqd.presets.deployable(4))
write = {
    "tfqd": tfqd.save,
    "tflite": tfqd.export.tflite,
    "keras": tfqd.export.keras,
    "saved_model": tfqd.export.saved_model,
}[kind]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
try:
    write(quantized, f"{folder}/m.{kind}")
except OSError as error:
    print(f"OSError: {error}")
"""


@pytest.mark.parametrize("kind", ["tfqd", "tflite", "keras", "saved_model"])
def test_a_full_disk_is_an_oserror(kind, tmp_path):
    command = [sys.executable, "-c", WRITE, kind, str(tmp_path)]
    run = subprocess.run(command, capture_output=True, text=True, check=False)
    assert run.stdout.startswith("OSError: "), run.stderr[-500:]
    assert not list(tmp_path.iterdir())
