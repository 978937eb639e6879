"""A plain model under QuantizeWeights trains as a quantized one (Algorithm 1)."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from small_model import X, Y, arrays, compiled, fit, small_model

import tfqd
from tfqd.callbacks import BatchNormReestimation, CodeFlips, QuantizeWeights

SPEC = tfqd.Uniform(bits=2, bucket_size=16)
STOCHASTIC = tfqd.Uniform(bits=2, bucket_size=16, rounding="stochastic")


class At(keras.callbacks.Callback):
    """Calls a function in one hook, each time it comes."""

    def __init__(self, hook, function):
        super().__init__()
        setattr(self, hook, lambda *args, **kwargs: function())


def assert_same(left, right):
    for one, other in zip(left, right, strict=True):
        np.testing.assert_array_equal(one, other)


def kernels(model):
    return [np.array(model.get_layer(name).kernel) for name in ("first", "second")]


def levels(model):
    """The most values in a bucket of any kernel."""
    buckets = [np.array_split(k.ravel(), range(16, k.size, 16)) for k in kernels(model)]
    return max(len(np.unique(bucket)) for each in buckets for bucket in each)


@pytest.mark.parametrize("spec", [SPEC, STOCHASTIC], ids=["deterministic", "stochastic"])
@pytest.mark.parametrize("run_eagerly", [True, False])
def test_with_sgd_the_trajectory_is_that_of_the_quantized_model(spec, run_eagerly):
    keras.utils.set_random_seed(5)
    quantized = compiled(tfqd.quantize_model(small_model(), spec), run_eagerly=run_eagerly)
    seeds = [np.array(each) for each in quantized.weights if "seed" in each.path]
    model, callback = compiled(small_model(), run_eagerly=run_eagerly), QuantizeWeights(spec)

    def same_noise():
        states = [entry.state for entry in model.quantized_variables if entry.state]
        for state, seed in zip(states, seeds, strict=True):
            state["seed"].assign(seed)

    expected = fit(quantized, validation_data=(X, Y))
    history = fit(model, callback, At("on_train_begin", same_noise), validation_data=(X, Y))

    for name, values in expected.items():
        np.testing.assert_allclose(history[name], values, rtol=1e-5)
    trained = callback.quantized_model()
    for ours, theirs in zip(arrays(trained), arrays(quantized), strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
    assert levels(trained.model) > 4


def test_a_specs_patterns_choose_the_variables():
    model = compiled(small_model())
    callback = QuantizeWeights({"first/kernel": SPEC, "second": None})
    fit(model, callback)
    assert list(callback.compress().quantized) == ["small/first/kernel"]


def test_the_model_ends_with_the_quantized_weights_that_were_validated():
    model, callback = compiled(small_model()), QuantizeWeights(SPEC)
    history = fit(model, callback, validation_data=(X, Y))
    assert levels(model) <= 4
    assert model.evaluate(X, Y, verbose=0) == pytest.approx(history["val_loss"][-1], rel=1e-6)
    restored = callback.compress().dequantize().values()
    assert_same(restored, arrays(model))
    np.testing.assert_array_equal(callback.quantized_model()(X), model(X))


def test_between_the_steps_it_holds_float_weights_and_in_them_quantized_ones():
    model, seen = compiled(small_model()), {"begin": [], "end": [], "epoch": [], "test": []}
    watch = [
        At("on_train_batch_begin", lambda: seen["begin"].append(levels(model))),
        At("on_train_batch_end", lambda: seen["end"].append(levels(model))),
        At("on_epoch_end", lambda: seen["epoch"].append(levels(model))),
        At("on_test_begin", lambda: seen["test"].append(levels(model))),
    ]
    fit(model, QuantizeWeights(SPEC), *watch, epochs=1, validation_data=(X, Y))
    assert max(seen["begin"] + seen["test"]) <= 4
    assert min(seen["end"] + seen["epoch"]) > 4


def test_predictions_during_the_fit_use_quantized_weights():
    model, callback, outputs = compiled(small_model()), QuantizeWeights(SPEC), []

    def predict():
        outputs.append(model.predict(X, callbacks=[callback], verbose=0))
        outputs.append(callback.quantized_model()(X))

    fit(model, callback, At("on_epoch_end", predict), epochs=1)
    np.testing.assert_allclose(outputs[0], outputs[1], rtol=1e-5)


def test_the_compressed_form_is_there_during_the_fit_too():
    model, callback, during = compiled(small_model()), QuantizeWeights(SPEC), []
    compress = At("on_epoch_end", lambda: during.append(callback.compress()))
    history = fit(model, callback, compress, CodeFlips())
    assert_same(during[-1].dequantize().values(), arrays(model))
    assert len(history["code_flips"]) == 2


def test_weights_without_an_update_come_back_bit_for_bit():
    model, callback = compiled(small_model(), rate=0.0), QuantizeWeights(SPEC)
    before = kernels(model)
    fit(model, callback, validation_data=(X, Y))
    callback.restore()
    assert_same(kernels(model), before)


def test_frozen_layers_are_quantized_and_not_trained():
    model, callback = small_model(), QuantizeWeights(SPEC)
    model.get_layer("first").trainable = False
    before = kernels(model)[0]
    fit(compiled(model), callback)
    assert len(np.unique(kernels(model)[0][:2])) <= 4
    callback.restore()
    np.testing.assert_array_equal(kernels(model)[0], before)


def test_a_second_fit_goes_on_from_the_float_weights():
    whole, parts = compiled(small_model()), compiled(small_model())
    callback = QuantizeWeights(SPEC)
    fit(whole, QuantizeWeights(SPEC), epochs=2)
    fit(parts, callback, epochs=1)
    fit(parts, callback, epochs=2, initial_epoch=1)
    assert_same(arrays(whole), arrays(parts))


def test_a_second_fit_takes_weights_that_were_loaded_in_between():
    model, callback = compiled(small_model(), rate=0.0), QuantizeWeights(SPEC)
    fit(model, callback)
    model.set_weights(arrays(small_model(seed=7)))
    fit(model, callback)
    callback.restore()
    assert_same(kernels(model), kernels(small_model(seed=7)))


def test_data_that_ends_without_notice_leaves_no_step_half_done():
    def batches():
        for i in range(3):
            yield X[8 * i : 8 * i + 8], Y[8 * i : 8 * i + 8]

    signature = (tf.TensorSpec((None, 6)), tf.TensorSpec((None, 1)))
    dataset = tf.data.Dataset.from_generator(batches, output_signature=signature)
    model, other = (compiled(small_model(dropout=0.0)) for _ in range(2))
    callback = QuantizeWeights(SPEC)
    model.fit(dataset, epochs=2, callbacks=[callback], verbose=0)
    other.fit(
        X[:24],
        Y[:24],
        batch_size=8,
        shuffle=False,
        epochs=2,
        verbose=0,
        callbacks=[QuantizeWeights(SPEC)],
    )
    assert_same(arrays(model), arrays(other))


def interrupt():
    raise KeyboardInterrupt


@pytest.mark.parametrize("hook", ["on_train_batch_begin", "on_test_begin", "on_epoch_end"])
def test_with_puts_the_float_weights_back_after_an_interrupt(hook):
    model = compiled(small_model(), rate=0.0)
    before = kernels(model)
    with pytest.raises(KeyboardInterrupt), QuantizeWeights(SPEC) as callback:
        fit(model, callback, At(hook, interrupt), validation_data=(X, Y))
    assert_same(kernels(model), before)
    assert not hasattr(model, "quantized_variables")
    fit(model, callback)  # and the callback can be used again


def test_an_interrupted_fit_is_not_gone_on_with_by_mistake():
    model, callback = compiled(small_model()), QuantizeWeights(SPEC)
    with pytest.raises(KeyboardInterrupt):
        fit(model, callback, At("on_train_batch_begin", interrupt))
    with pytest.raises(ValueError, match=r"did not end; call restore\(\)"):
        fit(model, callback)


def test_a_step_that_was_made_before_an_interrupt_counts():
    model, other = compiled(small_model()), compiled(small_model())
    callback = QuantizeWeights(SPEC)
    with pytest.raises(KeyboardInterrupt):
        # Before the callback, whose own hook then does not run.
        fit(model, At("on_train_batch_end", interrupt), callback)
    callback.restore()
    other_callback = QuantizeWeights(SPEC)
    other.fit(X[:8], Y[:8], shuffle=False, verbose=0, callbacks=[other_callback])
    other_callback.restore()
    assert_same(kernels(model), kernels(other))


def test_a_run_from_a_backup_ends_as_the_whole_run(tmp_path):
    def run(folder, *callbacks):
        # Keras backs up no seeds, so no dropout here; the callback's noise needs none.
        model = compiled(small_model(dropout=0.0))
        backup = keras.callbacks.BackupAndRestore(folder, delete_checkpoint=False)
        fit(model, QuantizeWeights(STOCHASTIC), backup, *callbacks, epochs=3)
        return model

    epochs = []

    def interrupt_in_the_second_epoch():
        epochs.append(1)
        if len(epochs) > 1:
            raise KeyboardInterrupt

    whole = run(tmp_path / "whole")
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "parts", At("on_epoch_begin", interrupt_in_the_second_epoch))
    parts = run(tmp_path / "parts")
    assert_same(kernels(parts), kernels(whole))


@pytest.mark.parametrize("policy", ["mixed_float16", "bfloat16"])
def test_other_precisions_train_too(policy):
    layer = keras.layers.Dense(1, dtype=policy, name="second")
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(8, name="first"), layer])
    callback = QuantizeWeights(SPEC)
    history = fit(compiled(model, jit_compile=True), callback, epochs=4)
    assert history["loss"][-1] < 0.5 * history["loss"][0]
    assert levels(model) <= 4
    np.testing.assert_array_equal(callback.quantized_model()(X), model(X))


def test_a_checkpoint_during_the_fit_is_the_plain_model(tmp_path):
    model = compiled(small_model())
    checkpoint = keras.callbacks.ModelCheckpoint(tmp_path / "{epoch}.keras")
    floats = []
    keep = At("on_epoch_end", lambda: floats.append(arrays(model)))
    fit(model, QuantizeWeights(SPEC), checkpoint, keep)
    assert_same(arrays(keras.models.load_model(tmp_path / "2.keras")), floats[1])


def test_a_distillers_student_alone_is_quantized():
    student, teacher = small_model(), small_model(seed=3)
    distiller = keras.distillation.Distiller(
        teacher, student, keras.distillation.LogitsDistillation(loss="mse")
    )
    distiller.compile("sgd", "mse")
    before = kernels(teacher)
    fit(distiller, QuantizeWeights(SPEC))
    assert levels(student) <= 4
    assert_same(kernels(teacher), before)


@pytest.mark.parametrize("validated", [True, False])
def test_batch_norm_is_measured_with_the_quantized_weights(validated):
    model, callback, seen = compiled(small_model()), QuantizeWeights(SPEC), []
    norm = model.get_layer("norm")
    watch = At("on_epoch_end", lambda: seen.append(np.array(norm.moving_mean)))
    validation = (X, Y) if validated else None
    measure = BatchNormReestimation(X, every=1)
    fit(model, callback, measure, watch, epochs=1, validation_data=validation)
    first = model.get_layer("first")  # the weights have not moved since
    expected = np.maximum(X @ np.array(first.kernel) + np.array(first.bias), 0).mean(0)
    np.testing.assert_allclose(seen[0], expected, rtol=1e-4, atol=1e-6)
    np.testing.assert_allclose(norm.moving_mean, expected, rtol=1e-4, atol=1e-6)
