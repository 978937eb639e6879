"""What was asked for in bits is in bits in the file, or somebody is told."""

import warnings

import keras
import numpy as np
import pytest
import tf_keras
from keras import layers

import tfqd

X = np.random.default_rng(0).normal(size=(32, 64)).astype(np.float32)
Y = X[:, :4]
CHANNELS = tfqd.presets.deployable(4)


def network(version=keras, hidden=3):
    """Hidden layers of 64 units, and one of 4."""
    keras.utils.set_random_seed(0)
    parts = [version.layers.Dense(64, "relu", name=f"hidden{i}") for i in range(hidden)]
    model = version.Sequential(
        [version.layers.Input((64,)), *parts, version.layers.Dense(4, name="scores")]
    )
    model.compile("sgd", "mse")
    return model


def warned(call, *arguments, **options):
    """The one warning of tfqd's that a call gives."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*arguments, **options)
    mine = [each for each in caught if each.category is UserWarning]
    (warning,) = [each for each in mine if each.filename == __file__]
    return str(warning.message)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "m.tflite"


def test_floats_are_named_with_the_reason_and_what_would_do(path):
    quantized = tfqd.quantize_model(network(hidden=4), tfqd.Uniform(bits=2))
    text = warned(tfqd.export.tflite, quantized, path)
    assert text.startswith("4 of 5 quantized weights are float32 in the TFLite file: ")
    assert text.count("/kernel") == 3
    assert "/hidden2/kernel and 1 more (its buckets span output channels (layout 'flat')" in text
    assert "). Kernels of integers take tfqd.presets.deployable(2) or " in text
    assert text.endswith("tfqd.LearnedStep(bits=2, layout='channel')")


@pytest.mark.parametrize("spec", [CHANNELS, tfqd.LearnedStep(bits=4, layout="channel")])
def test_what_would_do_does_without_a_word(spec, path):
    model = network()
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        report = tfqd.export.tflite(tfqd.quantize_model(model, spec), path, strict=True).report
    assert {row.type for row in report.weights} == {"int4"}
    assert report.bytes < 4 * model.count_params() / 3


def test_only_the_floats_are_named(path):
    spec = {"hidden0/kernel": tfqd.Uniform(bits=3), ".*/kernel": CHANNELS}
    text = warned(tfqd.export.tflite, tfqd.quantize_model(network(), spec), path)
    assert text.startswith("1 of 4 quantized weights")
    assert "hidden0/kernel" in text
    assert "hidden1" not in text
    assert "deployable(3)" in text


@pytest.mark.parametrize(
    ("spec", "units", "types"),
    [
        (tfqd.Codebook(bits=3, layout="channel"), 64, {"codebook"}),
        (tfqd.Codebook(bits=3, bucket_size=None), 64, {"codebook"}),
        (tfqd.Codebook(bits=3), 64, {"float32"}),
        (tfqd.Codebook(bits=3, layout="channel"), 4, {"float32"}),
        (tfqd.EntropyCodebook(average_bits=1, bits=3, layout="channel"), 64, {"codebook"}),
    ],
    ids=["scale a channel", "scale a tensor", "buckets", "few weights", "short codes"],
)
def test_it_is_said_which_codebooks_can_be_packed(path, spec, units, types):
    layer = keras.layers.Dense(units, name="layer")
    quantized = tfqd.quantize_model(keras.Sequential([keras.Input((64,)), layer]), spec)
    text = warned(tfqd.export.tflite, quantized, path)
    assert "its points are floats" in text
    assert text.endswith(
        ", and prefer='size' packs codebooks that have one scale a channel or tensor "
        "(layout='channel' or bucket_size=None) in kernels of some thousand weights or more"
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        report = tfqd.export.tflite(quantized, path, prefer="size").report
    assert {row.type for row in report.weights} == types


@pytest.mark.parametrize("spec", [CHANNELS, tfqd.LearnedStep(bits=4), tfqd.EntropyConstrained()])
def test_where_no_spec_would_do_none_is_named(path, spec):
    word = keras.Input((), dtype="string", name="word")
    index = layers.StringLookup(vocabulary=["red", "green", "blue"])(word)
    model = keras.Model(word, layers.Dense(3)(layers.Embedding(4, 6, name="table")(index)))
    text = warned(tfqd.export.tflite, tfqd.quantize_model(model, spec), path)
    assert "table/embeddings" in text
    assert text.endswith("Map their paths to None to have them float without this warning")


def test_strict_refuses_floats_before_a_file_appears(path):
    quantized = tfqd.quantize_model(network(), tfqd.Uniform(bits=2))
    with pytest.raises(ValueError, match="3 of 4 quantized weights are float32"):
        tfqd.export.tflite(quantized, path, strict=True)
    assert [*path.parent.iterdir()] == []
    with pytest.raises(ValueError, match="strict must be one of False, True; got 'yes'"):
        tfqd.export.tflite(quantized, path, strict="yes")


def trained(version=keras):
    """A plain model and the callback that it trained under."""
    model, callback = network(version, hidden=1), tfqd.callbacks.QuantizeWeights(CHANNELS)
    model.fit(X, Y, callbacks=[callback], verbose=0)
    return model, callback


@pytest.mark.parametrize("version", [keras, tf_keras])
def test_a_plain_model_of_quantized_values_is_no_float_model(version, path):
    model, callback = trained(version)
    text = warned(tfqd.export.tflite, model, path)
    assert text.startswith(f"model {model.name!r} trained under tfqd.callbacks.QuantizeWeights")
    assert "callback.quantized_model()" in text
    assert warned(tfqd.export.saved_model, model, path.parent / "served") == text
    with pytest.raises(ValueError, match=r"callback\.quantized_model\(\)"):
        tfqd.export.tflite(model, path, strict=True)
    tfqd.export.tflite(callback.quantized_model(), path, strict=True)


@pytest.mark.parametrize("version", [keras, tf_keras])
def test_where_a_quantized_model_is_needed_the_call_that_gives_it_is_named(version, path):
    model, callback = trained(version)
    message = r"is not quantized.*; it trained under .* callback\.quantized_model\(\) is its"
    for call in (lambda: tfqd.save(model, path.with_suffix(".tfqd")), lambda: tfqd.compress(model)):
        with pytest.raises(ValueError, match=message):
            call()
    tfqd.save(callback.quantized_model(), path.with_suffix(".tfqd"))
    with pytest.raises(ValueError, match=r"; tfqd\.quantize_model\(model, spec\) quantizes it"):
        tfqd.compress(network(version))


def test_a_model_whose_floats_came_back_is_a_float_model(path):
    model, callback = trained()
    callback.restore()
    tfqd.export.tflite(model, path, strict=True)
    callback.quantize()
    with pytest.raises(ValueError, match=r"callback\.quantized_model\(\)"):
        tfqd.export.tflite(model, path, strict=True)
    model.fit(X, Y, verbose=0)
    tfqd.export.tflite(model, path, strict=True)


def test_what_trained_under_a_callback_is_saved_as_ever(tmp_path):
    model, callback = trained()
    model.save(tmp_path / "m.keras")
    np.testing.assert_array_equal(keras.models.load_model(tmp_path / "m.keras")(X), model(X))
    assert callback.quantized_model().count_params() >= model.count_params()
