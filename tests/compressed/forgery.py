"""Damaged and forged archives, in every way that a file may go wrong or a forger think of.

A mutation takes a random generator and an archive and returns another file's
bytes. The forgers among them know the format and recompute every hash.
"""

import hashlib
import io
import json
import struct
import zipfile

from tfqd.compressed.container import NAMES, pack_container

SEAL_BYTES = 64

# What the fields of a manifest never hold, in all sizes and types.
HOSTILE = (
    *(10**12, 10**30, 2**63, 2**31, -1, 0, 9, 1.5, 1e308, True, None, "", "x", "../x", "\ud800"),
    *([], {}, [0], [10**12], [2**40] * 3, [0, 10**30], [-4, 6], [1.5], [True], ["4"], [[]]),
    *([1] * 100, [2**21, 2**21], {"a": 1}, "float64", "int32", "bfloat16", "constant", "raw"),
    *("rans", "huffman", "affine", "symmetric", "string", "S3"),
)
# A forger may well rename a tensor or rewrite the facts: that is another, valid, archive.
REWRITABLE = {"path", "spec", "layout", "versions", "facts", "keras_version"}


def flip_bits(random, data):
    damaged = bytearray(data)
    for position in random.integers(0, len(data), random.integers(1, 9)):
        damaged[position] ^= 1 << int(random.integers(8))
    return bytes(damaged)


def overwrite(random, data):
    start, length = random.integers(len(data)), random.integers(1, 200)
    noise = random.bytes(length) if random.random() < 0.5 else bytes(length)
    return data[:start] + noise + data[start + length :]


def truncate(random, data):
    cut = int(random.integers(len(data)))
    return data[:cut] if random.random() < 0.7 else data[cut:]


def splice(random, data):
    """Removes, repeats or moves a stretch."""
    start, end, to = (int(position) for position in random.integers(0, len(data), 3))
    stretch = data[min(start, end) : max(start, end)]
    rest = data[: min(start, end)] + data[max(start, end) :]
    kind = random.integers(3)
    if kind == 0:
        return rest
    base = rest if kind == 1 else data
    return base[:to] + stretch + base[to:]


def surround(random, data):
    """Garbage before, behind or between."""
    noise = random.bytes(random.integers(1, 300))
    position = [0, len(data), int(random.integers(len(data)))][random.integers(3)]
    return data[:position] + noise + data[position:]


def forge_headers(random, data):
    """Changes bytes of the zip's own headers and seals them anew."""
    start, end = payload_range(data)
    outside = [*range(start), *range(end, len(data) - SEAL_BYTES)]
    manifest_end = data.index(b"PK\3\4", 1)
    headers = [p for p in outside if p < 42 or p >= manifest_end]
    damaged = bytearray(data)
    for position in random.choice(headers, random.integers(1, 4)):
        damaged[position] = random.choice([0, 1, 8, 0xFF, random.integers(256)])
    return seal(bytes(damaged), start, end)


def forge_manifest(random, data):
    """Writes something hostile into a field and recomputes every hash."""
    manifest, architecture, payload = read_members(data)
    values = json.loads(manifest)
    target = values
    if random.random() < 0.9:
        entries = values[str(random.choice(["tensors", "tensors", "inputs", "outputs"]))]
        target = entries[random.integers(len(entries))]
    fields = [field for field in target if field not in REWRITABLE]
    field = fields[random.integers(len(fields))]
    kind = random.random()
    if kind < 0.8:
        target[field] = HOSTILE[random.integers(len(HOSTILE))]
    elif kind < 0.9:
        del target[field]
    else:
        target[f"{field}2"] = target[field]
    return forge(json.dumps(values).encode(), architecture, payload)


def forge_text(random, data):
    """Replaces manifest.json or architecture.json by what no parser likes."""
    manifest, architecture, payload = read_members(data)
    broken = (
        *(b"", b"{", b"7", b"[]", b"0" * 5000, b"\xff\xfe", b'"\\ud800"', b"NaN", b"1e999"),
        *(b"[" * 100_000, b'{"a":' * 5000, manifest + manifest, manifest[:-3]),
        b'{"format":"tfqd",' + manifest[1:],
    )
    if random.random() < 0.3:
        return forge(manifest, broken[random.integers(len(broken))], payload)
    broken += (
        manifest.replace(b'"bits":4', b'"bits":NaN'),
        manifest.replace(b'"version": 1', b'"version": 2'),
    )
    return forge(broken[random.integers(len(broken))], architecture, payload)


def forge_payload_size(random, data):
    """A payload longer or shorter than its tensors."""
    manifest, architecture, payload = read_members(data)
    change = int(random.integers(1, 40))
    payload = payload[:-change] if random.random() < 0.5 else payload + random.bytes(change)
    return forge(manifest, architecture, payload)


def forge_zip(random, data):
    """A zip that other readers open, but not one of ours; sealed all the same."""
    members = list(zip(NAMES, read_members(data), strict=True))
    trick = ZIP_TRICKS[random.integers(len(ZIP_TRICKS))]
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        trick(archive, members)
        archive.comment = bytes(SEAL_BYTES)
    forged, payload = buffer.getvalue(), members[2][1]
    start = max(0, forged.find(payload))
    return seal(forged, start, start + len(payload))


def _write(archive, members, method=zipfile.ZIP_STORED, **attributes):
    for name, content in members:
        info = zipfile.ZipInfo(name)
        info.compress_type = method
        for attribute, value in attributes.items():
            setattr(info, attribute, value)
        archive.writestr(info, content)


def _zip64(archive, members):
    for name, content in members:
        with archive.open(zipfile.ZipInfo(name), "w", force_zip64=True) as file:
            file.write(content)


def _bomb(archive, members):
    manifest, _, payload = members
    _write(archive, [manifest])
    _write(archive, [(NAMES[1], b" " * 2**22)], zipfile.ZIP_DEFLATED)
    _write(archive, [payload])


ZIP_TRICKS = (
    lambda archive, members: _write(archive, members[::-1]),
    lambda archive, members: _write(archive, members[:2]),
    lambda archive, members: _write(archive, [*members, ("extra.bin", b"x")]),
    lambda archive, members: _write(archive, [("../manifest.json", members[0][1]), *members[1:]]),
    lambda archive, members: _write(archive, [("/etc/passwd", b""), *members]),
    lambda archive, members: _write(archive, members, zipfile.ZIP_DEFLATED),
    lambda archive, members: _write(archive, members, zipfile.ZIP_BZIP2),
    lambda archive, members: _write(archive, members, zipfile.ZIP_LZMA),
    lambda archive, members: _write(archive, members, extra=b"\1\0\4\0abcd"),
    lambda archive, members: _write(archive, members, comment=b"hello"),
    lambda archive, members: _write(archive, members, flag_bits=1),
    lambda archive, members: _write(archive, members, flag_bits=8),
    lambda archive, members: _write(archive, members, date_time=(2026, 1, 2, 3, 4, 6)),
    lambda archive, members: _write(archive, members, external_attr=0o120777 << 16),
    _zip64,
    _bomb,
)

MUTATIONS = (
    *(flip_bits, flip_bits, overwrite, truncate, splice, surround, forge_headers),
    *(forge_manifest, forge_manifest, forge_manifest, forge_text, forge_payload_size, forge_zip),
)


def read_members(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return tuple(archive.read(name) for name in NAMES)


def payload_range(data):
    """Where tensors.bin lies."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        info = archive.getinfo(NAMES[2])
    start = info.header_offset + struct.calcsize("<4s5H3L2H") + len(NAMES[2])
    return start, start + info.file_size


def forge(manifest, architecture, payload):
    return b"".join(pack_container(manifest, architecture, [payload]))


def seal(data, payload_start, payload_end):
    body = data[:-SEAL_BYTES]
    digest = hashlib.sha256(body[:payload_start] + body[payload_end:]).hexdigest()
    return body + digest.encode()
