"""Files of integers with few bits for activations of both signs."""

import keras
import numpy as np
import pytest
import tf_keras
from integer_models import IMAGES
from other_readers import litert_integers

import tfqd
from tfqd.export.litert.checking.io_spans import input_spans
from tfqd.export.litert.checking.runtimes import computed_tensors
from tfqd.export.litert.file.flatbuffer import File, Op, Type


def bottlenecks(library):
    """Linear bottlenecks, their sum, and what is joined, moved and averaged of it."""
    layers = library.layers

    def block(x, filters, size, name):
        x = layers.Conv2D(filters, size, padding="same", use_bias=False, name=name)(x)
        return layers.BatchNormalization(name=f"{name}_norm")(x)

    image = library.Input((8, 8, 3), name="image")
    x = block(layers.ReLU()(block(image, 8, 3, "stem")), 4, 1, "linear")
    y = block(layers.ReLU()(block(x, 8, 3, "inner")), 4, 1, "again")
    x = layers.Add(name="sum")([x, y])
    x = layers.Concatenate()([x, block(x, 4, 3, "beside")])
    x = layers.AveragePooling2D(2, name="average")(layers.MaxPooling2D(2)(x))
    return library.Model(image, layers.Dense(4, name="classes")(layers.Flatten()(x)))


@pytest.fixture(name="model", params=[keras, tf_keras], ids=["keras", "tf_keras"])
def calibrated_model(request):
    request.param.utils.set_random_seed(0)
    activations = tfqd.Activations(bits=4, signed_bits=4)
    spec = tfqd.presets.deployable(8)
    model = tfqd.quantize_model(bottlenecks(request.param), spec, activations=activations)
    tfqd.calibrate(model, IMAGES)
    return model


def test_all_but_inputs_and_outputs_have_few_bits(model):
    bits = {layer.name: layer.quantizer.bits for layer in model.quantized_activations}
    assert bits.pop("image_range") == bits.pop("classes_range") == 8
    assert set(bits.values()) == {4}


def test_the_file_clips_the_lower_ends_by_operators(model, tmp_path):
    path = tmp_path / "m.tflite"
    # Of 4 bits a step is a large part of the range; ties between steps go one way or the other.
    result = tfqd.export.tflite(model, path, io_dtype="int8", probes=IMAGES, tolerance=0.5)
    assert result.report.weight_error == 0
    # linear, again, sum and beside
    assert result.report.operators["MAXIMUM"] == 4
    assert not {"QUANTIZE", "DEQUANTIZE"} & result.report.operators.keys()
    file = File(path.read_bytes())
    (graph,) = file.graphs
    assert {tensor.type for tensor in graph.tensors} <= {Type.INT8, Type.INT32}
    rounded = {
        graph.tensors[operator.outputs[0]].name.decode()
        for operator in graph.operators
        if file.code(operator) in (Op.MAXIMUM, Op.CONCATENATION, Op.AVERAGE_POOL_2D)
    }
    for each in computed_tensors(path.read_bytes(), {"image": IMAGES}):
        if each.name in rounded:
            assert len(np.unique(each.values)) <= 16, each.name
    (span,) = input_spans(file).values()
    scale = (span.high - span.low) / 255
    integers = np.clip(np.rint((IMAGES - span.low) / scale) - 128, -128, 127).astype(np.int8)
    for kernels in ("reference", "xnnpack"):
        (simulated,) = tfqd.export.simulate_integer(path, IMAGES, kernels=kernels).values()
        found = litert_integers(path, integers, reference=kernels == "reference")
        np.testing.assert_array_equal(simulated, found, err_msg=kernels)
    low, high = model.quantized_activations[-1].ends
    step = (high - low) / 255
    answers = (np.asarray(simulated, float) + 128 + np.rint(low / step)) * step
    apart = np.rint((answers - np.asarray(model(IMAGES))) / step)
    assert (np.abs(apart) <= 1).mean() >= 0.98
