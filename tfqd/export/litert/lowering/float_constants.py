"""Which float constant a converter has rounded to 8 bits."""

import numpy as np

from tfqd.export.litert.file.flatbuffer import File, Type, is_quantized
from tfqd.export.litert.file.float_form import dequantized, per_element

# A rounded number is half a step off at most, but for the rounding of float32.
_HALF_A_STEP = 0.501
# The rounding of numbers of 32 bits, relative: their steps are finer than those of float32.
_ROUNDING = 4 * np.finfo(np.float32).eps


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

    def bias_of(self, file: File, tensor) -> np.ndarray | None:
        """The float constant that a bias was rounded from, float32 [O]; None where there is none.

        A bias of equal numbers the converter rounds to the unit of the first channel, and
        writes the units of all channels beside it.

        Args:
            file: the converter's file of integers.
            tensor: a constant of it.
        """
        integers = file.constant(tensor) if tensor.type == Type.INT32 else None
        if integers is None or integers.ndim != 1 or not is_quantized(tensor):
            return None
        units = np.asarray(tensor.quantization.scale, np.float64)
        scales = [units, units[:1]] if (integers == integers[0]).all() else [units]
        biases = [each for each in self._constants if each.shape == integers.shape]
        off = [min(_steps_off(each, integers, unit) for unit in scales) for each in biases]
        if not off or min(off) > _HALF_A_STEP:
            return None
        return biases[int(np.argmin(off))]

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


def _steps_off(constant: np.ndarray, integers: np.ndarray, unit: np.ndarray) -> float:
    """How many units a constant lies from integers at most, but for the rounding of float32."""
    off = np.abs(constant - integers * unit) - _ROUNDING * np.abs(constant)
    return float((off / unit).max())
