"""What a built model is called on: shapes and dtypes of its arguments."""

import keras
import tensorflow as tf

from tfqd.wrapping.keras3.insides import (
    Functional,
    _infer_input_signature_from_model,
    graph_of,
    make_tf_tensor_spec,
)


def input_specs(model: keras.Model) -> list:
    """One ``tf.TensorSpec``, or structure of them, for each argument of the call.

    Functional and Sequential models know their inputs; of a subclassed model
    Keras remembers the shapes that it was built on, and takes the dtype to be
    its compute dtype.

    Raises:
        ValueError: when nothing is known about the inputs.
    """
    model = getattr(model, "_inner", model)  # of a quantized model, what it runs
    functional = graph_of(model)
    if isinstance(functional, Functional):
        return [
            keras.tree.map_structure(
                lambda tensor: tf.TensorSpec(tensor.shape, tensor.dtype, tensor.name),
                functional.input,
            )
        ]
    arguments = _infer_input_signature_from_model(model)
    if not arguments:
        raise ValueError(
            f"the shapes that model {model.name!r} is called on are not known; "
            "call it on data before it is quantized"
        )
    return [keras.tree.map_structure(make_tf_tensor_spec, argument) for argument in arguments]


def zero_inputs(model: keras.Model) -> list[tf.Tensor] | None:
    """The arguments of a call on one example of zeros, or a batch where its size is fixed.

    None where shapes are not known.
    """
    try:
        specs = input_specs(model)
    except ValueError:
        return None
    if any(None in tuple(spec.shape)[1:] for spec in tf.nest.flatten(specs)):
        return None
    return tf.nest.map_structure(
        lambda spec: tf.zeros([spec.shape[0] or 1, *spec.shape[1:]], spec.dtype), specs
    )
