"""tfmot's activation quantizers beside tfqd's weight quantizers."""

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from ai_edge_litert.interpreter import Interpreter

import tfqd
from tfqd.export.litert.checking.runtimes import run
from tfqd.export.litert.file.flatbuffer import File

layers = tf_keras.layers

X = np.random.default_rng(0).normal(size=(64, 8, 8, 3)).astype("float32")
Y = X[:, 0, 0]


def convolutional():
    return tf_keras.Sequential(
        [
            tf_keras.Input((8, 8, 3)),
            layers.SeparableConv2D(4, 3),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Conv2D(6, 3, use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.Flatten(),
            layers.Dense(3, name="last"),
        ]
    )


@pytest.fixture(scope="module")
def quantized():
    tf_keras.utils.set_random_seed(4)
    spec = {"last/kernel": tfqd.presets.deployable(8), "kernel": tfqd.presets.deployable(4)}
    model = tfqd.quantize_model(convolutional(), spec, activations="tfmot")
    model.compile(tf_keras.optimizers.Adam(0.01), "mse")
    losses = model.fit(X, Y, epochs=5, verbose=0).history["loss"]
    assert losses[-1] < losses[0]
    return model


def test_weights_have_our_levels_and_activations_tfmots(quantized):
    bits = {entry.path: entry.bits for entry in quantized.quantized_variables}
    assert sorted(bits.values()) == [4, 4, 4, 8]
    assert bits["last/kernel"] == 8
    relu = quantized.layers[4]
    hidden = tf_keras.Model(quantized.input, relu.output)(X)
    assert len(np.unique(hidden)) <= 256


def test_the_converter_makes_a_full_integer_file(quantized):
    converter = tf.lite.TFLiteConverter.from_keras_model(quantized)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    interpreter = Interpreter(model_content=converter.convert())
    interpreter.allocate_tensors()
    assert {each["dtype"] for each in interpreter.get_tensor_details()} <= {np.int8, np.int32}
    (given,), (asked,) = interpreter.get_input_details(), interpreter.get_output_details()
    scale, zero = given["quantization"]
    step, offset = asked["quantization"]
    answers = []
    for image in X[:16]:
        integers = np.clip(np.round(image / scale + zero), -128, 127).astype(np.int8)
        interpreter.set_tensor(given["index"], integers[np.newaxis])
        interpreter.invoke()
        answers.append((interpreter.get_tensor(asked["index"])[0] - offset) * step)
    # Three layers, each with a step of its own for what goes on to the next one.
    np.testing.assert_allclose(answers, quantized(X[:16]), atol=4 * step)


def test_our_export_holds_the_trained_integers_between_trained_ranges(quantized, tmp_path):
    path = tmp_path / "m.tflite"
    # Probes that the ranges were trained for: others would leave them.
    result = tfqd.export.tflite(quantized, path, io_dtype="int8", probes=X)
    assert result.report.integer_activations
    assert not {"QUANTIZE", "DEQUANTIZE"} & result.report.operators.keys()
    assert [row.type for row in result.report.weights] == ["int8", "int4", "int8", "int8"]
    assert result.report.weight_error == 0
    file = File(path.read_bytes())
    (last,) = [each for each in file.graphs[0].tensors if list(each.shape) == [3, 96]]
    kernel = tfqd.compress(quantized).quantized["last/kernel"]
    integers = file.constant(last)
    np.testing.assert_array_equal(integers, (kernel.codes.astype(int) - 127).T)
    step = np.asarray(last.quantization.scale)[:, np.newaxis]
    np.testing.assert_allclose(integers * step, kernel.dequantize().T, rtol=1e-6)
    (given,), (asked,) = file.model.signatureDefs[0].inputs, file.model.signatureDefs[0].outputs
    (step,) = file.graphs[0].tensors[asked.tensorIndex].quantization.scale
    for runtime in ("tf.lite", "ai-edge-litert"):
        (answer,) = run(runtime, path.read_bytes(), {given.name.decode(): X}).values()
        # Three layers, each with a step of its own for what goes on to the next one.
        np.testing.assert_allclose(answer, quantized(X), atol=4 * step)


def test_trained_ranges_are_not_calibrated_again(quantized, tmp_path):
    with pytest.raises(ValueError, match="representative_dataset is for models without ranges"):
        tfqd.export.tflite(quantized, tmp_path / "m.tflite", representative_dataset=X)


def test_ranges_that_were_never_trained_are_an_error_that_says_so(tmp_path):
    untrained = tfqd.quantize_model(
        convolutional(), tfqd.presets.deployable(8), activations="tfmot"
    )
    for export in (tfqd.export.tflite, tfqd.export.keras):
        with pytest.raises(ValueError, match=r"were never trained.* fit the model on some batches"):
            export(untrained, tmp_path / f"m.{export.__name__.removeprefix('write_')}")


def test_what_stays_when_our_quantizers_go_gives_the_same_outputs(quantized, tmp_path):
    plain = tfqd.strip_quantization(quantized)
    np.testing.assert_array_equal(plain(X), quantized(X))
    with pytest.raises(ValueError, match="is not quantized by tfqd"):
        tfqd.compress(plain)
    tfqd.save(quantized, tmp_path / "model.tfqd")
    np.testing.assert_array_equal(tfqd.load(tmp_path / "model.tfqd")(X), quantized(X))
    verification = tfqd.export.saved_model(quantized, tmp_path / "served")
    assert verification.largest_difference < 1e-5


@pytest.mark.parametrize("name", ["model.keras", "model.h5", "model"])
def test_it_reloads_exactly(quantized, tmp_path, name):
    quantized.save(tmp_path / name)
    with tfqd.tfmot.quantize_scope():
        again = tf_keras.models.load_model(tmp_path / name)
    np.testing.assert_array_equal(again(X), quantized(X))


def test_what_activation_quantizers_cannot_serve():
    x = tf_keras.Input((4,))
    nested = tf_keras.Model(
        x, tf_keras.Sequential([layers.Dense(2)], name="inner")(x), name="outer"
    )
    spec = tfqd.Uniform(bits=4)
    with pytest.raises(ValueError, match="model 'outer' has the models inner among its layers"):
        tfqd.quantize_model(nested, spec, activations="tfmot")
    recurrent = tf_keras.Sequential([tf_keras.Input((4, 3)), layers.LSTM(2, name="lstm")])
    with pytest.raises(ValueError, match=r"knows no layer 'lstm' \(LSTM\)"):
        tfqd.quantize_model(recurrent, spec, activations="tfmot")
    with pytest.raises(TypeError, match=r"activations must be None, .*; got 'int8'"):
        tfqd.quantize_model(recurrent, spec, activations="int8")
    of_keras_3 = keras.Sequential([keras.Input((4,)), keras.layers.Dense(2)])
    with pytest.raises(ValueError, match="activations='tfmot' is for tf_keras models"):
        tfqd.quantize_model(of_keras_3, spec, activations="tfmot")
