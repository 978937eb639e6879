"""The bytes of a TFLite file from its objects, small and aligned.

The generated classes write every list anew and buffers wherever they come to lie.
A graph is full of equal lists (shapes, zero points), which the format lets share
one place, and the schema asks for buffers at multiples of 16 bytes, since kernels
read constants in whole registers.
"""

import flatbuffers
import numpy as np
from flatbuffers import number_types

from tfqd.export.litert.file.schema import MARK, schema

_ALIGNMENT = 16
_REFERENCE = number_types.UOffsetTFlags
# What `_Builder` and `Buffer` know of its insides, which flatbuffers promises to nobody.
_INSIDES = (
    "Bytes",
    "CreateNumpyVector",
    "CreateString",
    "EndObject",
    "Prep",
    "PrependSlot",
    "PrependUOffsetTRelativeSlot",
    "StartObject",
    "current_vtable",
    "head",
    "nested",
)


def built(model) -> bytes:
    """The file of a `ModelT` whose buffers are `Buffer`s.

    Raises:
        ImportError: when the `flatbuffers` that is installed has another builder.
    """
    lacking = [name for name in _INSIDES if not hasattr(flatbuffers.Builder(0), name)]
    if lacking:
        raise ImportError(
            f"TFLite files are written through flatbuffers 25, whose Builder has {lacking[0]}; "
            f"the one installed, {flatbuffers.__version__}, has none: pip install 'flatbuffers<26'"
        )
    builder = _Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=MARK)
    return bytes(builder.Output())


class Buffer(schema.BufferT):
    """A buffer that is written aligned.

    Args:
        data: its bytes; none for that of tensors that are computed.
    """

    def __init__(self, data: bytes = b""):
        super().__init__()
        self.data = data

    def Pack(self, builder):
        if not self.data:
            schema.BufferStart(builder)
            return schema.BufferEnd(builder)
        builder.StartVector(1, len(self.data), _ALIGNMENT)
        # The builder grows downwards: its head is where the next bytes end.
        end = builder.head
        builder.head = end - len(self.data)
        builder.Bytes[builder.head : end] = self.data
        vector = builder.EndVector()
        schema.BufferStart(builder)
        schema.BufferAddData(builder, vector)
        return schema.BufferEnd(builder)


class _Builder(flatbuffers.Builder):
    """Writes equal lists of numbers, equal strings and equal tables once.

    Two tables are equal when their fields hold the same numbers and refer to the
    same places: tensors of one shape between operators are, and equal options. The
    fields of a table are written by their size, so that few bytes lie between them.
    """

    def __init__(self, size: int):
        super().__init__(size)
        self._written: dict[tuple, int] = {}
        self._fields: list[tuple] = []

    def CreateNumpyVector(self, x: np.ndarray) -> int:
        key = (x.dtype.str, x.tobytes())
        if key not in self._written:
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]

    def CreateString(self, s: str | bytes, encoding="utf-8", errors="strict") -> int:
        data = s.encode(encoding, errors) if isinstance(s, str) else bytes(s)
        key = ("string", data)
        if key not in self._written:
            self._written[key] = super().CreateString(data)
        return self._written[key]

    def StartObject(self, numfields: int) -> None:
        self._fields = []
        # So that equal kinds of tables have fields at equal places, and one list of those.
        self.Prep(_REFERENCE.bytewidth, 0)
        super().StartObject(numfields)

    def PrependSlot(self, flags, o: int, x, d) -> None:
        if x != d:
            self._fields.append((flags, o, x))

    def PrependUOffsetTRelativeSlot(self, o: int, x: int, d: int) -> None:
        self.PrependSlot(_REFERENCE, o, x, d)

    def EndObject(self) -> int:
        key = ("table", *self._fields)
        if key not in self._written:
            for flags, o, x in sorted(self._fields, key=lambda field: -field[0].bytewidth):
                if flags is _REFERENCE:
                    super().PrependUOffsetTRelativeSlot(o, x, None)
                else:
                    super().PrependSlot(flags, o, x, None)
            self._written[key] = super().EndObject()
        # Also where nothing was written.
        self.nested, self.current_vtable = False, None
        return self._written[key]
