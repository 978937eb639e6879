"""TFLite files whose weights have been laid out otherwise, by hand."""

import pathlib

import keras
import numpy as np
from keras import layers

import tfqd
from tfqd.compressed import Probes
from tfqd.export.litert.checking.metadata import read_probes
from tfqd.export.litert.file.flatbuffer import File
from tfqd.export.litert.file.schema import schema


def symmetric(bits: int) -> tfqd.Uniform:
    """One symmetric scale a channel."""
    return tfqd.Uniform(bits=bits, bucket_size=None, layout="channel", scaling="symmetric")


class HandMade:
    """An exported model of one operator, to spoil.

    Attributes:
        file: to change.
        weight: the operator's weight, a tensor of the file.

    Args:
        folder: to export it to.
        layer: its only layer.
        shape: of its input, without the batch.
        bits: of its weights.
    """

    def __init__(self, folder: pathlib.Path, layer, shape: tuple[int, ...], bits: int):
        x = keras.Input(shape, name="x")
        quantized = tfqd.quantize_model(keras.Model(x, layer(x)), symmetric(bits))
        tfqd.export.tflite(quantized, folder / "m.tflite")
        self.file = File((folder / "m.tflite").read_bytes())
        self.graph = self.file.graphs[0]
        (operator,) = self.graph.operators
        self.weight = self.graph.tensors[operator.inputs[1]]

    @property
    def probes(self) -> Probes:
        return read_probes(self.file)[0]

    def integers(self) -> np.ndarray:
        return self.file.constant(self.weight).copy()

    def put(self, integers: np.ndarray, type: int) -> None:
        self.file.set_constant(self.weight, integers, type)

    def scale_by_tensor(self, zero_point: int = 0) -> None:
        self.weight.quantization.scale = self.weight.quantization.scale[:1]
        self.weight.quantization.zeroPoint = np.array([zero_point], np.int64)

    def shift(self, zero_point: int) -> None:
        channels = len(self.weight.quantization.scale)
        self.weight.quantization.zeroPoint = np.full(channels, zero_point, np.int64)

    def scale_by_block(self, size: int, scales: np.ndarray, zero_points=None) -> None:
        blocks = schema.BlockwiseQuantizationT()
        blocks.blockSize = size
        blocks.scales = self.file.add_constant(self.graph, scales)
        blocks.zeroPoints = -1
        if zero_points is not None:
            blocks.zeroPoints = self.file.add_constant(self.graph, zero_points)
        quantization = schema.QuantizationParametersT()
        quantization.detailsType = schema.QuantizationDetails.BlockwiseQuantization
        quantization.details = blocks
        self.weight.quantization = quantization

    def make_sparse(self) -> None:
        self.weight.sparsity = schema.SparsityParametersT()
        self.weight.sparsity.traversalOrder = np.arange(3, dtype=np.int32)


def dense(folder: pathlib.Path, bits: int = 4) -> HandMade:
    return HandMade(folder, layers.Dense(10, use_bias=False), (96,), bits)


def convolution(folder: pathlib.Path, bits: int = 4) -> HandMade:
    return HandMade(folder, layers.Conv2D(6, 3, use_bias=False), (5, 5, 4), bits)


def depthwise(folder: pathlib.Path, bits: int = 4) -> HandMade:
    return HandMade(folder, layers.DepthwiseConv2D(3, use_bias=False), (5, 5, 4), bits)


def on_bfloat16(scales: np.ndarray) -> np.ndarray:
    """The scales as float16, of which bfloat16 holds every one."""
    bits = scales.astype(np.float32).view(np.uint32) & np.uint32(0xFFFF0000)
    return bits.view(np.float32).astype(np.float16)
