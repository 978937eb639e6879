"""Pruning and quantization in one training, with zeros that stay zeros in every file."""

import warnings

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd
from tfqd.callbacks import Prune
from tfqd.distillation import FeatureDistillation

X = np.random.default_rng(0).normal(size=(128, 8)).astype("float32")
Y = np.tanh(X @ np.random.default_rng(1).normal(size=(8, 2))).astype("float32")
STEP = tfqd.LearnedStep(bits=4)


def network(version, units=32):
    version.utils.set_random_seed(0)
    layers = version.layers
    hidden = layers.Dense(units, activation="tanh", name="hidden")
    return version.Sequential([layers.Input((8,)), hidden, layers.Dense(2, name="out")])


def fit(model, prune, version=keras, use_ema=False, then=(), **options):
    model.compile(version.optimizers.Adam(0.02, use_ema=use_ema), "mse")
    arguments = {"epochs": 8, "batch_size": 16, "verbose": 0, **options}
    return model.fit(X, Y, callbacks=[prune, *then], **arguments).history


def kernel(model, place=-1):
    """A kernel's float values; of the output layer by default."""
    return model.quantized_variables[place].value().numpy()


def shares(model):
    tensors = tfqd.compress(model).quantized.values()
    return [float(np.mean(tensor.dequantize() == 0)) for tensor in tensors]


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize("gradient", ["frozen", "revive"])
def test_sparsity_grows_along_the_cubic_and_the_loss_falls(version, gradient):
    model = tfqd.quantize_model(network(version), STEP)
    history = fit(model, Prune(0.75, end=0.5, every=2, gradient=gradient), version)
    expected = [0.75 * (1 - max(0, 1 - (epoch + 1) / 8 / 0.5) ** 3) for epoch in range(8)]
    assert history["sparsity"] == pytest.approx(expected, abs=2 / 320)
    assert min(shares(model)) >= 0.75
    assert history["loss"][-1] < 0.7 * history["loss"][0]


def test_weights_at_zero_stay_there_or_come_back():
    class Masks(keras.callbacks.Callback):
        def __init__(self):
            super().__init__()
            self.zeros = []

        def on_epoch_end(self, epoch, logs=None):
            self.zeros.append(kernel(self.model) == 0)

    came_back = {}
    for gradient in ("frozen", "revive"):
        model, masks = tfqd.quantize_model(network(keras), STEP), Masks()
        model.compile(keras.optimizers.Adam(0.05), "mse")
        prune = Prune(0.75, end=0.3, every=1, gradient=gradient)
        model.fit(X, Y, epochs=10, verbose=0, callbacks=[prune, masks])
        came_back[gradient] = sum(
            int(np.sum(before & ~after))
            for before, after in zip(masks.zeros, masks.zeros[1:], strict=False)
        )
    assert came_back["frozen"] == 0
    assert came_back["revive"] > 0


def test_structures_are_those_asked_for():
    for structure, sparsity in (("2:4", 0.5), ("channels", 0.5)):
        model = tfqd.quantize_model(network(keras), STEP)
        fit(model, Prune(sparsity, end=0.5, every=4, structure=structure), epochs=4)
        hidden = kernel(model, 0)
        if structure == "2:4":
            assert np.all((hidden.reshape(2, 4, 32) == 0).sum(1) == 2)
        else:
            assert np.sum((hidden == 0).all(0)) == 16


def test_zeros_are_kept_in_files_and_make_archives_smaller(tmp_path):
    sizes = {}
    for sparsity in (0.01, 0.9):
        model = tfqd.quantize_model(network(keras, 512), STEP)
        fit(model, Prune(sparsity, end=0.5, every=4), epochs=4)
        path = tmp_path / f"{sparsity}.tfqd"
        tfqd.save(model, path)
        sizes[sparsity] = path.stat().st_size
        loaded = tfqd.load(path)
        zeros = [np.mean(np.asarray(layer.kernel) == 0) for layer in loaded.layers]
        assert min(zeros) >= sparsity - 0.005
    assert sizes[0.9] < sizes[0.01] - 800


@pytest.mark.parametrize(
    "spec",
    [
        tfqd.Uniform(bits=2, scaling="symmetric"),
        tfqd.Uniform(bits=4, scaling="symmetric", bucket_size=8, rounding="stochastic"),
        tfqd.Uniform(bits=3, scaling="symmetric", layout="tile", bucket_size=(4, 4)),
        tfqd.LearnedStep(bits=2, layout="channel"),
        tfqd.EntropyConstrained(average_bits=1),
        tfqd.EntropyCodebook(average_bits=1),
        tfqd.Codebook(bits=3, scaling="symmetric", preserve_zeros=True),
        tfqd.Codebook(points=5, scaling="symmetric", preserve_zeros=True, bucket_size=None),
    ],
    ids=repr,
)
def test_weights_at_zero_are_exactly_zero_whatever_quantizes_them(spec):
    model = tfqd.quantize_model(network(keras), spec)
    fit(model, Prune(0.5, end=0.5, every=4), epochs=2)
    tensors = tfqd.compress(model).quantized.values()
    for place, tensor in enumerate(tensors):
        zeros = kernel(model, place) == 0
        assert np.mean(zeros) == pytest.approx(0.5, abs=0.01)
        assert np.all(tensor.dequantize()[zeros] == 0)


def test_a_resumed_run_keeps_its_zeros():
    model = tfqd.quantize_model(network(keras), STEP)
    fit(model, Prune(0.75, end=0.5, every=4), epochs=8)
    zeros = kernel(model) == 0
    history = fit(model, Prune(0.75, end=0.5, every=4), epochs=10, initial_epoch=8)
    assert len(history["sparsity"]) == 2
    assert np.all(kernel(model)[zeros] == 0)


def unknown_length():
    """Eight batches of which TensorFlow does not know that there are eight."""
    signature = tf.TensorSpec((16, 8)), tf.TensorSpec((16, 2))
    batches = list(zip(np.split(X, 8), np.split(Y, 8), strict=True))
    return tf.data.Dataset.from_generator(lambda: iter(batches), output_signature=signature)


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_epochs_of_unknown_length_are_counted_and_prune_no_sooner(version):
    model, zeros = tfqd.quantize_model(network(version), STEP), []
    see = version.callbacks.LambdaCallback(
        on_batch_end=lambda batch, logs: zeros.append(np.mean(kernel(model, 0) == 0))
    )
    model.compile(version.optimizers.Adam(0.02), "mse")
    prune = Prune(0.75, end=0.5, every=1)
    history = model.fit(unknown_length(), epochs=4, verbose=0, callbacks=[prune, see]).history
    done = np.concatenate([np.zeros(8), 1 + np.arange(1, 17) / 8])
    expected = 0.75 * (1 - np.maximum(0, 1 - done / 4 / 0.5) ** 3)
    np.testing.assert_allclose(zeros[:24], expected, atol=1 / 256)
    assert history["sparsity"] == pytest.approx([0.75 * 7 / 8, 0.75, 0.75, 0.75], abs=2 / 320)


def test_one_epoch_of_unknown_length_is_warned_of():
    model = tfqd.quantize_model(network(keras), STEP)
    model.compile("sgd", "mse")
    with pytest.warns(UserWarning, match="at once when that ends; give fit steps_per_epoch"):
        logs = model.fit(unknown_length(), verbose=0, callbacks=[Prune(0.75)])
    assert logs.history["sparsity"] == [0.75]
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "the data do not say")
        data = unknown_length().repeat()
        model.fit(data, steps_per_epoch=8, verbose=0, callbacks=[Prune(0.75)])
        model.fit(unknown_length(), epochs=2, verbose=0, callbacks=[Prune(0.75)])


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize("gradient", ["frozen", "revive"])
def test_averages_of_weights_keep_the_zeros(version, gradient):
    model = tfqd.quantize_model(network(version), STEP)
    zeros, prune = [], Prune(0.75, end=0.5, every=4, gradient=gradient)
    see = version.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: zeros.append(kernel(model) == 0)
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "the weights that were put back")
        fit(model, prune, version, use_ema=True, then=[see])
    np.testing.assert_array_equal(kernel(model) == 0, zeros[-1])
    assert min(shares(model)) >= 0.75


def best_epoch(version, best, start):
    """Callbacks that put the weights of an epoch back as training ends."""
    judge = version.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(score=abs(epoch - best))
    )
    return judge, version.callbacks.EarlyStopping(
        "score", mode="min", patience=9, restore_best_weights=True, start_from_epoch=start
    )


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
@pytest.mark.parametrize("gradient", ["frozen", "revive"])
def test_weights_of_an_epoch_with_fewer_zeros_are_pruned_and_warned_of(version, gradient):
    model = tfqd.quantize_model(network(version), STEP)
    prune = Prune(0.75, end=0.5, every=4, gradient=gradient)
    with pytest.warns(UserWarning, match="more that are not 0 .* start_from_epoch=3$"):
        fit(model, prune, version, then=best_epoch(version, best=0, start=0))
    assert min(shares(model)) >= 0.75


@pytest.mark.parametrize("gradient", ["frozen", "revive"])
def test_weights_of_an_epoch_with_as_many_zeros_stay_as_they_were(gradient):
    class Kept(keras.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            if epoch == 3:
                self.kernel = kernel(self.model)

    model, kept = tfqd.quantize_model(network(keras), STEP), Kept()
    prune = Prune(0.75, end=0.5, every=4, gradient=gradient)
    with warnings.catch_warnings():
        warnings.filterwarnings("error", "the weights that were put back")
        fit(model, prune, then=[kept, *best_epoch(keras, best=0, start=3)])
    np.testing.assert_array_equal(kernel(model), kept.kernel)


def test_the_student_of_a_distiller_is_pruned():
    student = tfqd.quantize_model(network(keras), STEP)
    distiller = tfqd.Distiller(network(keras), student, FeatureDistillation())
    assert fit(distiller, Prune(0.5, every=4), epochs=2)["sparsity"][-1] == pytest.approx(0.5)
    assert min(shares(distiller.student)) >= 0.5


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"sparsity": 1.0}, "sparsity must be a number above 0 and below 1; got 1.0"),
        ({"sparsity": 0}, "sparsity must be a number above 0 and below 1; got 0"),
        ({"sparsity": 0.5, "end": 0}, "end must be a number above 0 and at most 1; got 0"),
        ({"sparsity": 0.5, "every": 0}, "every must be a positive integer"),
        ({"sparsity": 0.5, "structure": "1:4"}, "structure must be one of"),
        ({"sparsity": 0.6, "structure": "2:4"}, "structure='2:4' needs sparsity=0.5; got 0.6"),
        ({"sparsity": 0.5, "gradient": "none"}, "gradient must be one of"),
    ],
)
def test_arguments_are_checked(arguments, message):
    with pytest.raises(ValueError, match=message):
        Prune(**arguments)


def test_what_cannot_be_pruned_is_refused():
    with pytest.raises(ValueError, match="no quantized variables to prune"):
        fit(network(keras), Prune(0.5))
    without = [
        tfqd.Uniform(bits=4),
        tfqd.LearnedStep(bits=1),
        tfqd.Uniform(bits=1, scaling="symmetric"),
    ]
    without += [tfqd.Codebook(bits=2), tfqd.Codebook(bits=2, scaling="symmetric")]
    without += [tfqd.LearnedStep(bits=4, scaling="affine")]
    for spec in without:
        with pytest.raises(ValueError, match=r"pruning needs 0 .* of .*hidden/kernel"):
            fit(tfqd.quantize_model(network(keras), spec), Prune(0.5))
    frozen = tfqd.LearnedStep(bits=4, freeze_above=0.1)
    with pytest.raises(ValueError, match="freeze_above has frozen keeps its code"):
        fit(tfqd.quantize_model(network(keras), frozen), Prune(0.5))
    held = tfqd.Uniform(bits=4, scaling="symmetric", preserve_zeros=True)
    with pytest.raises(ValueError, match="gradient='revive' needs gradients at zeros"):
        fit(tfqd.quantize_model(network(keras), held), Prune(0.5, gradient="revive"))
    student = tfqd.quantize_model(network(keras), STEP)
    fit(student, Prune(0.5), epochs=1)
    tfqd.unpruned(student)
    with pytest.raises(ValueError, match=r"which tfqd.unpruned has stopped .*'frozen', or before"):
        fit(student, Prune(0.5, gradient="revive"), epochs=1)
    with pytest.raises(ValueError, match=r"out/kernel: a tensor of shape .* has no fours"):
        fit(tfqd.quantize_model(network(keras, 30), STEP), Prune(0.5, structure="2:4"))
    model = tfqd.quantize_model(network(keras), STEP)
    model.compile("sgd", "mse", steps_per_execution=2)
    with pytest.raises(ValueError, match="steps_per_execution must be 1; got 2"):
        model.fit(X, Y, verbose=0, callbacks=[Prune(0.5)])
