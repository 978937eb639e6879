"""The C client: compiled with gcc against the TensorFlow wheel, and spoken to."""

import io
import pathlib
import struct
import subprocess
from collections.abc import Mapping

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

SOURCE = pathlib.Path(__file__).with_name("serve.c")


def compile_client(folder: pathlib.Path) -> pathlib.Path:
    """Builds ``serve.c``; a machine without gcc is an error that says so."""
    program, libraries = folder / "serve", tf.sysconfig.get_lib()
    command = [
        *["gcc", "-std=c99", "-O2", "-Wall", "-Wextra", "-Werror"],
        *["-isystem", tf.sysconfig.get_include(), SOURCE, "-o", program],
        *[f"-L{libraries}", f"-Wl,-rpath,{libraries}"],
        *["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"],
    ]
    try:
        run = subprocess.run(command, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise AssertionError("the C client needs gcc, which this machine does not have") from error
    assert run.returncode == 0, run.stderr
    return program


def write_request(file: pathlib.Path, model: pathlib.Path, inputs: Mapping) -> list[str]:
    """Writes what the client reads; gives the names of the outputs that it will answer."""
    signature = _serving_signature(model)
    outputs = sorted(signature.outputs)
    parts = [struct.pack("=i", len(inputs))]
    for name, array in inputs.items():
        parts += [_name(signature.inputs[name].name), _tensor(array)]
    parts += [struct.pack("=i", len(outputs))]
    parts += [_name(signature.outputs[name].name) for name in outputs]
    file.write_bytes(b"".join(parts))
    return outputs


def read_answers(file: pathlib.Path, outputs: list[str]) -> dict[str, np.ndarray]:
    """The outputs that the client has written, by name."""
    stream = io.BytesIO(file.read_bytes())
    answers = {name: _read_tensor(stream) for name in outputs}
    assert not stream.read()
    return answers


def _serving_signature(model: pathlib.Path):
    saved_model = saved_model_pb2.SavedModel.FromString((model / "saved_model.pb").read_bytes())
    return saved_model.meta_graphs[0].signature_def["serving_default"]


def _name(name: str) -> bytes:
    return _string(name.encode())


def _string(text: bytes) -> bytes:
    return struct.pack("=i", len(text)) + text


def _tensor(array: np.ndarray) -> bytes:
    head = struct.pack("=2i", tf.as_dtype(array.dtype).as_datatype_enum, array.ndim)
    strings = array.dtype.kind == "S"
    content = b"".join(map(_string, array.reshape(-1).tolist())) if strings else array.tobytes()
    return head + struct.pack(f"={array.ndim + 1}q", *array.shape, len(content)) + content


def _read_tensor(stream: io.BytesIO) -> np.ndarray:
    dtype, rank = struct.unpack("=2i", stream.read(8))
    *shape, size = struct.unpack(f"={rank + 1}q", stream.read(8 * (rank + 1)))
    return np.frombuffer(stream.read(size), tf.DType(dtype).as_numpy_dtype).reshape(shape)
