"""Networks of MLPerf Tiny compute the same integers in tflite-micro as in LiteRT."""

import mlperf_tiny
import numpy as np
import pytest
from other_readers import RUNS_MICRO, litert_integers, micro_answers

import tfqd

pytestmark = pytest.mark.skipif(
    not RUNS_MICRO, reason="tflite-micro has no wheels for this machine"
)


@pytest.mark.parametrize("network", ["resnet8", "ds_cnn", "autoencoder"])
def test_integers_are_equal(network, tmp_path):
    quantized, x = mlperf_tiny.quantized(network)
    path = tmp_path / "m.tflite"
    options = {"readers": ("litert", "tflite-micro"), "prefer": "size", "io_dtype": "int8"}
    report = tfqd.export.tflite(quantized, path, probes=x[:1], strict=True, **options).report
    assert {weight.type for weight in report.weights} == (
        {"int4", "int8"} if network == "ds_cnn" else {"int4"}
    )
    inputs = np.random.default_rng(1).integers(-128, 128, (6, *x.shape[1:])).astype(np.int8)
    (answers,) = micro_answers(path, {"x": inputs}).values()
    assert answers.std() > 5
    np.testing.assert_array_equal(answers, litert_integers(path, inputs, reference=True))
    # XNNPACK rounds once where the reference kernels round twice.
    assert np.abs(answers - litert_integers(path, inputs, reference=False)).max() <= 5
