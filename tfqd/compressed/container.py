"""The zip file around an archive: three members, one way to write them.

    manifest.json        DEFLATE or stored
    architecture.json    DEFLATE or stored
    tensors.bin          stored: the payloads of all tensors, end to end
    (central directory, end record)
    comment              the seal: SHA-256, in hex, of every byte of the file
                         but those of tensors.bin and of the seal itself

Any zip tool opens it. This reader takes nothing else: it computes each header
from the four numbers that can differ between two archives (method, CRC-32, two
sizes) and compares byte for byte, so that no field of a zip header, and no byte
before, between or behind the members, is left to trust. The payloads carry
their own hashes, in the manifest.
"""

import contextlib
import hashlib
import os
import stat
import struct
import zlib
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from tfqd.compressed.errors import ArchiveError
from tfqd.compressed.huffman_coding import inflate

NAMES = ("manifest.json", "architecture.json", "tensors.bin")
MAX_JSON_BYTES = 2**26
MAX_FILE_BYTES = 2**32 - 2**16  # what the 32-bit fields of a plain zip can address

# DEFLATE reaches 1032, the texts of real models 50. More regular ones are stored.
_MAX_INFLATION = 256
_STORED, _DEFLATED = 0, 8
_DOS_DATE = 0x21  # 1 January 1980: equal models give equal bytes
_ZIP_VERSION = 20
_LOCAL = struct.Struct("<4s5H3L2H")
_CENTRAL = struct.Struct("<4s6H3L5H2L")
_END = struct.Struct("<4s4H2LH")
_NO_ARCHIVE = "this is no tfqd archive, or its zip directory is damaged"
_SEAL_BYTES = 2 * hashlib.sha256().digest_size


class Member(NamedTuple):
    """What the headers of a member say that differs between two archives."""

    method: int
    crc: int
    stored_size: int
    size: int


def pack_container(manifest: bytes, architecture: bytes, payload: list[bytes]) -> list[bytes]:
    """The chunks of the file.

    Args:
        manifest, architecture: JSON texts.
        payload: the chunks of tensors.bin.

    Raises:
        ValueError: when a text exceeds `MAX_JSON_BYTES` or the file 4 GiB.
    """
    texts = [_pack_text(NAMES[0], manifest), _pack_text(NAMES[1], architecture)]
    crc = 0
    for chunk in payload:
        crc = zlib.crc32(chunk, crc)
    size = sum(map(len, payload))
    members = [member for member, _ in texts] + [Member(_STORED, crc, size, size)]
    if _total_bytes(members) > MAX_FILE_BYTES:
        raise ValueError(f"the archive would exceed {MAX_FILE_BYTES} bytes")
    headers, directory = _headers(members)
    first, second = (data for _, data in texts)
    before = [headers[0], first, headers[1], second, headers[2]]
    return [*before, *payload, directory, _seal([*before, directory])]


class Container:
    """An open archive whose structure and texts have been checked.

    Attributes:
        manifest: bytes of manifest.json.
        architecture: bytes of architecture.json.
        payload_size: bytes of tensors.bin.
    """

    def __init__(self, file: BinaryIO, size: int):
        self._file = file
        members, directory, seal = self._read_end(size)
        headers, _ = _headers(members)
        before, texts = [], []
        for name, member, header in zip(NAMES, members, headers, strict=True):
            self._expect(header, f"the header of {name}")
            before.append(header)
            if name != NAMES[-1]:
                data = self._read(member.stored_size)
                texts.append(_unpack_text(name, member, data))
                before.append(data)
        if _seal([*before, directory]) != seal:
            raise ArchiveError(f"{NAMES[0]}, {NAMES[1]} or a header does not match the seal")
        self.manifest, self.architecture = texts
        self.payload_size = members[-1].size
        self._payload_crc = members[-1].crc
        self._crc = 0

    def read_payload(self, size: int) -> bytes:
        """The next `size` bytes of tensors.bin."""
        data = self._read(size)
        self._crc = zlib.crc32(data, self._crc)
        return data

    def finish(self) -> None:
        """Checks the CRC-32 of tensors.bin, once all of it has been read."""
        if self._crc != self._payload_crc:
            raise ArchiveError(f"{NAMES[-1]} does not match its CRC-32")

    def _read_end(self, size: int) -> tuple[list[Member], bytes, bytes]:
        """The members, the directory with the end record, and the seal."""
        length = sum(_CENTRAL.size + len(name) for name in NAMES) + _END.size
        if not length + _SEAL_BYTES <= size <= MAX_FILE_BYTES:
            raise ArchiveError(_NO_ARCHIVE)
        self._file.seek(size - length - _SEAL_BYTES)
        directory, seal = self._read(length), self._read(_SEAL_BYTES)
        members = _parse_directory(directory)
        if _total_bytes(members) != size or _headers(members)[1] != directory:
            raise ArchiveError(_NO_ARCHIVE)
        self._file.seek(0)
        return members, directory, seal

    def _read(self, size: int) -> bytes:
        data = self._file.read(size)
        if len(data) != size:
            raise ArchiveError("the file ends too early")
        return data

    def _expect(self, expected: bytes, what: str) -> None:
        if self._read(len(expected)) != expected:
            raise ArchiveError(f"{what} is damaged")


@contextlib.contextmanager
def open_container(path: str | os.PathLike) -> Iterator[Container]:
    """The archive at `path`, its structure and texts checked, its payload unread.

    Raises:
        ArchiveError: when it is damaged or no tfqd archive; also one that is raised by what
            reads it, which then names the file too.
        OSError: when it cannot be opened.
    """
    if not stat.S_ISREG(os.stat(path).st_mode):  # opening a pipe would wait for a writer
        raise ArchiveError(f"{os.fspath(path)!r} is not a regular file")
    with open(path, "rb") as file:
        try:
            yield Container(file, os.fstat(file.fileno()).st_size)
        except ArchiveError as error:
            raise ArchiveError(f"{os.fspath(path)}: {error}") from error


def is_container(path: str | os.PathLike) -> bool:
    """Whether a file begins as archives do, whatever it is called; the rest may be damaged.

    Raises:
        OSError: when it cannot be read.
    """
    first = NAMES[0].encode()
    with open(path, "rb") as file:
        start = file.read(_LOCAL.size + len(first))
    return start.startswith(b"PK\3\4") and start[_LOCAL.size :] == first


def _pack_text(name: str, text: bytes) -> tuple[Member, bytes]:
    if len(text) > MAX_JSON_BYTES:
        raise ValueError(f"{name} would exceed {MAX_JSON_BYTES} bytes; got {len(text)}")
    deflate = zlib.compressobj(9, zlib.DEFLATED, -zlib.MAX_WBITS, 9)
    data, method = deflate.compress(text) + deflate.flush(), _DEFLATED
    if not len(data) < len(text) <= _MAX_INFLATION * len(data):
        data, method = text, _STORED
    return Member(method, zlib.crc32(text), len(data), len(text)), data


def _unpack_text(name: str, member: Member, data: bytes) -> bytes:
    if member.size > min(MAX_JSON_BYTES, _MAX_INFLATION * member.stored_size):
        raise ArchiveError(f"{name} claims to unfold {len(data)} bytes to {member.size}")
    try:
        text = inflate(data, member.size) if member.method == _DEFLATED else data
    except ValueError as error:
        raise ArchiveError(f"{name} is damaged: {error}") from error
    if zlib.crc32(text) != member.crc:
        raise ArchiveError(f"{name} does not match its CRC-32")
    return text


def _parse_directory(directory: bytes) -> list[Member]:
    """What the directory says about each member; all else in it is compared later."""
    members, position = [], 0
    for name in NAMES:
        fields = _CENTRAL.unpack_from(directory, position)
        members.append(Member(fields[4], *fields[7:10]))
        position += _CENTRAL.size + len(name)
    for name, member in zip(NAMES, members, strict=True):
        methods = (_STORED,) if name == NAMES[-1] else (_STORED, _DEFLATED)
        stored = member.method == _STORED
        if member.method not in methods or (stored and member.size != member.stored_size):
            raise ArchiveError(_NO_ARCHIVE)
    return members


def _headers(members: list[Member]) -> tuple[list[bytes], bytes]:
    """The local headers, and the central directory with the end record."""
    headers, entries, offset = [], [], 0
    for name, (method, *sizes) in zip(NAMES, members, strict=True):
        common = (_ZIP_VERSION, 0, method, 0, _DOS_DATE, *sizes, len(name), 0)
        headers.append(_LOCAL.pack(b"PK\3\4", *common) + name.encode())
        entry = _CENTRAL.pack(b"PK\1\2", _ZIP_VERSION, *common, 0, 0, 0, 0, offset)
        entries.append(entry + name.encode())
        offset += len(headers[-1]) + sizes[1]
    size = sum(map(len, entries))
    count = len(NAMES)
    end = _END.pack(b"PK\5\6", 0, 0, count, count, size, offset, _SEAL_BYTES)
    return headers, b"".join([*entries, end])


def _total_bytes(members: list[Member]) -> int:
    names = sum(map(len, NAMES))
    headers = len(NAMES) * (_LOCAL.size + _CENTRAL.size) + 2 * names + _END.size + _SEAL_BYTES
    return headers + sum(member.stored_size for member in members)


def _seal(chunks: list[bytes]) -> bytes:
    digest = hashlib.sha256()
    for chunk in chunks:
        digest.update(chunk)
    return digest.hexdigest().encode()
