"""`tfqd.size_report` tells the bytes that are written, and of float models those that would be."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd


def network(version=keras):
    return version.Sequential(
        [
            version.layers.Input((20,)),
            version.layers.Dense(30, name="hidden"),
            version.layers.Dense(3, name="scores"),
        ]
    )


@pytest.mark.parametrize("version", [keras, tf_keras])
def test_the_archives_bytes_are_those_on_disk(version, tmp_path):
    quantized = tfqd.quantize_model(network(version), 4)
    report = tfqd.size_report(quantized)
    tfqd.save(quantized, tmp_path / "m.tfqd")
    # Answers of a quantized model and a plain one differ in their last bits, which compress.
    assert abs(report.archive_bytes - (tmp_path / "m.tfqd").stat().st_size) <= 32
    assert report.bytes_at_bits == {}
    assert f"{report.archive_bytes:,}" in str(report)


@pytest.mark.parametrize("version", [keras, tf_keras])
def test_of_a_float_model_it_tells_what_bits_would_make(version, tmp_path):
    model = network(version)
    report = tfqd.size_report(model)
    assert report.total.float_bytes == report.rest.float_bytes == 4 * model.count_params()
    assert [*report.bytes_at_bits] == [8, 4, 3, 2]
    tfqd.save(tfqd.quantize_model(model, 3), tmp_path / "m.tfqd")
    assert abs(report.bytes_at_bits[3] - (tmp_path / "m.tfqd").stat().st_size) <= 32
    assert report.variables == {}
    assert report.archive_bytes is None


def test_probes_count(tmp_path):
    model = network()
    small, large = (np.zeros((count, 20), np.float32) for count in (1, 500))
    large += np.random.default_rng(0).normal(size=large.shape)
    quantized = tfqd.quantize_model(model, 4)
    sizes = [tfqd.size_report(quantized, probes=x).archive_bytes for x in (small, large)]
    assert sizes[1] > sizes[0] + 10_000
    floats = [tfqd.size_report(model, probes=x).bytes_at_bits[4] for x in (small, large)]
    assert floats == pytest.approx(sizes, abs=32)


def test_what_is_no_model_and_what_has_a_quantized_form_is_refused():
    with pytest.raises(TypeError, match="model must be a Keras model; got"):
        tfqd.size_report(3)
    model = network()
    model.compile("sgd", "mse")
    callback = tfqd.callbacks.QuantizeWeights(4)
    model.fit(np.ones((8, 20)), np.ones((8, 3)), callbacks=[callback], verbose=0)
    with pytest.raises(ValueError, match=r"callback\.quantized_model\(\) is its quantized form"):
        tfqd.size_report(model)
