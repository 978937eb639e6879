"""Exporting a model, and holding both runtimes to its answers to zeros and ones."""

import numpy as np
from tflite_by_hand import symmetric

import tfqd
from tfqd.export.litert.checking.runtimes import run, runtimes


def bits_of(shape):
    """Zeros and ones."""
    return np.random.default_rng(0).integers(0, 2, shape).astype(np.float32)


def exported(model, path, spec=None, **options):
    """The quantized model, and the report of its file."""
    quantized = tfqd.quantize_model(model, spec or symmetric(4))
    return quantized, tfqd.export.tflite(quantized, path, **options).report


def assert_answers(path, quantized, inputs, atol=1e-6):
    """Both runtimes answer to inputs of zeros and ones, which kernels represent exactly."""
    expected = np.array(quantized(inputs))
    for runtime in runtimes():
        (answer,) = run(runtime, path.read_bytes(), {"x": inputs}).values()
        error = np.abs(answer - expected).max() / np.abs(expected).max()
        assert error <= atol, (runtime, error)
