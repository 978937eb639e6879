"""The bytes of a TFLite file from its objects, small and aligned.

The generated classes write every list anew and buffers wherever they come to lie.
A graph is full of equal lists (shapes, zero points), which the format lets share
one place, and the schema asks for buffers at multiples of 16 bytes, since kernels
read constants in whole registers.
"""

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

_ALIGNMENT = 16
_MARK = b"TFL3"


def built(model) -> bytes:
    """The file of a `ModelT` whose buffers are `Buffer`s."""
    builder = _Builder(1024)
    builder.Finish(model.Pack(builder), file_identifier=_MARK)
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
    """Writes equal lists of numbers once."""

    def __init__(self, size: int):
        super().__init__(size)
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:
        key = (x.dtype.str, x.tobytes())
        if key not in self._written:
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]
