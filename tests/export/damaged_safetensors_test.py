"""Safetensors files that are damaged, forged or of others are refused when they are read."""

import contextlib
import json
import random
import struct

import keras
import numpy as np
import pytest

import tfqd
from tfqd.export.safetensors_file import Stored, read_safetensors

REFUSED = r"bad\.safetensors was not written by tfqd\.export\.safetensors, or is damaged"


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The bytes of a file whose codes, of three bits, have five levels."""
    keras.utils.set_random_seed(0)
    plain = keras.Sequential([keras.Input((9,)), keras.layers.Dense(10)], name="sequential")
    plain.layers[0].name = "dense"
    model = tfqd.quantize_model(plain, tfqd.Codebook(3, points=5, bucket_size=16))
    path = tmp_path_factory.mktemp("good") / "m.safetensors"
    tfqd.export.safetensors(model, path)
    return path.read_bytes()


def taken_apart(data):
    """The header, what its metadata say of the tensor, and the arrays' bytes."""
    end = 8 + int.from_bytes(data[:8], "little")
    header = json.loads(data[8:end])
    return header, json.loads(header["__metadata__"]["tensors"]), data[end:]


def put_together(header, body):
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + body


def read(folder, data):
    path = folder / "bad.safetensors"
    path.write_bytes(data)
    return read_safetensors(path)


def refused(folder, data, reason):
    with pytest.raises(ValueError, match=f"{REFUSED}: .*{reason}"):
        read(folder, data)


def described_as(data, described):
    header, _, body = taken_apart(data)
    header["__metadata__"]["tensors"] = described
    return put_together(header, body)


WRONG = {
    "shape": [None, [0], [9, 0], [1] * 100, [9, True], "x"],
    "permutation": [None, [0], [0, 0], [0, 2], [[0], 1], "x"],
    "matrix": [None, [1], [1, 91], [0, 90], 90, [1, 10**30]],
    "layout": [None, "diagonal", ["flat"]],
    "bits": [None, 0, 9, 2.0, True, 10**30],
    "levels": [None, 1, 9, "5", 10**30],
    "bucket": [None, [1], [1, 0], [2, 16], [1, 10**12]],
    "rows_per_codebook": [None, 0, 2, 10**12, 1.0],
    "spec": [None, [], "x"],
}


@pytest.mark.parametrize("field", WRONG)
def test_descriptions_that_do_not_hold_are_refused_by_the_field(field, good, tmp_path):
    _, described, _ = taken_apart(good)
    name = next(iter(described))
    for value in WRONG[field]:
        wrong = {name: described[name] | {field: value}}
        refused(tmp_path, described_as(good, json.dumps(wrong)), f"kernel.*{field} cannot be")
    del described[name][field]
    refused(tmp_path, described_as(good, json.dumps(described)), "its fields must be exactly")


@pytest.mark.parametrize(
    ("tensors", "reason"),
    [
        ("[]", "must be an object"),
        ("null", "must be an object"),
        ("{", "not valid JSON"),
        ("[" * 100_000, "not valid JSON"),
        ('{"other/kernel": {}}', "other/kernel.*its fields"),
        ('{"other/kernel": null}', "other/kernel.*its fields"),
    ],
)
def test_metadata_of_another_form_are_refused(tensors, reason, good, tmp_path):
    refused(tmp_path, described_as(good, tensors), reason)


def test_files_of_others_and_of_another_version_are_refused(good, tmp_path):
    header, _, body = taken_apart(good)
    metadata = header.pop("__metadata__")
    for other in (None, {}, {"format": "pt"}, metadata | {"format": "pt"}):
        refused(
            tmp_path, put_together(header | {"__metadata__": other}, body), "no tensors of tfqd"
        )
    refused(tmp_path, put_together(header, body), "no tensors of tfqd")
    newer = put_together(header | {"__metadata__": metadata | {"version": "2"}}, body)
    refused(tmp_path, newer, "it has format version '2'; this tfqd reads version '1'")


def test_arrays_that_are_missing_or_of_another_type_or_shape_are_refused(good, tmp_path):
    header, described, body = taken_apart(good)
    (name,) = described
    for end in ("codes", "points"):
        renamed = {key.replace(f".{end}", ".other"): entry for key, entry in header.items()}
        refused(tmp_path, put_together(renamed, body), f"it has no array of {end}")
    for end, dtype in (("codes", "BOOL"), ("codes", "I8"), ("points", "I32"), ("scale", "I32")):
        entry = header[f"{name}.{end}"] | {"dtype": dtype}
        changed = put_together(header | {f"{name}.{end}": entry}, body)
        refused(tmp_path, changed, f"its {end} must be (uint8|float32)")
        flat = header[f"{name}.{end}"]
        flat = flat | {"shape": [int(np.prod(flat["shape"]))]}
        changed = put_together(header | {f"{name}.{end}": flat}, body)
        refused(tmp_path, changed, f"its {end} must be .* of shape")
    entry = header[f"{name}.codes"] | {"dtype": "F8_E5M2"}
    changed = put_together(header | {f"{name}.codes": entry}, body)
    refused(tmp_path, changed, "its type must be one of .*; got F8_E5M2")


def test_codes_beyond_the_levels_are_refused(good, tmp_path):
    header, described, body = taken_apart(good)
    (name,) = described
    start = header[f"{name}.codes"]["data_offsets"][0]
    beyond = body[:start] + b"\xff" + body[start + 1 :]
    refused(tmp_path, put_together(header, beyond), "its codes must lie below 5")


def test_a_flipped_bit_raises_nothing_else_and_what_is_read_can_be_decoded(good, tmp_path):
    chance = random.Random(0)
    for _ in range(100):
        data = bytearray(good)
        data[chance.randrange(len(data))] ^= 1 << chance.randrange(8)
        with contextlib.suppress(ValueError):
            for stored in read(tmp_path, bytes(data)).values():
                if isinstance(stored, Stored):
                    stored.dequantize()


def test_more_channels_a_codebook_than_there_are_take_no_memory(tmp_path):
    plain = keras.Sequential([keras.Input((9,)), keras.layers.Dense(4)])
    spec = tfqd.Codebook(3, layout="channel", channels_per_codebook=10**12)
    path = tmp_path / "m.safetensors"
    tfqd.export.safetensors(tfqd.quantize_model(plain, spec), path)
    (about,) = (each.about for each in read_safetensors(path).values() if isinstance(each, Stored))
    assert about["rows_per_codebook"] == 4
