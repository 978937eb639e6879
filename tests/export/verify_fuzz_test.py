"""`tfqd verify` of damaged files of every kind: one line and status 1, or an agreement."""

import pathlib
import random
import time

import keras
import pytest
import tensorflow as tf

import tfqd
from tfqd_command.main import main

MUTANTS = 150  # of each kind; benchmarks/fuzz_verify.py tries more
SECONDS = 20  # for one file; a good one takes less than one


def flipped(data, chance):
    mutant = bytearray(data)
    for _ in range(chance.randint(1, 8)):
        mutant[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
    return bytes(mutant)


def overwritten(data, chance):
    start, length = chance.randrange(len(data)), chance.randint(1, 60)
    return data[:start] + chance.randbytes(length) + data[start + length :]


def cut(data, chance):
    return data[: chance.randrange(len(data))]


def without_a_stretch(data, chance):
    start, end = sorted((chance.randrange(len(data)), chance.randrange(len(data))))
    return data[:start] + data[end:]


MUTATIONS = (flipped, overwritten, cut, without_a_stretch)


def export(kind, folder: pathlib.Path) -> pathlib.Path:
    """A small model as a file, or folder, of this kind."""
    keras.utils.set_random_seed(0)
    layers = [keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(4)]
    quantized = tfqd.quantize_model(keras.Sequential(layers), tfqd.presets.deployable(4))
    if kind == "saved_model":
        tfqd.export.saved_model(quantized, folder)
        return folder / "1"
    writers = {"tfqd": tfqd.save, "tflite": tfqd.export.tflite, "keras": tfqd.export.keras}
    path = folder / f"m.{kind}"
    writers[kind](quantized, path)
    return path


def mutants(path: pathlib.Path, count: int, seed: int = 0, mutations=MUTATIONS):
    """Puts mutants of a file, or of one file of a folder, in its place, one after the other."""
    chance = random.Random(seed)
    files = [path] if path.is_file() else [f for f in path.rglob("*") if f.is_file()]
    files = {file: file.read_bytes() for file in sorted(files)}
    files = {file: data for file, data in files.items() if data}
    for _ in range(count):
        file = chance.choice([*files])
        file.write_bytes(chance.choice(mutations)(files[file], chance))
        yield
        file.write_bytes(files[file])


@pytest.mark.parametrize("kind", ["tfqd", "tflite", "keras", "saved_model"])
def test_a_damaged_file_is_one_line(kind, tmp_path, capfd):
    path = export(kind, tmp_path)
    assert main(["verify", str(path)]) == 0
    refused = 0
    for number, _ in enumerate(mutants(path, MUTANTS)):
        capfd.readouterr()
        start = time.monotonic()
        status = main(["verify", str(path)])
        assert time.monotonic() - start < SECONDS
        if status == 0:  # bytes that say nothing, such as those between tables
            continue
        refused += 1
        assert status == 1, number
        own = [line for line in capfd.readouterr().err.splitlines() if line.startswith("tfqd: ")]
        assert len(own) == 1, number
    tf.keras.backend.clear_session()
    assert refused > MUTANTS / 2
