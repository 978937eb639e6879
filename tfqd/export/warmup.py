"""Warm-up requests in the form that TensorFlow Serving replays when it loads a model.

``assets.extra/tf_serving_warmup_requests`` is a TFRecord file of `PredictionLog`
messages. The four messages around the tensors are a handful of fields, so they
are written by the wire format's rules here, and tensorflow-serving-api, which
needs a TensorFlow and a gRPC of its own version, is no dependency:

    PredictionLog  { PredictLog predict_log = 6; }
    PredictLog     { PredictRequest request = 1; }
    PredictRequest { ModelSpec model_spec = 1; map<string, TensorProto> inputs = 2; }
    ModelSpec      { string name = 1; string signature_name = 3; }
"""

import pathlib
from collections.abc import Mapping

import numpy as np
import tensorflow as tf

FILE = pathlib.PurePath("assets.extra", "tf_serving_warmup_requests")


def write_warmup(folder: pathlib.Path, model_name: str, inputs: Mapping[str, np.ndarray]) -> None:
    """Writes one predict request into a SavedModel's folder.

    Args:
        folder: the SavedModel.
        model_name: the name that TensorFlow Serving knows the model by.
        inputs: arrays by the names of the serving signature.
    """
    path = folder / FILE
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        writer.write(prediction_log(model_name, inputs))


def prediction_log(model_name: str, inputs: Mapping[str, np.ndarray]) -> bytes:
    """A serialized `tensorflow.serving.PredictionLog` that holds a predict request."""
    model_spec = _field(1, model_name.encode()) + _field(3, b"serving_default")
    tensors = [
        # An entry of a map is a message of its key and its value.
        _field(1, name.encode()) + _field(2, tf.make_tensor_proto(array).SerializeToString())
        for name, array in inputs.items()
    ]
    request = _field(1, model_spec) + b"".join(_field(2, entry) for entry in tensors)
    return _field(6, _field(1, request))


def _field(number: int, payload: bytes) -> bytes:
    """A length-delimited field (wire type 2)."""
    return _varint(number << 3 | 2) + _varint(len(payload)) + payload


def _varint(value: int) -> bytes:
    """Seven bits a byte, the lowest first; the top bit says that more follow."""
    data = bytearray()
    while value > 127:
        data.append(value & 127 | 128)
        value >>= 7
    return bytes([*data, value])
