"""A TFLite file whose shapes were damaged is refused before a runtime takes memory for them."""

import keras
import numpy as np
import pytest

import tfqd
from tfqd.export.litert.checking.metadata import put_metadata, read_facts, read_probes, sealed
from tfqd.export.litert.file.flatbuffer import File, Op, Type, operator
from tfqd.export.litert.file.sizes import USUAL_LARGEST, size_faults


@pytest.fixture(scope="module")
def good(tmp_path_factory):
    """The bytes of a file; its tensor 1 is the hidden layer's, 3 the first INT4 weight."""
    keras.utils.set_random_seed(0)
    layers = [keras.Input((8,)), keras.layers.Dense(16, "relu"), keras.layers.Dense(4)]
    quantized = tfqd.quantize_model(keras.Sequential(layers), tfqd.presets.deployable(4))
    path = tmp_path_factory.mktemp("files") / "m.tflite"
    tfqd.export.tflite(quantized, path)
    return path.read_bytes()


def test_a_good_file_has_no_fault(good):
    assert [*size_faults(File(good), USUAL_LARGEST)] == []


@pytest.mark.parametrize(
    ("tensor", "shape", "reason"),
    [
        # One bit of a mutant of benchmarks/fuzz_verify.py: 17 GB, which LiteRT took.
        (1, [268435457, 16], r"tensor 1 of shape \[268435457, 16\] takes 17,179,869,248 bytes"),
        (1, [2**31 - 1, 2**31 - 1], "tensor 1 .* none computed takes over 67,108,864"),
        (0, [2**28, 8], "tensor 0 of shape"),
        (1, [-16, 16], "a shape with a size below 0"),
        (3, [16, 10], "takes 80 bytes, and the file has 64 of it"),
        (3, [2**28 + 16, 8], "and the file has 64 of it"),
    ],
)
def test_a_damaged_shape_is_refused_before_it_is_run(good, tensor, shape, reason, tmp_path):
    file, path = File(good), tmp_path / "m.tflite"
    file.graphs[0].tensors[tensor].shape = np.array(shape, np.int32)
    path.write_bytes(sealed(file.to_bytes()))
    with pytest.raises(ValueError, match=f"damaged: its .*{reason}"):
        tfqd.export.verify(path)


@pytest.mark.parametrize(
    ("code", "numbers"),
    [
        (Op.PAD, [[0, 2**24], [0, 0]]),
        (Op.TILE, [2**24, 1]),
        (Op.BROADCAST_TO, [2**28, 8]),
    ],
)
def test_a_constant_that_makes_too_much_is_refused(good, code, numbers):
    file = File(good)
    graph = file.graphs[0]
    constant = file.add_constant(graph, np.array(numbers, np.int32), Type.INT32)
    index = file.add_operator_code(code)
    graph.operators.append(operator(index, [0, constant], [1]))
    (fault,) = size_faults(file, USUAL_LARGEST)
    assert "would make" in fault


def test_a_file_tells_of_tensors_that_are_uncommonly_large(good):
    file = File(good)
    probes, tolerance = read_probes(file)
    assert read_facts(file)["largest"] == USUAL_LARGEST
    file.graphs[0].tensors[1].shape = np.array([1, 2**25], np.int32)
    put_metadata(file, [], 1e-4, probes, tolerance)
    file = File(file.to_bytes())
    assert read_facts(file)["largest"] == 2**27
    assert [*size_faults(file, 2**27)] == []
