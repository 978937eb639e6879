"""Quantization methods from outside the package, from `quantize_model` to every file."""

import dataclasses
from typing import ClassVar
from unittest import mock

import keras
import numpy as np
import pytest
import tensorflow as tf
from page_examples import run_examples

import tfqd
from tfqd import ops
from tfqd.quantizers import UniformQuantizer, registry
from tfqd.spec import from_dict, kinds

LEVELS = np.float32([-1, 0, 1])


@dataclasses.dataclass(frozen=True, kw_only=True)
class Ternary(tfqd.Spec):
    """Ternary weight networks: {-a, 0, a} in a tensor (Li et al. 2016, arXiv 1605.04711)."""

    threshold: float  # of the mean absolute weight
    bits: int = 2
    bucket_size: int | None = None
    scaling: str = "symmetric"

    kind: ClassVar[str] = "ternary_of_a_test"

    @property
    def levels(self):
        return 3


class TernaryQuantizer(tfqd.Quantizer):
    def build(self, tensor_shape, name, layer, value=None):
        return {}

    def __call__(self, inputs, training, weights, **kwargs):
        codes, scale = self._codes_and_scale(inputs)
        quantized = tf.gather(LEVELS, codes) * scale
        return inputs + tf.stop_gradient(quantized - inputs) if training else quantized

    def stored(self, inputs, weights, frozen=None):
        codes, scale = self._codes_and_scale(inputs)
        return ops.Codes(tf.cast(codes, tf.uint8), scale[tf.newaxis], None, tf.constant(LEVELS))

    @property
    def follows_weights(self):
        return False

    def _codes_and_scale(self, inputs):
        size = tf.abs(inputs)
        is_large = size > self.spec.threshold * tf.reduce_mean(size)
        scale = tf.reduce_mean(tf.boolean_mask(size, is_large))
        return 1 + tf.cast(is_large, tf.int32) * tf.cast(tf.sign(inputs), tf.int32), scale


@dataclasses.dataclass(frozen=True, kw_only=True)
class Halved(tfqd.Uniform):
    """A subclass of a spec of tfqd."""

    kind: ClassVar[str] = "halved_of_a_test"


class HalvedQuantizer(UniformQuantizer):
    """The quantizer of such specs."""


@pytest.fixture(autouse=True)
def door():
    """Opened for each test, the docs' own included, and shut: elsewhere these kinds are unknown."""
    with mock.patch.dict(kinds._KINDS), mock.patch.dict(registry._QUANTIZERS):
        tfqd.register(Ternary, TernaryQuantizer)
        tfqd.register(Halved, HalvedQuantizer)
        yield


def network():
    keras.utils.set_random_seed(0)
    inputs = keras.Input((8,), name="x")
    hidden = keras.layers.Dense(16, activation="relu")(inputs)
    return keras.Model(inputs, keras.layers.Dense(4)(hidden))


def trained(spec):
    model = tfqd.quantize_model(network(), spec)
    model.compile("adam", "mse")
    x = np.random.default_rng(0).standard_normal((64, 8)).astype("float32")
    model.fit(x, x[:, :4], epochs=2, verbose=0)
    return model, x


SPECS = [Ternary(threshold=0.7), Halved(bits=3, bucket_size=None, scaling="symmetric")]


@pytest.fixture(params=SPECS, ids=["own", "subclass"])
def spec(request):
    return request.param


def test_spec_survives_its_dict(spec):
    assert from_dict(spec.to_dict()) == spec


def test_weights_of_the_forward_pass_are_those_of_every_file(spec, tmp_path):
    model, x = trained(spec)
    expected = model(x).numpy()
    compressed = tfqd.compress(model)
    for tensor in compressed.quantized.values():
        assert len(np.unique(tensor.dequantize())) <= spec.levels

    tfqd.save(model, tmp_path / "m.tfqd")
    plain = tfqd.load(tmp_path / "m.tfqd")
    np.testing.assert_allclose(plain(x), expected, atol=1e-5)

    tfqd.export.saved_model(model, tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served" / "1"))
    answer = served.signatures["serving_default"](tf.constant(x))
    np.testing.assert_allclose(next(iter(answer.values())), expected, atol=1e-5)

    tfqd.export.tflite(model, tmp_path / "m.tflite")
    assert tfqd.export.verify(tmp_path / "m.tflite").kind == "tflite"
    assert "bits" in str(tfqd.size_report(model))


def test_loads_as_quantized_and_as_keras_file(spec, tmp_path):
    model, x = trained(spec)
    model.save(tmp_path / "m.keras")
    again = keras.saving.load_model(tmp_path / "m.keras")
    np.testing.assert_array_equal(again(x), model(x))


def test_subclass_of_uniform_trains_on_from_an_archive(tmp_path):
    model, x = trained(SPECS[1])
    tfqd.save(model, tmp_path / "m.tfqd")
    again = tfqd.load(tmp_path / "m.tfqd", "quantized")
    np.testing.assert_allclose(again(x), model(x), atol=1e-5)
    assert isinstance(again.quantized_variables[0].quantizer, HalvedQuantizer)


def test_archive_of_an_unregistered_kind_loads_as_plain(tmp_path, monkeypatch):
    model, x = trained(SPECS[0])
    tfqd.save(model, tmp_path / "m.tfqd")
    monkeypatch.delitem(kinds._KINDS, Ternary.kind)
    np.testing.assert_allclose(tfqd.load(tmp_path / "m.tfqd")(x), model(x), atol=1e-5)
    with pytest.raises(ValueError, match=r"registered by tfqd.register; got 'ternary_of_a_test'"):
        tfqd.load(tmp_path / "m.tfqd", "quantized")


def test_a_class_without_a_quantizer_is_refused_with_the_remedy():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Lonely(tfqd.Uniform):
        kind: ClassVar[str] = "lonely"

    with pytest.raises(ValueError, match=r"call tfqd.register\(Lonely"):
        tfqd.quantize_model(network(), Lonely())


def not_frozen():
    @dataclasses.dataclass(kw_only=True)
    class Loose:
        kind: ClassVar[str] = "loose"

    return Loose


def undecorated():
    class Bare(tfqd.Uniform):
        kind: ClassVar[str] = "bare"

    return Bare


def taken():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Copy(tfqd.Uniform):
        kind: ClassVar[str] = "uniform"

    return Copy


def nameless():
    @dataclasses.dataclass(frozen=True, kw_only=True)
    class Nameless(tfqd.Uniform):
        """Has the kind of `tfqd.Uniform`."""

    return Nameless


@pytest.mark.parametrize(
    ("spec", "error", "words"),
    [
        (not_frozen, TypeError, "derived from tfqd.Spec"),
        (undecorated, TypeError, "must be decorated"),
        (taken, ValueError, "kind 'uniform' is that of tfqd.spec.uniform.Uniform"),
        (nameless, ValueError, "needs a kind of its own"),
    ],
)
def test_bad_specs_are_refused(spec, error, words):
    with pytest.raises(error, match=words):
        tfqd.register(spec(), UniformQuantizer)


def test_bad_quantizers_are_refused():
    with pytest.raises(TypeError, match=r"derived from tfqd.Quantizer"):
        tfqd.register(Halved, dict)


def test_the_example_of_the_docs_runs(tmp_path):
    run_examples("docs/adding_a_quantizer.md", 1, tmp_path)
    assert tfqd.export.verify(tmp_path / "ternary.tfqd").kind == "tfqd"
