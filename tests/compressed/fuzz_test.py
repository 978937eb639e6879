"""No damaged or forged file does more than raise ArchiveError."""

import contextlib
import json
import struct
import time
import tracemalloc
import zipfile
import zlib

import numpy as np
import pytest
from compressed_examples import assert_equal_models, small_model
from forgery import MUTATIONS, ZIP_TRICKS, forge, payload_range, read_members, seal

from tfqd.compressed import (
    ArchiveError,
    read_archive,
    read_manifest,
    write_archive,
)

MUTANTS = 10_000
BATCH = 500


@pytest.fixture
def path(tmp_path):
    return tmp_path / "model.tfqd"


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    file = tmp_path_factory.mktemp("archive") / "model.tfqd"
    write_archive(small_model(), file)
    return file.read_bytes()


def same_model(loaded, original):
    """Whether a model decodes to the original's weights, bit for bit."""
    weights, expected = loaded.dequantize(), original.dequantize()
    return (
        loaded.architecture == original.architecture
        and weights.keys() == expected.keys()
        and all(same_array(weights[name], expected[name]) for name in expected)
    )


def same_array(array, expected):
    return (
        array.dtype == expected.dtype
        and array.shape == expected.shape
        and array.tobytes() == expected.tobytes()
    )


def mutants(archive):
    """(description, file) of `MUTANTS` files, in batches."""
    random = np.random.default_rng(2026)
    for first in range(0, MUTANTS, BATCH):
        batch = []
        for number in range(first, first + BATCH):
            mutate = MUTATIONS[number % len(MUTATIONS)]
            batch.append((f"mutant {number} by {mutate.__name__}", mutate(random, archive)))
        yield batch


def read_in_peak(path):
    """What reading a file gives, an ArchiveError or a model, and the bytes that it took."""
    tracemalloc.reset_peak()
    before, _ = tracemalloc.get_traced_memory()
    try:
        result = read_archive(path)
    except ArchiveError as error:
        result = error
    return result, tracemalloc.get_traced_memory()[1] - before


@contextlib.contextmanager
def traced_memory():
    tracemalloc.start()
    try:
        yield
    finally:
        tracemalloc.stop()


def test_mutated_archives_are_refused_or_harmless(archive, path):
    path.write_bytes(archive)
    original = small_model()
    read_archive(path)  # once, so that the peaks hold no imports or caches
    with traced_memory():
        _, usual_peak = read_in_peak(path)
    harmless = 0
    for batch in mutants(archive):
        with traced_memory():
            for where, mutant in batch:
                path.write_bytes(mutant)
                start = time.process_time()
                result, peak = read_in_peak(path)
                seconds = time.process_time() - start
                honest_peak = usual_peak * max(1, len(mutant) / len(archive))
                assert peak <= 2 * honest_peak, where
                assert seconds < 1, where
                if not isinstance(result, ArchiveError):
                    assert same_model(result, original), where
                    harmless += mutant != archive
    # Only an entry's informative fields change nothing when they are forged.
    assert harmless < 0.02 * MUTANTS


def test_a_flipped_bit_anywhere_is_an_error(archive, path):
    start, end = payload_range(archive)
    path.write_bytes(archive)
    manifest = read_manifest(path)
    names = [entry.path for entry in manifest.entries for _ in range(entry.bytes)]
    random = np.random.default_rng(0)
    for position in range(len(archive)):
        damaged = bytearray(archive)
        damaged[position] ^= 1 << int(random.integers(8))
        path.write_bytes(damaged)
        with pytest.raises(ArchiveError) as raised:
            read_archive(path)
        if start <= position < end:
            assert f"tensor {names[position - start]!r}" in str(raised.value)


def test_damage_outside_the_tensors_is_named_too(archive, path):
    for name, marker in (
        ("manifest.json", b"manifest.json"),
        ("architecture.json", b"architecture.json"),
    ):
        damaged = bytearray(archive)
        damaged[archive.index(marker) + len(marker) + 20] ^= 1
        path.write_bytes(damaged)
        with pytest.raises(ArchiveError, match=name):
            read_archive(path)


def test_every_truncation_is_refused(archive, path):
    for length in range(0, len(archive), 7):
        path.write_bytes(archive[:length])
        with pytest.raises(ArchiveError):
            read_archive(path)


@pytest.mark.parametrize("trick", ZIP_TRICKS)
def test_no_other_zip_is_accepted(archive, path, trick):
    members = list(
        zip(
            ("manifest.json", "architecture.json", "tensors.bin"),
            read_members(archive),
            strict=True,
        )
    )
    with zipfile.ZipFile(path, "w") as forged:
        trick(forged, members)
        forged.comment = bytes(64)
    with pytest.raises(ArchiveError):
        read_archive(path)


@pytest.mark.parametrize("name", ["conv/kernel", "conv/bias", "codes/embeddings", "flat/kernel"])
@pytest.mark.parametrize("shape", [[10**6, 10**6], [10**30], [2**40], [1] * 100])
def test_shapes_that_the_payload_cannot_back_are_refused_before_allocation(
    archive, path, name, shape
):
    manifest, architecture, payload = read_members(archive)
    values = json.loads(manifest)
    for entry in values["tensors"]:
        if entry["path"] == name:
            entry["shape"] = shape
            if "bucket_size" in entry:
                entry["bucket_size"] = None
    path.write_bytes(forge(json.dumps(values).encode(), architecture, payload))
    with traced_memory():
        result, peak = read_in_peak(path)
    assert isinstance(result, ArchiveError)
    assert f"tensor {name!r}" in str(result)
    assert peak < 300_000
    with pytest.raises(ArchiveError, match=name):
        read_manifest(path)


def test_bombs_do_not_go_off(archive, path, monkeypatch):
    manifest, _, payload = read_members(archive)
    with monkeypatch.context() as patch:
        patch.setattr("tfqd.compressed.container._MAX_INFLATION", 2000)
        path.write_bytes(forge(manifest, b"[" + b" " * 2**25 + b"]", payload))
    assert path.stat().st_size < 2**16
    with traced_memory():
        result, peak = read_in_peak(path)
    assert isinstance(result, ArchiveError)
    assert "architecture.json claims to unfold" in str(result)
    assert peak < 300_000


def test_the_zips_own_checksum_of_the_tensors_is_checked(archive, path):
    crc = struct.pack("<L", zlib.crc32(read_members(archive)[2]))
    assert archive.count(crc) == 2
    path.write_bytes(seal(archive.replace(crc, b"nope"), *payload_range(archive)))
    with pytest.raises(ArchiveError, match=r"tensors\.bin does not match its CRC-32"):
        read_archive(path)


def test_later_formats_say_so(archive, path):
    manifest, architecture, payload = read_members(archive)
    path.write_bytes(
        forge(manifest.replace(b'"version": 1', b'"version": 2'), architecture, payload)
    )
    with pytest.raises(ArchiveError, match="format version 2; this tfqd reads version 1"):
        read_archive(path)


@pytest.mark.parametrize("content", [b"", b"PK\5\6" + bytes(18), bytes(10_000), b"x" * 300])
def test_other_files_are_no_archives(path, content):
    path.write_bytes(content)
    with pytest.raises(ArchiveError, match="no tfqd archive"):
        read_archive(path)


def test_the_original_is_read(archive, path):
    path.write_bytes(archive)
    assert_equal_models(read_archive(path), small_model())
