"""tfmot's own 8-bit training and its file, for comparison with tfqd's integer training."""

import pathlib

import keras
import tensorflow as tf
import tensorflow_model_optimization as tfmot
import tf_keras

import tfqd


def quantized(model: keras.Model) -> tf_keras.Model:
    """The model in tf_keras, in tfmot's default scheme of 8-bit weights and activations."""
    return tfmot.quantization.keras.quantize_model(tfqd.to_tf_keras(model))


def write(model: tf_keras.Model, file: pathlib.Path) -> int:
    """Has TensorFlow's converter write the trained model, with INT8 at both ends; its bytes."""
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.inference_input_type = converter.inference_output_type = tf.int8
    return file.write_bytes(converter.convert())
