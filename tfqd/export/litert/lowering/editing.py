"""One operator of a file and what it is rewritten to."""

from collections.abc import Sequence

import numpy as np

from tfqd.export.litert.file.flatbuffer import (
    File,
    Type,
    free_shape_of,
    is_quantized,
    operator,
    per_channel,
)
from tfqd.export.litert.file.operators import takes_one_scale
from tfqd.export.litert.file.readers import LITERT, WeightForm, obstacle
from tfqd.export.litert.file.schema import schema
from tfqd.export.litert.lowering.weights import NoIntegerForm

INTEGER_TYPES = {8: Type.INT8, 4: Type.INT4, 2: Type.INT2}


class Site:
    """An operator that reads a weight, and the operators that come in its place.

    Args:
        file: the file that is rewritten.
        graph: the operator's subgraph.
        operator: reads the weight.
        readers: that are to run what is written; see `tfqd.export.litert.file.readers`.

    Attributes:
        operators: those written so far; `finish` puts them into the graph.
    """

    def __init__(self, file: File, graph, operator, readers: tuple[str, ...] = (LITERT,)):
        self.file = file
        self.graph = graph
        self.operator = operator
        self.readers = readers
        self.operators: list = []

    @property
    def code(self) -> int:
        """The operator's `Op`."""
        return self.file.code(self.operator)

    @property
    def options(self):
        """The operator's own options."""
        return self.operator.builtinOptions

    def tensor(self, index: int):
        """A tensor of the subgraph."""
        return self.graph.tensors[index]

    def shape(self, index: int) -> list[int]:
        """A tensor's shape, -1 in dimensions that are free."""
        return free_shape_of(self.tensor(index))

    def constant(self, array: np.ndarray) -> int:
        """A constant tensor of the array's own type; an old one where one is equal."""
        return self.file.add_constant(self.graph, array, shared=True)

    def scales(self, code: int, data: int, bits: int, step: np.ndarray) -> np.ndarray:
        """The scales that a weight gets: one where one was trained and kernels take it.

        Args:
            code: the `Op` of the operator that is to read the weight.
            data: tensor that it takes.
            bits: of the weight.
            step: float32 [O], of each output channel.

        Returns:
            float32 [O] or [1].
        """
        integers = is_quantized(self.tensor(data))
        same = bool((step == step[0]).all())
        if same and takes_one_scale(code, INTEGER_TYPES[bits], integers):
            return step[:1]
        return step

    def obstacle(self, code: int, data: int, bits: int, step: np.ndarray) -> str | None:
        """Why a weight of the scales of `scales` is not run, by kernels or the first of readers."""
        wide = self.tensor(data).type == Type.INT16
        if wide and bits < 8:
            return f"kernels of 16-bit activations take int8; got int{bits}"
        scales = "tensor" if len(self.scales(code, data, bits, step)) == 1 else "channel"
        form = WeightForm(code, INTEGER_TYPES[bits], scales, is_quantized(self.tensor(data)), wide)
        return obstacle(self.readers, form)

    def narrowest(self, code: int, data: int, widths: Sequence[int], step: np.ndarray) -> int:
        """The first of some widths of a weight, in bits, that all readers run.

        Raises:
            NoIntegerForm: when a reader runs none of them.
        """
        reason = None
        for bits in widths:
            reason = self.obstacle(code, data, bits, step)
            if reason is None:
                return bits
        raise NoIntegerForm(reason)

    def integers(
        self,
        array: np.ndarray,
        bits: int,
        scale: np.ndarray,
        axis: int = 0,
        data: int | None = None,
    ) -> int:
        """A new constant of integers with one scale, or one for each index of an axis.

        Where the operator's data are integers too, and 8 bits hold twice the integers, those
        of half the scale are written, and so on: kernels round biases and sums to the
        product of both scales, which is coarse where weights have few bits.

        Args:
            array: the integers.
            bits: of the type.
            scale: float32, [1] or one for each index.
            axis: of the array.
            data: tensor that the operator takes.
        """
        if data is not None and bits == 8 and is_quantized(self.tensor(data)):
            doublings = _doublings(array)
            array, scale = array << doublings, scale / np.float32(2**doublings)
        quantization = per_channel(scale, axis if len(scale) > 1 else 0)
        return self.quantized(array, bits, quantization)

    def quantized(self, array: np.ndarray, bits: int, quantization) -> int:
        """A new constant of integers with a quantization of its own."""
        type = INTEGER_TYPES[bits]
        index = self.file.add_constant(self.graph, array.astype(np.int8), type)
        self.tensor(index).quantization = quantization
        return index

    def computed(self, shape: Sequence[int], type: int = Type.FLOAT32, free: int = 1) -> int:
        """A new tensor that an operator fills.

        Args:
            shape: -1 in dimensions that are free.
            type: a `Type`.
            free: their size where readers do not know that they are.
        """
        tensor = schema.TensorT()
        tensor.type = type
        tensor.shape = np.array([free if size == -1 else size for size in shape], np.int32)
        if -1 in shape:
            tensor.shapeSignature = np.array(shape, np.int32)
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def computed_like(self, index: int, shape: Sequence[int]) -> int:
        """A new tensor of another shape with the numbers of tensor `index`: its type and scale."""
        other = self.computed(shape, self.tensor(index).type)
        self.tensor(other).quantization = self.tensor(index).quantization
        return other

    def add(self, code: int, inputs, output: int, options=None, version: int = 1) -> int:
        """Writes an operator of one output; returns that."""
        index = self.file.add_operator_code(code, version)
        self.operators.append(operator(index, inputs, [output], options))
        return output

    def finish(self) -> None:
        """Puts the operators written in the place of the one that was there."""
        position = next(i for i, other in enumerate(self.graph.operators) if other is self.operator)
        self.graph.operators[position : position + 1] = self.operators


def _doublings(integers: np.ndarray) -> int:
    """How often integers can be doubled until 8 bits do not hold them; 0 for zeros alone."""
    low, high = int(integers.min()), int(integers.max())
    if low == high == 0:
        return 0
    return max(n for n in range(8) if low << n >= -128 and high << n <= 127)
