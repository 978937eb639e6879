"""TFLite files that other tools make of a float Keras model."""

import importlib.metadata
import importlib.util
import pathlib

import keras
import numpy as np
import tensorflow as tf


def float_file(model: keras.Model, folder: pathlib.Path) -> pathlib.Path:
    """TensorFlow's converter, nothing quantized."""
    path = folder / "float.tflite"
    path.write_bytes(tf.lite.TFLiteConverter.from_keras_model(model).convert())
    return path


def files(
    model: keras.Model, folder: pathlib.Path, examples: np.ndarray
) -> dict[str, pathlib.Path]:
    """Every other tool's files, of those that are installed.

    Args:
        examples: inputs to calibrate by.
    """
    made = {"converter, dynamic-range INT8": _dynamic_range(model, folder)}
    if importlib.util.find_spec("ai_edge_quantizer"):
        made |= _ai_edge_quantizer(folder)
    if importlib.util.find_spec("tensorflow_model_optimization"):
        made["tfmot 8-bit QAT export, not trained"] = _tfmot(model, folder, examples)
    return {name: path for name, path in made.items() if path is not None}


def versions() -> dict[str, str]:
    """The versions of what is installed."""
    found = {}
    for name in ("ai-edge-litert", "ai-edge-quantizer", "tensorflow-model-optimization"):
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def _dynamic_range(model, folder) -> pathlib.Path:
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    path = folder / "dynamic_range.tflite"
    path.write_bytes(converter.convert())
    return path


def _ai_edge_quantizer(folder) -> dict[str, pathlib.Path]:
    """Its recipes for float activations, on the converter's float file."""
    from ai_edge_quantizer import quantizer, recipe

    made = {}
    for name, make in (
        ("ai-edge-quantizer dynamic_wi8_afp32", recipe.dynamic_wi8_afp32),
        ("ai-edge-quantizer dynamic_wi4_afp32", recipe.dynamic_wi4_afp32),
    ):
        tool = quantizer.Quantizer(str(folder / "float.tflite"), make())
        path = folder / f"{name.split()[1]}.tflite"
        tool.quantize().export_model(str(path), overwrite=True)
        made[name] = path
    return made


def _tfmot(model, folder, examples) -> pathlib.Path | None:
    """tfmot's default 8-bit scheme: its activation ranges seen, nothing trained."""
    import tensorflow_model_optimization as tfmot

    import tfqd

    try:
        copy = tfqd.to_tf_keras(model)
        quantized = tfmot.quantization.keras.quantize_model(copy)
    except (ValueError, RuntimeError, AttributeError) as error:
        print(f"tfmot does not quantize {model.name}: {error!s:.200}")
        return None
    for batch in np.array_split(examples, 4):
        quantized(batch, training=True)
    converter = tf.lite.TFLiteConverter.from_keras_model(quantized)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    path = folder / "tfmot.tflite"
    path.write_bytes(converter.convert())
    return path
