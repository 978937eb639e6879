"""The float model through TensorFlow's own converter."""

import re
import tempfile

import numpy as np
import tensorflow as tf

from tfqd.export.origin import Origin
from tfqd.export.signature import Signature
from tfqd.wrapping import serving


class ConversionError(ValueError):
    """TensorFlow's converter has no TFLite form for a model."""


def converted(origin: Origin, batch_size: int | None = None) -> bytes:
    """The dequantized model as a TFLite file of float weights.

    It goes by a SavedModel that holds the weights as constants: converting the
    functions of a Keras 3 model writes, without an error, a file that lacks
    them. The file's signature has the names of the model's inputs and outputs.

    Args:
        origin: the model.
        batch_size: to be fixed in the file; None leaves it free where the
            model's inputs do.

    Raises:
        ConversionError: a ValueError, when the converter refuses the model.
    """
    module = tf.Module()
    module.own_variables = serving.own_variables(origin.plain)
    module.serve = _function(origin, batch_size)
    with tempfile.TemporaryDirectory() as folder:
        options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
        tf.saved_model.save(module, folder, signatures=module.serve, options=options)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder)
        try:
            return converter.convert()
        except Exception as error:  # whatever the converter raises: it has many kinds
            raise ConversionError(_reason(error)) from error


def input_specs(signature: Signature, batch_size: int | None) -> list[tf.TensorSpec]:
    """What the file takes: the model's inputs, their batch size fixed if asked for."""
    if batch_size is None:
        return signature.inputs
    return [
        tf.TensorSpec([batch_size, *spec.shape[1:]], spec.dtype, spec.name)
        for spec in signature.inputs
    ]


def _function(origin: Origin, batch_size: int | None) -> tf.types.experimental.ConcreteFunction:
    model, signature = origin.plain, origin.signature
    weights = list(origin.compressed.dequantize().values())

    @tf.function(autograph=False)
    def serve(**inputs):
        with serving.reading(model, [tf.constant(np.asarray(weight)) for weight in weights]):
            outputs = signature.call(model, inputs)
        return {name: tf.identity(_widened(output)) for name, output in outputs.items()}

    specs = input_specs(signature, batch_size)
    return serve.get_concrete_function(**{spec.name: spec for spec in specs})


def _widened(output: tf.Tensor) -> tf.Tensor:
    return tf.cast(output, tf.float32) if output.dtype in (tf.float16, tf.bfloat16) else output


def _reason(error: Exception) -> str:
    """The converter's first complaint, without its places in the source."""
    text = str(error)
    lines = [line for line in text.splitlines() if "error:" in line] or [text]
    complaint = re.search(r"'tf\.\w+' op .*", lines[0])
    reason = complaint[0] if complaint else lines[0][-300:]
    hint = "; pass batch_size=, which recurrent layers need fixed" if "TensorList" in text else ""
    return f"TensorFlow's converter cannot convert the model: {reason}{hint}"
