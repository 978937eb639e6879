import functools
import json
import subprocess
import sys
import zipfile

import keras
import numpy as np
import pytest

import tfqd
from tfqd.compressed import write_archive

RNG = np.random.default_rng(0)
X = RNG.normal(size=(32, 8, 6)).astype(np.float32)
Y = RNG.integers(0, 3, 32)


def network(summarize):
    return keras.Sequential(
        [
            keras.Input((8, 6)),
            keras.layers.Conv1D(12, 3, padding="same"),
            keras.layers.BatchNormalization(),
            summarize,
            keras.layers.Dense(3),
        ]
    )


def convolutional():
    return network(keras.layers.Flatten())


def recurrent():
    return network(keras.layers.Bidirectional(keras.layers.LSTM(7)))


@functools.cache
def trained(name):
    """A quantized model after a few steps, so that its points have moved."""
    # Recurrent ones are slow to trace: two specs will do.
    build = recurrent if name in ("codebook", "learned step") else convolutional
    quantized = tfqd.quantize_model(build(), SPECS[name])
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    quantized.compile(keras.optimizers.Adam(0.01), loss, jit_compile=False)
    quantized.fit(X, Y, epochs=3, verbose=0)
    return quantized


SPECS = {
    "uniform": tfqd.Uniform(bits=4),
    "codebook": tfqd.Codebook(bits=2),
    "paper": tfqd.presets.paper(3),
    "deployable": tfqd.presets.deployable(8),
    "channel codebook": tfqd.Codebook(bits=3, layout="channel", bucket_size=5, scaling="symmetric"),
    "codebooks of channels": tfqd.Codebook(
        bits=3, points=6, layout="channel", channels_per_codebook=4, init="kmeans"
    ),
    "codebook of integers": tfqd.Codebook(
        bits=2, scaling="symmetric", grid="int4", init="normal", learning_rate_multiplier=3
    ),
    "learned step": tfqd.LearnedStep(bits=3, layout="channel"),
    "learned step, affine": tfqd.LearnedStep(
        bits=2, scaling="affine", bucket_size=32, learning_rate_multiplier=3
    ),
}


@pytest.fixture(scope="module")
def archived(tmp_path_factory):
    """By the name of a spec the archive of its model, written once."""
    folder = tmp_path_factory.mktemp("archives")

    @functools.cache
    def archive(name):
        path = folder / f"{name}.tfqd"
        tfqd.save(trained(name), path)
        return path

    return archive


@pytest.mark.parametrize("name", SPECS)
def test_a_plain_model_comes_back_with_the_quantized_values(name, archived):
    quantized = trained(name)
    plain = tfqd.load(archived(name))
    expected = tfqd.compress(quantized).dequantize().values()
    for variable, value in zip(plain.weights, expected, strict=True):
        np.testing.assert_array_equal(variable.numpy(), value)
    np.testing.assert_array_equal(plain(X), quantized(X))


@pytest.mark.parametrize("name", SPECS)
def test_a_quantized_model_comes_back_with_equal_outputs_and_trains_on(name, archived):
    again = tfqd.load(archived(name), "quantized")
    np.testing.assert_array_equal(again(X), trained(name)(X))
    before = [variable.numpy() for variable in again.trainable_variables]
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    again.compile(keras.optimizers.Adam(0.01), loss, jit_compile=False)
    history = again.fit(X, Y, epochs=5, verbose=0).history["loss"]
    assert history[-1] < history[0]
    moved = [
        not np.array_equal(old, new.numpy())
        for old, new in zip(before, again.trainable_variables, strict=True)
    ]
    assert all(moved)


@pytest.mark.parametrize("name", SPECS)
def test_the_compressed_model_comes_back_bit_for_bit(name, tmp_path):
    compressed = tfqd.compress(trained(name))
    tfqd.save(compressed, tmp_path / "m.tfqd", facts={"epochs": 3})
    again = tfqd.load(tmp_path / "m.tfqd", "compressed")
    assert list(again.tensors) == list(compressed.tensors)
    assert again.facts == {"epochs": 3}
    for old, new in zip(compressed.quantized.values(), again.quantized.values(), strict=True):
        np.testing.assert_array_equal(old.codes, new.codes)
        np.testing.assert_array_equal(old.dequantize(), new.dequantize())
        assert old.spec == new.spec


def test_half_precision_scales_and_rest_move_the_outputs_a_little(tmp_path):
    model = trained("uniform")
    tfqd.save(model, tmp_path / "full.tfqd")
    tfqd.save(model, tmp_path / "half.tfqd", rest_dtype="float16", scale_dtype="float16")
    half = tfqd.load(tmp_path / "half.tfqd")
    np.testing.assert_allclose(half(X), model(X), atol=0.01)
    assert (tmp_path / "half.tfqd").stat().st_size < (tmp_path / "full.tfqd").stat().st_size


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_what_half_precision_moves_is_told_and_the_file_verified_as_it_is(dtype, tmp_path):
    spec, path = tfqd.Uniform(bits=4, scaling="symmetric"), tmp_path / "m.tfqd"
    model = tfqd.quantize_model(convolutional(), spec)
    told = tfqd.save(model, path, rest_dtype=dtype, scale_dtype=dtype, probes=X)
    expected = np.asarray(model(X))
    moved = np.abs(tfqd.load(path)(X) - expected).max() / np.abs(expected).max()
    assert told.largest_difference == pytest.approx(moved, rel=1e-3)
    assert 0 < moved < told.tolerance == (1e-2 if dtype == "float16" else 5e-2)
    assert tfqd.export.verify(path).largest_difference <= 1e-5


def test_half_precision_that_moves_the_outputs_far_is_warned_of(tmp_path):
    layers = [keras.layers.Dense(2), keras.layers.BatchNormalization(name="norm")]
    model = tfqd.quantize_model(keras.Sequential([keras.Input((3,)), *layers]), 8)
    dense, norm = model.model.layers[-2:]
    # Of what is left of their difference, bfloat16 has nothing.
    dense.bias.assign([1000.4, 1000.2])
    norm.moving_mean.assign([1000.1, 1000.1])
    options = {"rest_dtype": "bfloat16", "probes": np.zeros((2, 3), np.float32)}
    with pytest.warns(UserWarning, match=r"m\.tfqd' answers otherwise than the model by 1 of the"):
        told = tfqd.save(model, tmp_path / "m.tfqd", **options)
    assert (told.largest_difference, told.tolerance) == (1, 5e-2)
    assert tfqd.export.verify(tmp_path / "m.tfqd").largest_difference == 0


def test_loading_needs_no_training_code_in_a_fresh_process(tmp_path):
    model = trained("codebook")
    tfqd.save(model, tmp_path / "m.tfqd")
    np.save(tmp_path / "x.npy", X)
    code = (
        "import sys, numpy, tfqd\n"
        "folder = sys.argv[1]\n"
        "model = tfqd.load(folder + '/m.tfqd')\n"
        "numpy.save(folder + '/y.npy', model(numpy.load(folder + '/x.npy')))\n"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], check=True)
    np.testing.assert_allclose(np.load(tmp_path / "y.npy"), model(X), rtol=1e-6, atol=1e-6)


def test_the_manifest_is_readable_without_tfqd(tmp_path):
    model = trained("uniform")
    tfqd.save(model, tmp_path / "m.tfqd", facts={"data": "random"})
    with zipfile.ZipFile(tmp_path / "m.tfqd") as archive:
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["facts"] == {"data": "random"}
    assert manifest["versions"]["tfqd"] == tfqd.__version__
    assert manifest["versions"]["keras"] == keras.__version__


def test_a_lambda_in_the_architecture_is_refused(tmp_path):
    model = keras.Sequential(
        [keras.Input((6,)), keras.layers.Dense(3), keras.layers.Lambda(lambda x: x + 1)]
    )
    compressed = tfqd.compress(tfqd.quantize_model(model, tfqd.Uniform()))
    write_archive(compressed, tmp_path / "m.tfqd")
    with pytest.raises(ValueError, match=r"Lambda|lambda"):
        tfqd.load(tmp_path / "m.tfqd")


def test_tensors_that_do_not_fit_the_architecture_are_refused(tmp_path):
    compressed = tfqd.compress(tfqd.quantize_model(recurrent(), tfqd.Uniform()))
    fewer = dict(list(compressed.tensors.items())[:-1])
    write_archive(
        tfqd.CompressedModel(fewer, compressed.architecture, compressed.keras_version),
        tmp_path / "m.tfqd",
    )
    with pytest.raises(ValueError, match="tensors do not fit"):
        tfqd.load(tmp_path / "m.tfqd")


@pytest.mark.parametrize("kind", ["Keras", "tflite", None])
def test_an_unknown_kind_is_refused(kind, tmp_path):
    with pytest.raises(
        ValueError, match="kind must be one of 'keras', 'tf_keras', 'quantized', 'compressed'"
    ):
        tfqd.load(tmp_path / "m.tfqd", kind)


def test_a_model_that_is_not_quantized_is_refused(tmp_path):
    with pytest.raises(ValueError, match="is not quantized"):
        tfqd.save(recurrent(), tmp_path / "m.tfqd")
    assert not list(tmp_path.iterdir())


def test_a_file_of_keras_is_named_as_one(tmp_path):
    path = tmp_path / "model.keras"
    recurrent().save(path)
    with pytest.raises(tfqd.ArchiveError, match=r"model\.keras: .* keras\.saving\.load_model"):
        tfqd.load(path)


def test_a_symbolic_link_is_followed_not_replaced(tmp_path):
    target, link = tmp_path / "stored.tfqd", tmp_path / "current.tfqd"
    target.write_bytes(b"old")
    link.symlink_to(target)
    tfqd.save(tfqd.quantize_model(convolutional(), tfqd.Uniform()), link)
    assert link.is_symlink()
    assert tfqd.load(target).count_params() == convolutional().count_params()
