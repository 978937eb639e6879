"""TensorFlow's own writing of a module that serves."""

import tensorflow as tf


def save_module(module: tf.Module, folder: str) -> None:
    """Writes a SavedModel whose ``serving_default`` is the module's function `serve`.

    Raises:
        OSError: when TensorFlow cannot write it, as on a full disk.
    """
    # Custom gradients would be kept as functions of their own; nobody trains this file.
    options = tf.saved_model.SaveOptions(experimental_custom_gradients=False)
    try:
        tf.saved_model.save(module, folder, signatures=module.serve, options=options)
    except tf.errors.OpError as error:
        raise OSError(f"{folder} cannot be written: {error.message}") from error
