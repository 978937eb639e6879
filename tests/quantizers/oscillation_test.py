"""Iterative freezing: what oscillates is found as the paper says, and keeps its code."""

import importlib
import re

import numpy as np
import pytest
import tensorflow as tf
from numpy_quantization import bucket_indices

import tfqd
from tfqd.quantizers import oscillation, quantizer_for
from tfqd.quantizers.oscillation import MOMENTUM

OWN_SCALE = {"scaling": "symmetric", "scale": "learned"}
SPECS = [
    tfqd.Uniform(bits=3, bucket_size=16, freeze_above=0.05),
    tfqd.Uniform(bits=2, layout="channel", scaling="symmetric", clip=1.0, freeze_above=0.05),
    tfqd.Codebook(bits=2, bucket_size=16, freeze_above=0.05),
    tfqd.Codebook(bits=2, layout="channel", channels_per_codebook=2, freeze_above=0.05),
    tfqd.LearnedStep(bits=2, layout="channel", freeze_above=0.05),
    tfqd.LearnedStep(bits=3, bucket_size=16, scaling="affine", freeze_above=0.05),
    tfqd.Codebook(bits=2, bucket_size=15, **OWN_SCALE, freeze_above=0.05),
    tfqd.EntropyCodebook(bits=3, freeze_above=0.05),
]
WEIGHTS = tf.random.stateless_normal([6, 5], [1, 2])


@pytest.fixture(params=["keras", "tf_keras"])
def layer(request):
    return importlib.import_module(request.param).layers.Layer()


def held_by(quantizer, layer, places):
    """The quantizer's variables, with weights frozen to their code and one more."""
    variables = quantizer.build(WEIGHTS.shape, "kernel", layer, lambda: WEIGHTS)
    codes = quantizer.encode(WEIGHTS, variables).codes.astype(np.float32)
    given = (codes + 1) % quantizer.spec.levels
    variables["held_code"].assign(np.where(places, given, -1.0))
    return variables, np.where(places, given, codes)


class ByTheLetter:
    """One weight, Algorithm 1 of the paper written as it is read."""

    def __init__(self, threshold):
        self.threshold, self.frequency, self.held = threshold, 0.0, None
        self.last = self.change = self.mean = None

    def step(self, code):
        oscillates = False
        if self.last is None:
            self.mean = code
        else:
            if code != self.last:
                change = 1 if code > self.last else -1
                oscillates = self.change is not None and change != self.change
                self.change = change
            self.mean = MOMENTUM * code + (1 - MOMENTUM) * self.mean
        self.frequency = MOMENTUM * oscillates + (1 - MOMENTUM) * self.frequency
        if self.held is None and self.frequency > self.threshold:
            self.held = round(self.mean)
        self.last = code


@pytest.mark.parametrize("in_graph", [False, True])
def test_frequencies_and_freezes_are_the_papers(layer, in_graph):
    steps = np.random.default_rng(0).integers(-1, 2, size=(200, 12)) * (np.arange(12) > 2)
    codes = np.clip(np.cumsum(steps, axis=0), 0, 3)
    codes[:, 0] = np.arange(200) % 2  # to and fro at every step
    state = oscillation.build((12,), "kernel", layer, 0.1)

    def observe(codes):
        oscillation.observe(codes, state)

    observe = tf.function(observe) if in_graph else observe
    weights = [ByTheLetter(0.1) for _ in range(12)]
    for row in codes:
        observe(tf.constant(row))
        for weight, code in zip(weights, row, strict=True):
            weight.step(int(code))
    found = {role: tf.convert_to_tensor(state[role]).numpy() for role in oscillation.STARTS}
    np.testing.assert_allclose(found["frequency"], [w.frequency for w in weights], rtol=1e-4)
    np.testing.assert_allclose(found["mean_code"], [w.mean for w in weights], rtol=1e-4)
    held = [-1 if weight.held is None else weight.held for weight in weights]
    assert found["held_code"].tolist() == held
    assert held[0] >= 0
    assert held[1:3] == [-1, -1]
    assert {*held} > {-1}


@pytest.mark.parametrize("spec", SPECS, ids=lambda spec: f"{spec.kind}-{spec.layout}")
def test_frozen_weights_have_their_code_and_no_gradient(spec, layer):
    quantizer = quantizer_for(spec)
    places = np.random.default_rng(1).random(WEIGHTS.shape) < 0.3
    variables, codes = held_by(quantizer, layer, places)
    tensor = quantizer.encode(WEIGHTS, variables)
    np.testing.assert_array_equal(tensor.codes, codes)
    for training in (False, True, tf.constant(True)):
        with tf.GradientTape() as tape:
            tape.watch(WEIGHTS)
            quantized = quantizer(WEIGHTS, training, variables)
        np.testing.assert_array_equal(quantized, tensor.dequantize())
        gradient = tape.gradient(quantized, WEIGHTS).numpy()
        assert not gradient[places].any()
        assert gradient[~places].any()


@pytest.mark.parametrize("spec", SPECS[2:])
def test_what_is_trained_beside_the_weights_hears_from_frozen_ones(spec, layer):
    """Next to automatic differentiation of points, scales, steps and offsets at given codes."""
    quantizer = quantizer_for(spec)
    variables, codes = held_by(quantizer, layer, np.ones(WEIGHTS.shape, bool))
    upstream = tf.random.stateless_normal(WEIGHTS.shape, [3, 4])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(upstream * quantizer(WEIGHTS, True, variables))
    with tf.GradientTape() as other:
        stored = quantizer.stored(WEIGHTS, variables, tf.constant(codes))
        if isinstance(spec, tfqd.Codebook):  # whose points it gathers, as no gradient is to
            stored = stored._replace(points=tf.sort(variables["points"]))
        expected = tf.reduce_sum(upstream * decoded(stored, codes, quantizer))
    watched = {variable.name: variable for variable in tape.watched_variables()}
    trained = [v for name, v in watched.items() if re.search("points|scale|step|offset", name)]
    assert len(trained) == 1 + (spec in SPECS[5:])
    found, sums = tape.gradient(loss, trained), other.gradient(expected, trained)
    for one, by_hand in zip(found, sums, strict=True):
        np.testing.assert_allclose(one, by_hand, rtol=1e-4, atol=1e-5)


def decoded(stored, codes, quantizer):
    """The values of codes, by products with one-hot rows."""
    spec, buckets = quantizer.spec, bucket_of_weights(quantizer.bucketing(WEIGHTS.shape))

    def by_bucket(values):
        return tf.linalg.matvec(tf.one_hot(buckets, len(stored.scale)), values)

    offset = 0.0 if stored.offset is None else by_bucket(stored.offset)
    if stored.points is not None:
        book = buckets // (stored.channels_per_codebook or len(stored.scale))
        place = tf.one_hot(book * spec.levels + codes.astype(int), tf.size(stored.points))
        chosen = tf.linalg.matvec(place, tf.reshape(stored.points, [-1]))
        return chosen * by_bucket(stored.scale) + offset
    intervals = spec.levels / 2 if stored.offset is None else spec.levels - 1
    zero = spec.levels / 2 if stored.offset is None else 0
    return (codes - zero) * by_bucket(stored.scale) / intervals + offset


def bucket_of_weights(bucketing):
    """The number of each weight's bucket."""
    buckets = np.empty(bucketing.size, int)
    for number, indices in enumerate(bucket_indices(bucketing)):
        buckets[indices] = number
    return buckets.reshape(bucketing.shape)


def test_a_weight_at_the_border_is_frozen_and_one_between_borders_is_not(layer):
    quantizer = quantizer_for(tfqd.LearnedStep(bits=2, freeze_above=0.04))
    variables = quantizer.build((2,), "kernel", layer)
    variables["step"].assign([1.0])
    call = tf.function(lambda w: quantizer(w, True, variables))
    for step in range(12):
        call(tf.constant([0.5 + 0.1 * (-1) ** step, 0.0]))
    held = tf.convert_to_tensor(variables["held_code"]).numpy()
    assert held.tolist() in ([2, -1], [3, -1])
    assert call(tf.constant([-1.9, -1.9])).numpy().tolist() == [held[0] - 2, -2]


def test_inference_observes_nothing(layer):
    quantizer = quantizer_for(SPECS[0])
    variables = quantizer.build(WEIGHTS.shape, "kernel", layer, lambda: WEIGHTS)
    for training in (False, None, tf.constant(False)):
        quantizer(WEIGHTS, training, variables)
    assert np.all(tf.convert_to_tensor(variables["last_code"]) == -1)


def test_initialize_frees_all_weights(layer):
    for spec in SPECS:
        quantizer = quantizer_for(spec)
        variables, _ = held_by(quantizer, layer, np.ones(WEIGHTS.shape, bool))
        quantizer.initialize(WEIGHTS, variables)
        assert np.all(tf.convert_to_tensor(variables["held_code"]) == -1)


def test_the_state_is_not_trained(layer):
    quantizer = quantizer_for(SPECS[4])
    variables = quantizer.build(WEIGHTS.shape, "kernel", layer, lambda: WEIGHTS)
    assert [id(variable) for variable in layer.trainable_weights] == [id(variables["step"])]
    assert len(layer.weights) == 7


@pytest.mark.parametrize(
    ("method", "arguments", "message"),
    [
        (tfqd.Uniform, {"freeze_above": 0}, "freeze_above must be None or a number above 0"),
        (tfqd.Codebook, {"freeze_above": 1.5}, "at most 1; got 1.5"),
        (tfqd.LearnedStep, {"freeze_above": True}, "at most 1; got True"),
        (tfqd.Uniform, {"rounding": "stochastic"}, "needs rounding='deterministic'"),
        (tfqd.Codebook, {"train": "points"}, "needs weights that are trained"),
    ],
)
def test_specs_that_cannot_freeze(method, arguments, message):
    with pytest.raises(ValueError, match=message):
        method(**{"freeze_above": 0.02, **arguments})
