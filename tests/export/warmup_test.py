"""Warm-up requests are what TensorFlow Serving's protocol buffers say."""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory, text_format

from tfqd.export.warmup import FILE, prediction_log, write_warmup

# Of tensorflow_serving/apis: prediction_log.proto, predict.proto and model.proto.
SERVING = """
name: "warmup_test.proto" package: "tensorflow.serving" syntax: "proto3"
dependency: "tensorflow/core/framework/tensor.proto"
message_type {
  name: "ModelSpec"
  field { name: "name" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
  field { name: "signature_name" number: 3 label: LABEL_OPTIONAL type: TYPE_STRING }
}
message_type {
  name: "PredictRequest"
  field { name: "model_spec" number: 1 label: LABEL_OPTIONAL type_name: "ModelSpec" }
  field { name: "inputs" number: 2 label: LABEL_REPEATED type_name: "InputsEntry" }
  nested_type {
    name: "InputsEntry"
    field { name: "key" number: 1 label: LABEL_OPTIONAL type: TYPE_STRING }
    field { name: "value" number: 2 label: LABEL_OPTIONAL type_name: ".tensorflow.TensorProto" }
    options { map_entry: true }
  }
}
message_type {
  name: "PredictLog"
  field { name: "request" number: 1 label: LABEL_OPTIONAL type_name: "PredictRequest" }
}
message_type {
  name: "PredictionLog"
  field { name: "predict_log" number: 6 label: LABEL_OPTIONAL type_name: "PredictLog" }
}
"""


@pytest.fixture(scope="module")
def prediction_log_class():
    """The class that protoc would make of TensorFlow Serving's own definitions."""
    pool = descriptor_pool.Default()
    pool.Add(text_format.Parse(SERVING, descriptor_pb2.FileDescriptorProto()))
    descriptor = pool.FindMessageTypeByName("tensorflow.serving.PredictionLog")
    return message_factory.GetMessageClass(descriptor)


def test_the_log_parses_back_to_the_request(prediction_log_class):
    inputs = {
        "image": np.random.default_rng(0).normal(size=(2, 40, 3)).astype(np.float32),
        "user": np.array([3, 4], np.int64),
    }
    log = prediction_log_class.FromString(prediction_log("digits", inputs))
    request = log.predict_log.request
    assert request.model_spec.name == "digits"
    assert request.model_spec.signature_name == "serving_default"
    assert request.inputs.keys() == inputs.keys()
    for name, array in inputs.items():
        tensor = tf.make_ndarray(request.inputs[name])
        assert tensor.dtype == array.dtype
        np.testing.assert_array_equal(tensor, array)


def test_the_file_is_a_tfrecord_of_one_request(tmp_path):
    inputs = {"x": np.zeros((1, 2), np.float32)}
    write_warmup(tmp_path, "digits", inputs)
    (record,) = tf.data.TFRecordDataset(str(tmp_path / FILE))
    assert record.numpy() == prediction_log("digits", inputs)
