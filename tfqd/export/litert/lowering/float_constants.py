"""Which float constant a converter has rounded to 8 bits."""

import numpy as np

from tfqd.export.litert.file.flatbuffer import File, Type
from tfqd.export.litert.file.float_form import dequantized, per_element

# A rounded number is half a step off at most, but for the rounding of float32.
_HALF_A_STEP = 0.501


class FloatConstants:
    """The constants of a file of floats, to find those of its file of integers among.

    Args:
        file: the converter's file of floats.
    """

    def __init__(self, file: File):
        constants = (
            file.constant(tensor)
            for graph in file.graphs
            for tensor in graph.tensors
            if tensor.type == Type.FLOAT32
        )
        self._constants = [each for each in constants if each is not None]
        self._found: set[int] = set()

    def of(self, file: File, graph, tensor) -> np.ndarray | None:
        """The float constant that `tensor` was rounded from; None where there is none.

        Of several, equal up to the rounding, one that was not found yet comes first.

        Args:
            file: the converter's file of integers.
            graph: the subgraph of `tensor`.
            tensor: a constant of it.
        """
        places = self._places(file, graph, tensor)
        if not places:
            return None
        place = min(places, key=lambda place: (place in self._found, place))
        self._found.add(place)
        return self._constants[place]

    def lacking(self, file: File) -> set[int]:
        """Sizes of the constants of a file of integers that were rounded from no float constant."""
        return {
            int(np.prod(tensor.shape))
            for graph in file.graphs
            for tensor in graph.tensors
            if tensor.type == Type.INT8
            and file.data(tensor) is not None
            and not self._places(file, graph, tensor)
        }

    def _places(self, file: File, graph, tensor) -> list[int]:
        rounded = dequantized(file, graph, tensor) if tensor.type == Type.INT8 else None
        if rounded is None:
            return []
        step = per_element(tensor.quantization, tensor.quantization.scale, rounded.ndim)
        limit = _HALF_A_STEP * step
        return [
            place
            for place, constant in enumerate(self._constants)
            if constant.shape == rounded.shape and (np.abs(constant - rounded) <= limit).all()
        ]
