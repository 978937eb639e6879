"""A teacher that ran once, whose outputs are on disk."""

import json

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from small_networks import X, Y, compiled, network

import tfqd
from tfqd.distillation import CachedTeacher, cache_teacher


def data(x=X, batch=20):
    return tf.data.Dataset.from_tensor_slices((x, Y)).batch(batch)


@pytest.fixture
def teacher():
    keras.utils.set_random_seed(4)
    return network()


def test_training_equals_that_with_the_teacher_itself(teacher, tmp_path):
    cached = cache_teacher(teacher, data(), tmp_path, verbose=0)
    assert len(cached) == len(X)
    student = network(8)
    losses = []
    for guide, batches in ((teacher, data()), (cached, cached.attach(data()))):
        twin = keras.models.clone_model(student)
        twin.set_weights(student.get_weights())
        distiller = compiled(tfqd.Distiller(guide, twin))
        losses.append(distiller.fit(batches, epochs=3, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_examples_are_known_in_any_order_and_batch(teacher, tmp_path):
    cached = cache_teacher(teacher, data(), tmp_path, verbose=0)
    shuffled = data(batch=1).unbatch().shuffle(96, seed=1).batch(7)
    for inputs, _ in cached.attach(shuffled):
        expected = teacher(inputs["inputs"], training=False)
        np.testing.assert_allclose(inputs["teacher_outputs"], expected, rtol=1e-5, atol=1e-6)


def test_evaluation_takes_plain_data_and_the_teacher_is_not_needed(teacher, tmp_path):
    cached = cache_teacher(teacher, data(), tmp_path, verbose=0)
    distiller = compiled(tfqd.Distiller(cached, network(8)), metrics=["accuracy"])
    history = distiller.fit(cached.attach(data()), validation_data=data(), verbose=0).history
    assert history["val_accuracy"][0] > 0
    assert distiller.predict(X, verbose=0).shape == (96, 3)


@pytest.mark.parametrize("version", [keras, tf_keras], ids=["Keras 3", "tf_keras"])
def test_training_wants_data_with_the_teachers_outputs(tmp_path, version):
    def model(units):
        layers = version.layers
        hidden = layers.Dense(units, "relu")
        return version.Sequential([layers.InputLayer((6,)), hidden, layers.Dense(3)])

    cached = cache_teacher(model(16), data(), tmp_path, verbose=0)
    distiller = tfqd.Distiller(cached, model(8))
    loss = version.losses.SparseCategoricalCrossentropy(from_logits=True)
    distiller.compile("adam", loss, jit_compile=False)
    with pytest.raises(ValueError, match=r"cached\.attach\(data\)"):
        distiller.fit(X, Y, verbose=0)
    history = distiller.fit(cached.attach(data()), validation_data=(X, Y), verbose=0).history
    assert history["distillation_loss"][0] > 0
    with pytest.raises(ValueError, match=r"cached\.attach\(data\)"):
        distiller.fit(data(), validation_data=data(), verbose=0)
    control = tfqd.Distiller(cached, model(8), student_loss_weight=1)
    control.compile("adam", loss, jit_compile=False)
    control.fit(X, Y, verbose=0)


def test_outputs_in_a_structure_keep_it(tmp_path):
    inputs = {"a": keras.Input((2,), name="a"), "b": keras.Input((3,), name="b")}
    joined = keras.layers.Concatenate()(list(inputs.values()))
    outputs = {"one": keras.layers.Dense(2)(joined), "two": [keras.layers.Dense(4)(joined)]}
    model = keras.Model(inputs, outputs)
    x = {"a": X[:, :2], "b": X[:, 2:5]}
    cached = cache_teacher(model, data(x), tmp_path, verbose=0)
    assert cached.output_shape == {"one": (None, 2), "two": [(None, 4)]}
    batch, _ = next(iter(cached.attach(data(x))))
    np.testing.assert_allclose(
        batch["teacher_outputs"]["two"][0], model(batch["inputs"])["two"][0], rtol=1e-5, atol=1e-6
    )


@pytest.mark.parametrize("batches", ["inputs", "inputs and targets"])
def test_inputs_may_be_a_tuple(tmp_path, batches):
    inputs = [keras.Input((6,)), keras.Input((6,))]
    model = keras.Model(inputs, keras.layers.Dense(3)(keras.layers.Concatenate()(inputs)))
    pairs = data((X, -X))
    seen = pairs if batches == "inputs and targets" else pairs.map(lambda inputs, _: (inputs,))
    cached = cache_teacher(model, seen, tmp_path, verbose=0)
    for batch, _ in cached.attach(pairs.unbatch().shuffle(96).batch(16)):
        expected = model(batch["inputs"])
        np.testing.assert_allclose(batch["teacher_outputs"], expected, rtol=1e-5, atol=1e-6)
    distiller = compiled(tfqd.Distiller(cached, keras.models.clone_model(model)))
    losses = distiller.fit(cached.attach(pairs), epochs=3, verbose=0).history["distillation_loss"]
    assert losses[-1] < losses[0]


def test_inputs_alone_are_cached(teacher, tmp_path):
    alone = tf.data.Dataset.from_tensor_slices(X).batch(20)
    cached = cache_teacher(teacher, alone, tmp_path, verbose=0)
    batch, _ = next(iter(cached.attach(data())))
    np.testing.assert_allclose(batch["teacher_outputs"], teacher(X[:20]), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("length", [1, 3], ids=["of one", "of three"])
def test_batches_of_varying_length_are_refused(tmp_path, length):
    """Of one step too, which numpy would repeat."""
    tokens = keras.Input((None,), dtype="int32")
    model = keras.Model(tokens, keras.layers.Embedding(10, 7)(tokens))
    lengths = tf.data.Dataset.from_tensor_slices([5, length])
    batches = lengths.map(lambda steps: tf.ones((2, steps), tf.int32))
    message = rf"gave \(5, 7\) an example .* then \({length}, 7\): pad all batches"
    with pytest.raises(ValueError, match=message):
        cache_teacher(model, batches, tmp_path, verbose=0)
    with pytest.raises(FileNotFoundError, match="holds no complete cache"):
        CachedTeacher(tmp_path)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
def test_outputs_of_low_precision_are_cached(tmp_path, dtype):
    policy = keras.dtype_policies.DTypePolicy(f"mixed_{dtype}")
    model = keras.Sequential([keras.Input((6,)), keras.layers.Dense(3, dtype=policy)])
    cached = cache_teacher(model, data(), tmp_path, verbose=0)
    batch, _ = next(iter(cached.attach(data())))
    expected = tf.cast(model(X[:20]), tf.float32)
    given = tf.cast(batch["teacher_outputs"], tf.float32)
    np.testing.assert_allclose(given, expected, rtol=0.01, atol=0.01)
    distiller = compiled(tfqd.Distiller(cached, network(8)))
    losses = distiller.fit(cached.attach(data()), epochs=3, verbose=0).history["distillation_loss"]
    assert losses[-1] < losses[0]
    CachedTeacher(tmp_path, model)


@pytest.mark.parametrize("classes", [(3, 3), (2, 3)], ids=["alike", "different"])
def test_a_list_of_outputs_trains_as_with_the_teacher_itself(tmp_path, classes):
    def heads(units):
        inputs = keras.Input((6,))
        hidden = keras.layers.Dense(units, "relu")(inputs)
        return keras.Model(inputs, [keras.layers.Dense(each)(hidden) for each in classes])

    teacher, student = heads(16), heads(4)
    cached = cache_teacher(teacher, data(), tmp_path, verbose=0)
    losses = []
    for guide, batches in ((teacher, data()), (cached, cached.attach(data()))):
        distiller = tfqd.Distiller(guide, student, student_loss_weight=0)
        distiller.compile("adam", jit_compile=False)
        losses.append(distiller.evaluate(batches, verbose=0))
    np.testing.assert_allclose(*losses, rtol=1e-5)


def test_a_complete_cache_is_used_as_it_is(teacher, tmp_path):
    cache_teacher(teacher, data(), tmp_path, verbose=0)
    written = (tmp_path / "outputs_0.npy").stat().st_mtime_ns
    cache_teacher(teacher, data().shuffle(5), tmp_path, verbose=0)
    assert (tmp_path / "outputs_0.npy").stat().st_mtime_ns == written


@pytest.mark.parametrize("change", ["teacher", "data"])
def test_another_teacher_or_other_data_make_it_anew(teacher, tmp_path, change):
    cache_teacher(teacher, data(), tmp_path, verbose=0)
    other = network(5) if change == "teacher" else teacher
    x = X + 1 if change == "data" else X
    cached = cache_teacher(other, data(x), tmp_path, verbose=0)
    batch, _ = next(iter(cached.attach(data(x))))
    np.testing.assert_allclose(batch["teacher_outputs"], other(x[:20]), rtol=1e-5, atol=1e-6)


def test_a_cache_of_another_teacher_is_refused(teacher, tmp_path):
    cache_teacher(teacher, data(), tmp_path, verbose=0)
    with pytest.raises(ValueError, match="outputs of another teacher"):
        CachedTeacher(tmp_path, network())


@pytest.mark.parametrize(
    "other",
    [
        lambda teacher: keras.Sequential([teacher, keras.layers.Softmax()]),
        lambda teacher: keras.Sequential([teacher, keras.layers.Lambda(keras.ops.tanh)]),
        lambda teacher: keras.Model(teacher.inputs, {"logits": teacher.outputs[0]}),
    ],
    ids=["softmax", "lambda", "structure"],
)
def test_a_teacher_of_the_same_weights_and_other_outputs_is_another(teacher, tmp_path, other):
    cache_teacher(teacher, data(), tmp_path, verbose=0)
    other = other(teacher)
    with pytest.raises(ValueError, match=r"another teacher .* its answers to the same inputs"):
        CachedTeacher(tmp_path, other)
    cached = cache_teacher(other, data(), tmp_path, verbose=0)
    batch, _ = next(iter(cached.attach(data())))
    keras.tree.map_structure(
        lambda stored, given: np.testing.assert_allclose(stored, given, rtol=1e-5, atol=1e-6),
        batch["teacher_outputs"],
        other(X[:20], training=False),
    )


def test_a_teacher_is_known_whatever_its_names_and_process(tmp_path):
    """Another process builds it anew, and its kernels may round otherwise."""

    def build(rounding, name):
        middle = keras.layers.Lambda(lambda x: x * (1 + rounding))
        return keras.Sequential([network(name=name), middle, keras.layers.Softmax()])

    teacher, again = build(0, "first"), build(1e-4, "second")
    again.set_weights(teacher.get_weights())
    cache_teacher(teacher, data().shuffle(5), tmp_path, verbose=0)
    written = (tmp_path / "outputs_0.npy").stat().st_mtime_ns
    cache_teacher(again, data(), tmp_path, verbose=0)
    assert (tmp_path / "outputs_0.npy").stat().st_mtime_ns == written


def test_data_that_the_teacher_did_not_see_end_the_training(teacher, tmp_path):
    cached = cache_teacher(teacher, data(), tmp_path, verbose=0)
    with pytest.raises(tf.errors.InvalidArgumentError, match="not those that the teacher saw"):
        list(cached.attach(data(X * 1.001)))


def test_a_cache_that_was_cut_short_is_none(teacher, tmp_path, monkeypatch):
    with pytest.raises(FileNotFoundError, match="holds no complete cache"):
        CachedTeacher(tmp_path)
    cache_teacher(teacher, data(), tmp_path, verbose=0)
    updates = []

    def full_disk(self, current, *args, **kwargs):
        updates.append(current)
        if len(updates) == 2:
            raise OSError("no space left on device")

    monkeypatch.setattr(keras.utils.Progbar, "update", full_disk)
    with pytest.raises(OSError, match="no space left"):
        cache_teacher(network(), data(), tmp_path)
    with pytest.raises(FileNotFoundError, match="holds no complete cache"):
        CachedTeacher(tmp_path)


@pytest.mark.parametrize(
    ("given", "error", "message"),
    [
        (X, TypeError, "data must be a tf.data.Dataset; got ndarray"),
        (data().repeat(), ValueError, "data must be finite"),
        (data().take(0), ValueError, "at least one batch"),
    ],
)
def test_data_that_cannot_be_cached_are_refused(teacher, tmp_path, given, error, message):
    with pytest.raises(error, match=message):
        cache_teacher(teacher, given, tmp_path, verbose=0)


def test_features_of_a_cached_teacher_are_refused(teacher, tmp_path):
    cached = cache_teacher(teacher, data(), tmp_path, verbose=0)
    loss = tfqd.distillation.FeatureDistillation("hidden", "hidden")
    with pytest.raises(ValueError, match="a CachedTeacher holds final outputs only"):
        tfqd.Distiller(cached, network(), loss)


def test_attach_wants_a_dataset_of_batches(teacher, tmp_path):
    cached = cache_teacher(teacher, data(), tmp_path, verbose=0)
    for given in (X, data().map(lambda x, y: (x, y, y, y))):
        with pytest.raises(TypeError, match=r"data must be a tf\.data\.Dataset of"):
            cached.attach(given)


def test_students_learn_without_labels(teacher, tmp_path):
    unlabelled = data().map(lambda x, y: x)
    cached = cache_teacher(teacher, unlabelled, tmp_path, verbose=0)
    losses = []
    for guide, batches in ((teacher, unlabelled), (cached, cached.attach(unlabelled))):
        keras.utils.set_random_seed(5)
        distiller = tfqd.Distiller(guide, network(8), student_loss_weight=0)
        distiller.compile("adam", jit_compile=False)
        losses.append(distiller.fit(batches, epochs=2, verbose=0).history["loss"])
    np.testing.assert_allclose(*losses, rtol=1e-5)
    assert losses[0][-1] < losses[0][0]


def test_a_saved_distiller_finds_its_cache_again(teacher, tmp_path):
    cached = cache_teacher(teacher, data(), tmp_path / "cache", verbose=0)
    distiller = compiled(tfqd.Distiller(cached, network(8)))
    distiller.fit(cached.attach(data()), verbose=0)
    distiller.save(tmp_path / "distiller.keras")
    reloaded = keras.saving.load_model(tmp_path / "distiller.keras")
    reloaded.fit(reloaded.teacher.attach(data()), verbose=0)
    assert json.loads((tmp_path / "cache" / "manifest.json").read_text())["examples"] == 96
