"""The objects of a TFLite file from its bytes."""

import struct

from tfqd.export.litert.file.schema import MARK, schema


def parsed(data: bytes):
    """The `ModelT` of a file, whose lists of numbers are arrays that may be written to.

    Equal lists may be one in the file, so that what is written to one is in the others too.

    Buffers of large files lie behind the flatbuffer, and so may the options of custom
    operators; they are read too.

    Raises:
        ValueError: when it is something else, or damaged.
    """
    if data[4:8] != MARK:
        raise ValueError("it is no TFLite file: it does not bear the mark TFL3")
    writable = bytearray(data)
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(writable, 0))
        for buffer in model.buffers:
            if buffer.offset:
                buffer.data = writable[buffer.offset : buffer.offset + buffer.size]
                buffer.offset = buffer.size = 0
        for graph in model.subgraphs:
            for operator in graph.operators:
                if operator.largeCustomOptionsOffset:
                    _take_custom_options(operator, writable)
    except (struct.error, TypeError, IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"it is a damaged TFLite file: {error}") from error
    return model


def _take_custom_options(operator, data: bytearray) -> None:
    start = operator.largeCustomOptionsOffset
    operator.customOptions = data[start : start + operator.largeCustomOptionsSize]
    operator.largeCustomOptionsOffset = operator.largeCustomOptionsSize = 0
