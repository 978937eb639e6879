"""TFLite files as objects, by the classes of the schema."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence

import numpy as np

from tfqd.compressed.packing import pack, unpack
from tfqd.export.litert.file.building import Buffer, built
from tfqd.export.litert.file.parsing import parsed
from tfqd.export.litert.file.schema import schema
from tfqd.export.litert.file.unused import drop_unused

Op = schema.BuiltinOperator
Type = schema.TensorType

# A code above this one stands in a field that older files do not have.
_LAST_OLD_CODE = 127
_NUMPY = {
    Type.FLOAT32: np.float32,
    Type.FLOAT16: np.float16,
    Type.INT8: np.int8,
    Type.INT16: np.int16,
    Type.INT32: np.int32,
    Type.INT64: np.int64,
    Type.BOOL: np.bool_,
}
_NARROW = {Type.INT4: 4, Type.INT2: 2}
_NAMES = {
    cls: {value: name for name, value in vars(cls).items() if isinstance(value, int)}
    for cls in (Op, Type)
}


def op_name(code: int) -> str:
    """``FULLY_CONNECTED`` for its code."""
    return _NAMES[Op].get(code, str(code))


def type_name(code: int) -> str:
    """``int4`` for its code."""
    return _NAMES[Type].get(code, str(code)).lower()


class File:
    """A TFLite file that is looked at and changed.

    Args:
        data: the bytes of the file.

    Raises:
        ValueError: when they are something else.
    """

    def __init__(self, data: bytes):
        self._shared: dict[tuple, int] = {}
        self.model = parsed(data)

    @property
    def graphs(self) -> list:
        """The subgraphs; the first is the model, the others are bodies of loops."""
        return self.model.subgraphs

    def code(self, operator) -> int:
        """The operator's `Op`."""
        entry = self.model.operatorCodes[operator.opcodeIndex]
        return max(entry.builtinCode, entry.deprecatedBuiltinCode)

    def data(self, tensor) -> np.ndarray | None:
        """The bytes of a constant, None for what is computed: uint8 [n]."""
        data = self.model.buffers[tensor.buffer].data
        return None if data is None or len(data) == 0 else np.asarray(data, np.uint8)

    def constant(self, tensor) -> np.ndarray | None:
        """A constant's stored numbers in its shape; None for what is computed.

        Those of 4 and 2 bits come as int8.
        """
        data = self.data(tensor)
        if data is None or tensor.type not in (_NUMPY.keys() | _NARROW.keys()):
            return None
        shape = shape_of(tensor)
        if tensor.type in _NARROW:
            return _signed(data, math.prod(shape), _NARROW[tensor.type]).reshape(shape)
        return data.view(_NUMPY[tensor.type]).reshape(shape)

    def numbers(self, tensor) -> np.ndarray:
        """As `constant`, of what must be one.

        Raises:
            ValueError: when it is computed.
        """
        constant = self.constant(tensor)
        if constant is None:
            raise ValueError(f"tensor {tensor.name!r} must be a constant; it is computed")
        return constant

    def add_operator_code(self, code: int, version: int = 1) -> int:
        """The index of an operator and version, added where it is missing."""
        for index, entry in enumerate(self.model.operatorCodes):
            found = max(entry.builtinCode, entry.deprecatedBuiltinCode)
            if (found, entry.version) == (code, version) and not entry.customCode:
                return index
        entry = schema.OperatorCodeT()
        entry.builtinCode, entry.version = code, version
        entry.deprecatedBuiltinCode = min(code, _LAST_OLD_CODE)
        self.model.operatorCodes.append(entry)
        return len(self.model.operatorCodes) - 1

    def add_buffer(self, data: np.ndarray | bytes) -> int:
        """The index of a new buffer that holds the bytes of `data`."""
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(np.ascontiguousarray(data).tobytes(), np.uint8)
        self.model.buffers.append(buffer)
        return len(self.model.buffers) - 1

    def add_constant(
        self, graph, array: np.ndarray, type: int | None = None, shared: bool = False
    ) -> int:
        """The index of a new constant tensor of a subgraph.

        Args:
            array: its numbers; of 4 and 2 bits as int8.
            type: a `Type`; None for the array's own.
            shared: whether an equal constant will do, which nobody changes.
        """
        key = (id(graph), array.dtype.str, array.shape, array.tobytes()) if shared else None
        if key is not None and key in self._shared:
            return self._shared[key]
        tensor = schema.TensorT()
        tensor.shape = np.array(array.shape, np.int32)
        self.set_constant(tensor, array, _type_of(array) if type is None else type)
        graph.tensors.append(tensor)
        if key is not None:
            self._shared[key] = len(graph.tensors) - 1
        return len(graph.tensors) - 1

    def set_constant(self, tensor, array: np.ndarray, type: int) -> None:
        """Puts other numbers, of another type, into a tensor."""
        bits = _NARROW.get(type)
        if bits is not None:
            codes = array.reshape(-1).astype(np.uint8) & np.uint8(2**bits - 1)
            array = np.frombuffer(pack(codes, bits), np.uint8)
        tensor.type = type
        tensor.buffer = self.add_buffer(array)

    def readers(self, graph, index: int) -> Iterator:
        """The operators of a subgraph that take a tensor."""
        return (operator for operator in graph.operators if index in operator.inputs)

    def shorten_names(self) -> None:
        """Calls inputs and outputs what the signature calls them, and the rest 0, 1, 2 and so on.

        Other names are of use to those who look at the graph of layers; in a small
        model they take more room than its operators. But each tensor must have a name,
        and no other of the file the same: OpenVINO and ai-edge-quantizer know it by that.
        """
        drop_unused(self.model)
        kept = self._names_of_io()
        taken = set(kept.values())
        free = (name for name in map(b"%d".__mod__, itertools.count()) if name not in taken)
        for number, graph in enumerate(self.graphs):
            for index, tensor in enumerate(graph.tensors):
                tensor.name = kept.get((number, index)) or next(free)
            graph.name = None
        self.model.description = None

    def _names_of_io(self) -> dict[tuple[int, int], bytes]:
        """(subgraph, tensor) -> the signature's name, or its own where the signature has it twice.

        Without those that are not unique even so.
        """
        entries = [
            ((definition.subgraphIndex, entry.tensorIndex), entry.name)
            for definition in self.model.signatureDefs or []
            for entry in (*(definition.inputs or []), *(definition.outputs or []))
        ]
        uses = Counter(name for _, name in entries)
        names = {
            (number, index): name if uses[name] == 1 else self.graphs[number].tensors[index].name
            for (number, index), name in entries
        }
        uses = Counter(names.values())
        return {place: name for place, name in names.items() if uses[name] == 1}

    def to_bytes(self) -> bytes:
        """The bytes of the file, without what nothing refers to."""
        drop_unused(self.model)
        return built(self.model)


def empty_file() -> File:
    """A file of one subgraph of no operators, with the signature x -> y of its tensors 0 and 1."""
    model = schema.ModelT()
    model.version = 3
    graph = schema.SubGraphT()
    graph.tensors, graph.operators = [], []
    graph.inputs, graph.outputs = np.array([0], np.int32), np.array([1], np.int32)
    signature = schema.SignatureDefT()
    signature.signatureKey = "serving_default"
    signature.inputs, signature.outputs = [_entry("x", 0)], [_entry("y", 1)]
    model.subgraphs, model.signatureDefs = [graph], [signature]
    model.operatorCodes, model.buffers = [], [Buffer()]
    return File(built(model))


def _entry(name: str, index: int):
    entry = schema.TensorMapT()
    entry.name, entry.tensorIndex = name, index
    return entry


def shape_of(tensor) -> tuple[int, ...]:
    """A tensor's shape, 1 in dimensions that are free; () for a scalar."""
    return () if tensor.shape is None else tuple(int(size) for size in tensor.shape)


def free_shape_of(tensor) -> list[int]:
    """A tensor's shape, -1 in dimensions that are free."""
    signature = [] if tensor.shapeSignature is None else tensor.shapeSignature
    return [int(size) for size in (signature if len(signature) else shape_of(tensor))]


def is_quantized(tensor) -> bool:
    """Whether a tensor's integers stand for floats, by a scale of the tensor or of its channels."""
    scale = None if tensor.quantization is None else tensor.quantization.scale
    return scale is not None and len(scale) > 0


def per_channel(scale: np.ndarray, axis: int):
    """The quantization of a tensor with one scale for each index of an axis.

    Args:
        scale: float32 [channels], all positive.
        axis: of the tensor.
    """
    quantization = schema.QuantizationParametersT()
    quantization.scale = np.ascontiguousarray(scale, np.float32)
    quantization.zeroPoint = np.zeros(len(scale), np.int64)
    quantization.quantizedDimension = axis
    return quantization


def operator(code_index: int, inputs: Sequence[int], outputs: Sequence[int], options=None):
    """A new operator.

    Args:
        code_index: from `File.add_operator_code`.
        inputs: indices of tensors, -1 for one that is left out.
        outputs: indices of tensors.
        options: an object of a generated class such as `AddOptionsT`, if any.
    """
    result = schema.OperatorT()
    result.opcodeIndex = code_index
    result.inputs = np.array(inputs, np.int32)
    result.outputs = np.array(outputs, np.int32)
    if options is not None:
        kind = type(options).__name__.removesuffix("T")
        result.builtinOptionsType = getattr(schema.BuiltinOptions, kind)
        result.builtinOptions = options
    return result


def _signed(data: np.ndarray, count: int, bits: int) -> np.ndarray:
    codes = unpack(data.tobytes(), bits, count).astype(np.int8)
    return np.where(codes < 2 ** (bits - 1), codes, codes - 2**bits).astype(np.int8)


def _type_of(array: np.ndarray) -> int:
    types = {np.dtype(cls): type for type, cls in _NUMPY.items()}
    return types[array.dtype]
