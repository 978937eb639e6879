"""A disk without room for a file is an OSError, and leaves nothing behind."""

import subprocess
import sys

import pytest

WRITE = """
import resource, signal, sys
import keras, tfqd

layers = [keras.Input((64,)), keras.layers.Dense(512), keras.layers.Dense(4)]
quantized = tfqd.quantize_model(keras.Sequential(layers), tfqd.presets.deployable(4))
writers = {
    "tfqd": tfqd.save,
    "tflite": tfqd.export.tflite,
    "keras": tfqd.export.keras,
    "saved_model": tfqd.export.saved_model,
}
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, resource.RLIM_INFINITY))
for kind in sys.argv[2:]:
    try:
        writers[kind](quantized, f"{sys.argv[1]}/m.{kind}")
    except OSError as error:
        print(f"{kind}: OSError: {error}")
"""
KINDS = ["tfqd", "tflite", "keras", "saved_model"]


@pytest.fixture(scope="module")
def tried(tmp_path_factory):
    """The folder, and the process that tried to write each kind of file into it."""
    folder = tmp_path_factory.mktemp("full")
    command = [sys.executable, "-c", WRITE, str(folder), *KINDS]
    return folder, subprocess.run(command, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("kind", KINDS)
def test_a_full_disk_is_an_oserror(kind, tried):
    folder, run = tried
    lines = run.stdout.splitlines()
    assert any(line.startswith(f"{kind}: OSError: ") for line in lines), run.stderr[-500:]
    assert not list(folder.iterdir())
