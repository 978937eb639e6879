"""Channels go from quantized models, with their codes, biases and rounded activations."""

import dataclasses

import keras
import numpy as np
import pytest
from shrinkable_models import RNG, after, assert_alike, chain, emptied, layers, pruned, randomized

import tfqd

SPECS = {
    "learned step": tfqd.LearnedStep(bits=4),
    "step a channel": tfqd.LearnedStep(bits=4, layout="channel", bucket_size=None),
    "uniform": tfqd.Uniform(bits=4, scaling="symmetric", bucket_size=None),
    "points": tfqd.Codebook(bits=3, bucket_size=None, scaling="symmetric", preserve_zeros=True),
    "priced": tfqd.EntropyConstrained(average_bits=3),
}


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_a_pruned_quantized_model_keeps_its_codes_in_smaller_files(spec, tmp_path):
    student = pruned(spec)
    found = tfqd.shrink(student)
    assert found.layers[0].after < 32
    assert found.layers[1].after < 40
    assert_alike(student, found.model, (8, 8, 3))
    sizes = {}
    for name, model in (("whole", student), ("smaller", found.model)):
        tfqd.save(model, tmp_path / f"{name}.tfqd")
        tfqd.export.tflite(model, tmp_path / f"{name}.tflite")
        sizes[name] = [(tmp_path / f"{name}.{end}").stat().st_size for end in ("tfqd", "tflite")]
    assert sizes["smaller"][0] < sizes["whole"][0]
    assert sizes["smaller"][1] < 0.8 * sizes["whole"][1]
    loaded = tfqd.load(tmp_path / "smaller.tfqd")
    assert_alike(student, loaded, (8, 8, 3))
    found.model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    found.model.fit(np.zeros((8, 8, 8, 3)), np.zeros(8), verbose=0)  # it trains on


def test_inputs_of_which_a_kernel_makes_its_scale_stay():
    model = chain("valid")
    emptied(model.get_layer("first"), [0, 2, 3])
    depthwise = np.array(model.get_layer("depthwise").kernel)
    depthwise[0, 0, 2] = 3  # the largest, at a channel that is constant
    model.get_layer("depthwise").kernel.assign(depthwise)
    spec = tfqd.Uniform(bits=8, scaling="symmetric", bucket_size=None)
    found = tfqd.shrink(tfqd.quantize_model(model, spec))
    assert 3 < after(found)["first"] < 6
    assert "makes its scales of weights there" in str(found)


def with_constants(bias):
    """A model half of whose hidden channels are constant, most of them not zero."""
    inputs = keras.Input((6,))
    x = layers.Dense(16, "sigmoid", name="hidden")(inputs)
    x = layers.Dense(12, "relu", name="between")(x)
    model = randomized(keras.Model(inputs, layers.Dense(3, name="out")(x)))
    emptied(model.get_layer("hidden"), list(range(8)), bias=bias)
    emptied(model.get_layer("between"), list(range(4)), bias=bias)
    return model


@pytest.mark.parametrize(
    "spec",
    [
        tfqd.LearnedStep(bits=8),
        tfqd.Uniform(bits=8, scaling="symmetric", bucket_size=None),
        tfqd.Uniform(bits=8, bucket_size=None),
        tfqd.Codebook(bits=4, bucket_size=None, scaling="symmetric", preserve_zeros=True),
    ],
    ids=repr,
)
def test_quantized_biases_have_what_is_added_to_them(spec, tmp_path):
    # The largest bias of all goes, of which a scale may be made.
    student = tfqd.quantize_model(
        with_constants(bias=3.0), {"kernel": tfqd.LearnedStep(bits=8), "bias": spec}
    )
    found = tfqd.shrink(student)
    assert after(found) == {"hidden": 8, "between": 8, "out": 3}
    assert_alike(student, found.model, (6,))
    paths = [entry.path for entry in found.model.quantized_variables]
    kept = {"out/kernel", "between/kernel", "hidden/kernel"}
    if isinstance(spec, tfqd.LearnedStep):
        kept.add("hidden/bias")
    assert set(paths) == kept
    tfqd.save(found.model, tmp_path / "smaller.tfqd")
    assert_alike(student, tfqd.load(tmp_path / "smaller.tfqd"), (6,))


def test_rounded_activations_let_channels_go(tmp_path):
    quantized = tfqd.quantize_model(
        with_constants(bias=0.5),
        tfqd.LearnedStep(bits=8, layout="channel", bucket_size=None),
        activations=tfqd.Activations(bits=8),
    )
    with pytest.raises(ValueError, match=r"is not known yet; call tfqd.calibrate"):
        tfqd.shrink(quantized)
    x = RNG.normal(size=(200, 6)).astype("float32")
    tfqd.calibrate(quantized, x)
    found = tfqd.shrink(quantized)
    assert [each.after for each in found.layers] == [8, 8, 3]
    expected = np.asarray(quantized(x))
    # A sum of fewer numbers, in another order, may be rounded to the next integer.
    apart = np.abs(found.model(x) - expected)
    assert apart.max() <= np.abs(expected).max() * 2 / 255
    assert np.mean(apart > 1e-5) < 0.01
    sizes = {}
    for name, model in (("whole", quantized), ("smaller", found.model)):
        path = tmp_path / f"{name}.tflite"
        tfqd.export.tflite(model, path)
        sizes[name] = path.stat().st_size
    assert sizes["smaller"] < sizes["whole"]


@pytest.mark.parametrize("gone", [[1], [0, 1], [1, 2, 3]])
def test_channels_that_share_one_of_several_codebooks_are_refused(gone):
    inputs = keras.Input((6,))
    x = layers.Dense(8, "relu", name="hidden")(inputs)
    model = randomized(keras.Model(inputs, layers.Dense(3, name="out")(x)))
    emptied(model.get_layer("hidden"), gone)
    several = tfqd.Codebook(bits=2, layout="channel", bucket_size=None, channels_per_codebook=2)
    specs = {"hidden/kernel": several, "out/kernel": tfqd.LearnedStep(bits=4)}
    with pytest.raises(ValueError, match="hidden/kernel has one codebook for every 2 channels"):
        tfqd.shrink(tfqd.quantize_model(model, specs))
    for channels in (None, 1, 8):
        alike = dataclasses.replace(several, channels_per_codebook=channels)
        student = tfqd.quantize_model(model, {**specs, "hidden/kernel": alike})
        found = tfqd.shrink(student)
        assert after(found) == {"hidden": 8 - len(gone), "out": 3}
        assert_alike(student, found.model, (6,))


def test_inputs_of_several_codebooks_let_channels_go():
    model = with_constants(bias=0.5)
    several = tfqd.Codebook(bits=2, layout="channel", bucket_size=None, channels_per_codebook=2)
    student = tfqd.quantize_model(model, {"out/kernel": several})
    found = tfqd.shrink(student)
    assert after(found)["between"] < 12
    assert_alike(student, found.model, (6,))


def test_of_a_distiller_the_student_is_shrunk():
    student = pruned(tfqd.LearnedStep(bits=4))
    found = tfqd.shrink(tfqd.Distiller(tfqd.strip_quantization(student), student))
    assert after(found) == after(tfqd.shrink(student))
    assert_alike(student, found.model, (8, 8, 3))
