"""What is done against oscillation, in the fits of both Keras versions."""

import keras
import numpy as np
import pytest
import tf_keras
from small_model import X, Y, arrays, fit

import tfqd
from tfqd.callbacks import CodeFlips, DampenOscillations, FreezeOscillations, QuantizeWeights

LEARNED = tfqd.LearnedStep(bits=2, bucket_size=16)
FREEZING = tfqd.LearnedStep(bits=2, freeze_above=0.008)
SPECS = [tfqd.Uniform(bits=2, bucket_size=16), tfqd.Codebook(bits=2, train="weights"), LEARNED]


@pytest.fixture(params=[keras, tf_keras], ids=["keras", "tf_keras"])
def library(request):
    return request.param


def network(library, spec, rate=0.03, **options):
    library.utils.set_random_seed(1)
    layers = library.layers
    penalty = library.regularizers.L2(0.01)
    model = library.Sequential(
        [
            library.Input((6,)),
            layers.Dense(8, activation="relu", name="first", kernel_regularizer=penalty),
            layers.Dense(1, name="second"),
        ]
    )
    kernels = np.random.default_rng(0).normal(size=(6, 8)), np.linspace(-1, 1, 8)[:, None]
    for layer, kernel in zip(model.layers[-2:], kernels, strict=True):
        layer.kernel.assign(kernel.astype("float32"))
    quantized = tfqd.quantize_model(model, spec)
    quantized.compile(library.optimizers.SGD(rate), "mse", **options)
    return quantized


def kernels(model):
    return [entry.variable.numpy() for entry in model.quantized_variables]


def distances(model):
    """clip(w) - q(w) of each kernel, by the compressed form."""
    tensors = tfqd.compress(model).quantized.values()
    found = []
    for entry, tensor in zip(model.quantized_variables, tensors, strict=True):
        weights, levels = entry.variable.numpy(), tensor.dequantize()
        if isinstance(entry.quantizer.spec, tfqd.LearnedStep):
            scale = np.zeros(weights.size, "float32")
            for i, step in enumerate(np.array(entry.state["step"])):
                scale[16 * i : 16 * i + 16] = step
            scale = scale.reshape(weights.shape)
            weights = np.clip(weights, -2 * scale, scale)
        found.append(weights - levels)
    return found


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: spec.kind)
def test_a_step_pulls_weights_to_their_levels(library, spec):
    pulled, plain = network(library, spec), network(library, spec)
    expected = [0.03 * 0.5 * distance for distance in distances(pulled)]
    assert all(np.abs(distance).max() > 1e-3 for distance in expected)
    losses = [
        fit(model, *callbacks, epochs=1, batch_size=48)["loss"][0]
        for model, callbacks in ((pulled, [DampenOscillations(0.5)]), (plain, []))
    ]
    for with_pull, without, way in zip(kernels(pulled), kernels(plain), expected, strict=True):
        np.testing.assert_allclose(without - with_pull, way, atol=2e-6)
    squares = sum(np.sum((way / 0.03 / 0.5) ** 2) for way in expected)
    assert losses[0] - losses[1] == pytest.approx(0.25 * squares, rel=1e-4)


def test_the_pull_grows_and_validation_knows_nothing_of_it(library):
    callbacks = [DampenOscillations(2.0)]
    model = network(library, LEARNED, rate=0.0)
    (squares,) = [sum(np.sum(each**2) for each in distances(model)) / 2]
    history = fit(model, *callbacks, epochs=5, validation_data=(X, Y))
    pulls = np.subtract(history["loss"], history["val_loss"])
    growth = np.array([0.0, 1 - np.sqrt(0.5), 1.0, 1 + np.sqrt(0.5), 2.0])
    np.testing.assert_allclose(pulls, squares * growth, rtol=1e-3, atol=1e-4)
    later = network(library, LEARNED, rate=0.0)
    again = fit(later, DampenOscillations(2.0), epochs=5, initial_epoch=3)
    np.testing.assert_allclose(again["loss"], history["loss"][3:], rtol=1e-5)


def test_afterwards_the_model_trains_as_before(library):
    dampened, plain = network(library, LEARNED, rate=0.0), network(library, LEARNED, rate=0.0)
    fit(dampened, DampenOscillations(1.0))
    for model in (dampened, plain):
        model.optimizer.learning_rate.assign(0.03)
    assert fit(dampened)["loss"] == fit(plain)["loss"]
    for one, other in zip(arrays(dampened), arrays(plain), strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_strong_pull_settles_the_codes(library):
    flips = [
        fit(network(library, LEARNED), *callbacks, CodeFlips(), epochs=12)["code_flips"][-1]
        for callbacks in ([], [DampenOscillations(20.0)])
    ]
    assert flips[1] <= flips[0]


def test_frozen_codes_stay_and_are_counted(library):
    model = network(library, FREEZING, rate=0.2)
    flips = CodeFlips()
    history = fit(model, FreezeOscillations(start=0.02), flips, epochs=20)
    frozen = history["frozen_codes"]
    assert 0 < frozen[-1] < 1
    assert np.all(np.diff(frozen) >= 0)
    before = [np.array(entry.state["held_code"]) for entry in model.quantized_variables]
    fit(model, epochs=5)
    for entry, held in zip(model.quantized_variables, before, strict=True):
        codes = entry.encode().codes
        np.testing.assert_array_equal(codes[held >= 0], held[held >= 0])
    np.testing.assert_array_equal(tfqd.strip_quantization(model)(X), model(X))


def test_both_keras_versions_freeze_the_same():
    runs = [
        fit(network(library, FREEZING, rate=0.1), CodeFlips(), epochs=10)
        for library in (keras, tf_keras)
    ]
    assert runs[0]["frozen_codes"][-1] > 0
    for name in ("loss", "frozen_codes", "code_flips"):
        np.testing.assert_allclose(runs[0][name], runs[1][name], rtol=1e-4)


def test_the_threshold_comes_down_to_the_specs_own(library):
    model, seen = network(library, FREEZING, rate=0.0), []

    class Watch(library.callbacks.Callback):
        def on_epoch_end(self, epoch, logs=None):
            seen.append(float(np.array(self.model.quantized_variables[0].state["freeze_above"])))

    fit(model, FreezeOscillations(start=0.108), Watch(), epochs=3)
    np.testing.assert_allclose(seen, [0.108, 0.058, 0.008], rtol=1e-5)


@pytest.mark.parametrize("put_back", [False, True], ids=["left", "put back"])
def test_the_specs_own_holds_after_a_fit_that_ends_early(library, put_back):
    model = network(library, FREEZING)
    judge = library.callbacks.LambdaCallback(
        on_epoch_end=lambda epoch, logs: logs.update(score=epoch)
    )
    early = library.callbacks.EarlyStopping("score", mode="min", restore_best_weights=True)
    stop = [judge, early] if put_back else [Stop(2)]
    history = fit(model, FreezeOscillations(), *stop, epochs=10)
    assert len(history["loss"]) == 2
    for entry in model.quantized_variables:
        assert float(np.array(entry.state["freeze_above"])) == pytest.approx(0.008)


def test_a_saved_model_goes_on_as_it_would_have(library, tmp_path):
    whole, first = (network(library, FREEZING, rate=0.1) for _ in range(2))
    fit(whole, FreezeOscillations(0.009), epochs=12)
    fit(first, FreezeOscillations(0.009), Stop(7), epochs=12)
    first.save(tmp_path / "model.keras")
    second = library.models.load_model(tmp_path / "model.keras")
    fit(second, FreezeOscillations(0.009), epochs=12, initial_epoch=7)
    assert any(np.any(np.array(entry.held_codes)) for entry in whole.quantized_variables)
    for one, other in zip(arrays(second), arrays(whole), strict=True):
        np.testing.assert_array_equal(one, other)


class Stop(tfqd.callbacks.callback.Callback):
    """Ends the fit after some epochs."""

    def __init__(self, epochs):
        super().__init__()
        self.epochs = epochs

    def on_epoch_end(self, epoch, logs=None):
        if epoch + 1 == self.epochs:
            self.model.stop_training = True


def test_a_distillers_student_is_dampened_and_frozen(library):
    teacher, student = (network(library, FREEZING, rate=0.1) for _ in range(2))
    teacher = tfqd.strip_quantization(teacher)
    losses = tfqd.distillation.FeatureDistillation("first", "first")
    distiller = tfqd.Distiller(teacher, student, losses)
    distiller.compile(library.optimizers.SGD(0.1), "mse")
    callbacks = FreezeOscillations(0.02), DampenOscillations(0.1), CodeFlips()
    history = fit(distiller, *callbacks, epochs=8)
    assert history["frozen_codes"][-1] > 0


def test_what_they_cannot_work_on_is_refused(library):
    model = network(library, LEARNED)
    with pytest.raises(ValueError, match=r"no variable to freeze weights of; give"):
        fit(model, FreezeOscillations())
    with pytest.raises(ValueError, match=r"must not be below freeze_above, which is 0\.008"):
        fit(network(library, FREEZING), FreezeOscillations(0.001))
    plain = tfqd.strip_quantization(model)
    plain.compile("sgd", "mse")
    with pytest.raises(ValueError, match="no quantized variables to dampen"):
        fit(plain, DampenOscillations(1.0))
    with pytest.raises(ValueError, match=r"instead of QuantizeWeights"):
        fit(plain, QuantizeWeights(tfqd.Uniform()), DampenOscillations(1.0))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: DampenOscillations(0), "strength must be a positive finite number; got 0"),
        (lambda: FreezeOscillations(-1), "start must be a positive finite number; got -1"),
        (lambda: FreezeOscillations(2), "start must be a frequency, at most 1; got 2"),
        (lambda: QuantizeWeights(tfqd.Uniform(freeze_above=0.1)), "freeze_above stops gradients"),
    ],
)
def test_bad_arguments_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


@pytest.mark.parametrize("first", [0, 1])
def test_penalties_are_taken_away_in_any_order(library, first):
    model = network(library, LEARNED)
    (entry, _) = model.quantized_variables
    before = float(sum(model.losses))
    undo = [entry.add_penalty("one", lambda: 10.0), entry.add_penalty("other", lambda: 100.0)]
    assert float(sum(model.losses)) == pytest.approx(before + 110)
    undo[first]()
    assert float(sum(model.losses)) == pytest.approx(before + (100, 10)[first])
    undo[1 - first]()
    assert float(sum(model.losses)) == pytest.approx(before)
