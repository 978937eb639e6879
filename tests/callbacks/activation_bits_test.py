"""Each epoch rounds activations to the bits of its phase, also in a resumed run."""

import keras
import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.callbacks import BitSchedule, CompressedCheckpoint
from tfqd.callbacks.callback import Callback

X = np.random.default_rng(0).normal(size=(64, 6)).astype(np.float32)
Y = np.abs(X[:, :1] - X[:, 1:2])
PHASES = {0: 6, 1: 3}
KERASES = pytest.mark.parametrize("library", [keras, tf_keras], ids=["keras", "tf_keras"])


def quantized(library, bits=3):
    """A model with so many bits behind its ReLU, on the data's ranges, compiled."""
    library.utils.set_random_seed(2)
    layers = library.layers
    hidden = layers.Dense(16, activation="relu", name="hidden")
    model = library.Sequential([library.Input((6,), name="x"), hidden, layers.Dense(1)])
    activations = tfqd.Activations(bits=bits)
    model = tfqd.quantize_model(model, tfqd.presets.deployable(8), activations=activations)
    tfqd.calibrate(model, X)
    model.compile(library.optimizers.SGD(1e-2), "mse", jit_compile=False)
    return model


def fit(model, *callbacks, **options):
    arguments = {"epochs": 2, "batch_size": 32, "shuffle": False, "verbose": 0, **options}
    return model.fit(X, Y, callbacks=list(callbacks), **arguments).history


def hidden_range(model):
    return next(layer for layer in model.quantized_activations if layer.name == "hidden_range")


def assert_same_weights(model, other):
    for ours, theirs in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


class Seen(Callback):
    """The hidden layer's bits and levels, and the loss by hand, at the end of each epoch."""

    def __init__(self, model):
        super().__init__()
        self.of, self.bits, self.levels, self.losses = model, [], [], []

    def on_epoch_end(self, epoch, logs=None):
        hidden = hidden_range(self.of)
        numbers = np.linspace(0, 2 * hidden.ends[1], 1000, dtype=np.float32)[:, np.newaxis]
        self.bits.append(hidden.bits)
        self.levels.append(len(np.unique(hidden(numbers))))
        self.losses.append(float(np.mean(np.square(np.asarray(self.of(X)) - Y))))


@KERASES
def test_training_and_validation_use_the_bits_of_the_epoch(library):
    model = quantized(library)
    seen = Seen(model)
    schedule = BitSchedule(activations={0: None, 1: 6, 2: 3})
    history = fit(model, schedule, seen, epochs=3, validation_data=(X, Y))
    assert seen.bits == [None, 6, 3]
    assert seen.levels == [1000, 64, 8]
    np.testing.assert_allclose(history["val_loss"], seen.losses, rtol=1e-4)
    assert model.quantized_activations[0].bits == 8


@KERASES
def test_a_phase_trains_as_a_model_of_these_bits(library):
    phases, other = quantized(library), quantized(library, bits=6)
    other.set_weights(phases.get_weights())
    fit(phases, BitSchedule(activations={0: 6, 1: 3}), epochs=1)
    fit(other, epochs=1)
    assert_same_weights(phases, other)


class Killed(Exception):
    """Ends a training in its middle."""


class Kill(Callback):
    def on_epoch_begin(self, epoch, logs=None):
        if epoch == 1:
            raise Killed


@KERASES
def test_a_killed_run_goes_on_from_its_backup(library, tmp_path):
    whole, killed, resumed = (quantized(library) for _ in range(3))
    fit(whole, BitSchedule(activations=PHASES))
    backups = [library.callbacks.BackupAndRestore(str(tmp_path / "backup")) for _ in range(2)]
    with pytest.raises(Killed):
        fit(killed, BitSchedule(activations=PHASES), backups[0], Kill())
    fit(resumed, BitSchedule(activations=PHASES), backups[1])
    assert hidden_range(resumed).bits == 3
    assert_same_weights(resumed, whole)


@KERASES
def test_files_have_the_bits_in_force_and_are_trained_on(library, tmp_path):
    whole, model = quantized(library), quantized(library)
    schedule = {"phases": {0: None, 1: 8}, "activations": PHASES}
    fit(whole, BitSchedule(**schedule))
    fit(model, BitSchedule(**schedule), epochs=1)
    tfqd.save(model, tmp_path / "m.tfqd")
    np.testing.assert_allclose(tfqd.load(tmp_path / "m.tfqd")(X), model(X), rtol=1e-6)
    model.save(tmp_path / "m.keras")
    resumed = library.models.load_model(tmp_path / "m.keras")
    assert hidden_range(resumed).bits == 6
    fit(resumed, BitSchedule(**schedule), initial_epoch=1)
    assert_same_weights(resumed, whole)


def test_the_file_of_integers_has_the_last_bits(tmp_path):
    model = quantized(keras)
    fit(model, BitSchedule(activations=PHASES))
    tfqd.export.tflite(model, tmp_path / "m.tflite", io_dtype="int8", probes=X)
    step = hidden_range(model).ends[1] / 7
    assert min(abs(scales_in(tmp_path / "m.tflite") - step)) < 1e-6 * step


def scales_in(path):
    """Of a file's tensors; 0 of those that have none."""
    from ai_edge_litert.interpreter import Interpreter

    return np.array(
        [each["quantization"][0] for each in Interpreter(str(path)).get_tensor_details()]
    )


def test_a_distillers_student_follows():
    student = quantized(keras)
    distiller = tfqd.Distiller(None, student, tfqd.distillation.RegressionDistillation())
    distiller.compile("sgd", "mse", jit_compile=False)
    seen = Seen(student)
    fit(distiller, BitSchedule(activations=PHASES), seen)
    assert seen.levels == [64, 8]


def test_checkpoints_are_of_the_models_own_bits(tmp_path):
    model = quantized(keras)
    checkpoint = CompressedCheckpoint(tmp_path / "m.tfqd", monitor="loss")
    with pytest.warns(UserWarning, match="all variables and activations had their own bits"):
        fit(model, BitSchedule(activations=PHASES), checkpoint, epochs=1)
    fit(model, BitSchedule(activations=PHASES), checkpoint, initial_epoch=1)
    assert hidden_range(tfqd.load(tmp_path / "m.tfqd", kind="quantized")).bits == 3


@pytest.mark.parametrize(("bits", "counted"), [(None, 32), (6, 6), (2, 3)])
def test_multiply_adds_count_by_the_bits_in_force(bits, counted):
    model = quantized(keras)
    hidden_range(model).set_bits(bits)
    assert (8, counted) in tfqd.compute_report(model).by_bits


@pytest.mark.parametrize(
    ("phases", "message"),
    [
        ({}, "the first phase must begin at epoch 0"),
        ({0: 4, 1.5: 2}, "epochs must be integers"),
        ({0: 9}, "bits must be integers from 2 to 8"),
        ({0: 1}, "bits must be integers from 2 to 8"),
    ],
)
def test_phases_that_are_none_are_refused(phases, message):
    with pytest.raises(ValueError, match=message):
        BitSchedule(activations=phases)


def test_what_cannot_be_scheduled_is_refused():
    with pytest.raises(TypeError, match="activations must be a mapping"):
        BitSchedule(activations=[8, 4])
    with pytest.raises(ValueError, match="give phases of the weights, activations or both"):
        BitSchedule()
    model = quantized(keras)
    message = "from epoch 1, has 4 bits, and hidden_range is to end with 3"
    with pytest.raises(ValueError, match=message):
        fit(model, BitSchedule(activations={0: 8, 1: 4}))
    with pytest.raises(ValueError, match="from epoch 0, has None bits"):
        fit(model, BitSchedule(activations={0: None}))
    dense = keras.Sequential([keras.Input((6,)), keras.layers.Dense(1)])
    weights_alone = tfqd.quantize_model(dense, 4)
    weights_alone.compile("sgd", "mse")
    with pytest.raises(ValueError, match="rounds no activations to schedule"):
        fit(weights_alone, BitSchedule(activations={0: 8}))
