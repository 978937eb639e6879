"""What every quantizer keeps to, in a layer of Keras 3 and of tf_keras."""

import importlib
import json

import keras
import numpy as np
import pytest
import tensorflow as tf

from tfqd import ops
from tfqd.quantizers import (
    CodebookQuantizer,
    LearnedStepQuantizer,
    UniformQuantizer,
    quantizer_for,
)
from tfqd.spec import Codebook, EntropyCodebook, EntropyConstrained, LearnedStep, Uniform

SPECS = [
    Uniform(bits=2, bucket_size=16),
    Uniform(bits=3, bucket_size=None, layout="channel", scaling="symmetric", clip=1.0),
    Uniform(bits=4, bucket_size=16, rounding="stochastic"),
    Codebook(bits=2, bucket_size=16, learning_rate_multiplier=3.0),
    Codebook(bits=1, layout="channel", scaling="symmetric", init="uniform", clip=1.0),
    Codebook(bits=3, points=5, layout="channel", channels_per_codebook=2, init="kmeans"),
    Codebook(bits=3, scaling="symmetric", grid="int4", init="normal"),
    Codebook(bits=2, scaling="symmetric", scale="fixed", bucket_size=None, init="kmeans"),
    Codebook(bits=3, scaling="symmetric", scale="learned", layout="channel", points=6),
    Codebook(bits=3, scaling="symmetric", scale="learned", grid="int4", bucket_size=16),
    Codebook(bits=3, layout="tile", bucket_size=(2, 5), init="kmeans"),
    Codebook(
        bits=2, layout="tile", bucket_size=(3, 9), scaling="symmetric", scale=None, grid="e4m3"
    ),
    Uniform(bits=3, layout="tile", bucket_size=(2, 9)),
    LearnedStep(bits=3, layout="channel"),
    LearnedStep(bits=3, layout="tile", bucket_size=(2, 5)),
    LearnedStep(bits=4, bucket_size=16, scaling="affine", learning_rate_multiplier=3.0),
    EntropyConstrained(average_bits=1.5),
    EntropyConstrained(bits=5, average_bits=3, layout="channel", scaling="affine"),
    EntropyCodebook(average_bits=1.5),
    EntropyCodebook(bits=6, average_bits=1.5, grid="int8", learning_rate_multiplier=3.0),
    EntropyCodebook(bits=5, average_bits=3, layout="channel", learning_rate_multiplier=3.0),
]
WEIGHTS = tf.random.stateless_normal([3, 5, 8], [1, 2])


@pytest.fixture(params=["keras", "tf_keras"])
def layer(request):
    """A layer of Keras 3, then one of tf_keras, for its `add_weight`."""
    return importlib.import_module(request.param).layers.Layer()


@pytest.fixture(params=SPECS, ids=lambda spec: f"{spec.kind}-{spec.bits}")
def quantizer(request):
    return quantizer_for(request.param, (1,))


def built(quantizer, layer=None):
    """The quantizer's variables, started from WEIGHTS."""
    layer = layer or keras.layers.Layer()
    return quantizer.build(WEIGHTS.shape, "kernel", layer, lambda: WEIGHTS)


def test_quantizer_for_a_spec():
    assert isinstance(quantizer_for(Uniform()), UniformQuantizer)
    assert isinstance(quantizer_for(Codebook()), CodebookQuantizer)
    assert isinstance(quantizer_for(LearnedStep()), LearnedStepQuantizer)
    assert quantizer_for(Codebook(), [0]).channel_axes == (0,)


def test_config_survives_json(quantizer):
    config = json.loads(json.dumps(quantizer.get_config()))
    again = type(quantizer).from_config(config)
    assert again == quantizer
    assert hash(again) == hash(quantizer)


def test_equal_means_same_kind_spec_and_axes():
    one = UniformQuantizer(Uniform(bits=4), (0,))
    assert one == UniformQuantizer(Uniform(bits=4), [0])
    assert one != UniformQuantizer(Uniform(bits=2), (0,))
    assert one != UniformQuantizer(Uniform(bits=4), (1,))
    assert one != CodebookQuantizer(Codebook(bits=4), (0,))
    assert one != "UniformQuantizer"


def test_repr_names_the_spec():
    assert "UniformQuantizer(Uniform(bits=4)" in repr(UniformQuantizer(Uniform(bits=4)))


def test_variables_are_the_layers_own_and_named_after_the_weight(quantizer, layer):
    variables = built(quantizer, layer)
    assert {id(variable) for variable in variables.values()} == {id(v) for v in layer.weights}
    for role, variable in variables.items():
        assert f"kernel_{role}" in variable.name


def test_inference_is_the_op_with_the_buckets_of_the_axes_given(quantizer, layer):
    spec, variables = quantizer.spec, built(quantizer, layer)
    bucketing = spec.bucketing(WEIGHTS.shape, (1,))
    found = quantizer(WEIGHTS, False, variables)
    assert found.shape == WEIGHTS.shape
    if isinstance(spec, Uniform):
        expected = ops.uniform(WEIGHTS, bucketing, spec.levels, spec.scaling, spec.clip)
    elif isinstance(spec, LearnedStep):
        pace = spec.learning_rate_multiplier * float(np.array(variables.get("step_unit", 1.0)))
        learned = [
            pace * tf.convert_to_tensor(variables[role])
            for role in ("step", "offset")
            if role in variables
        ]
        border = None
        if isinstance(spec, EntropyConstrained):
            border = ops.borders(variables["code_frequency"], WEIGHTS.shape.num_elements(), 0.15)
        steps = [*learned, None][:2]
        # Points start at the grid.
        expected = ops.learned_step(WEIGHTS, *steps, bucketing, spec.levels, border=border)
    else:
        points = spec.learning_rate_multiplier * tf.convert_to_tensor(variables["points"])
        if spec.grid:
            points = ops.to_e4m3(points) if spec.grid == "e4m3" else ops.to_integers(points, 7)
        options = {"channels_per_codebook": spec.channels_per_codebook, "steps": spec.steps}
        if spec.scale is None:
            options["scale"] = tf.ones([bucketing.count])
        elif spec.scale != "range":
            options["scale"] = tf.convert_to_tensor(variables["scale"]) * (1 / spec.steps)
        expected = ops.codebook(WEIGHTS, points, bucketing, spec.scaling, spec.clip, **options)
    np.testing.assert_array_equal(found, expected)


def test_encoding_decodes_to_what_inference_computes_bit_for_bit(quantizer, layer):
    variables = built(quantizer, layer)
    tensor = quantizer.encode(WEIGHTS, variables)
    np.testing.assert_array_equal(tensor.dequantize(), quantizer(WEIGHTS, False, variables))
    np.testing.assert_array_equal(tensor.codes, quantizer.codes(WEIGHTS, variables))
    assert (tensor.points is not None) == isinstance(quantizer.spec, Codebook | EntropyCodebook)
    assert (tensor.offset is None) == (quantizer.spec.scaling == "symmetric")
    assert tensor.spec == quantizer.spec.to_dict()


def test_a_tensor_of_rank_0_is_encoded_as_arrays():
    for spec in (Uniform(), Codebook(), LearnedStep(scaling="affine")):
        quantizer = quantizer_for(spec)
        variables = quantizer.build((), "gate", keras.layers.Layer())
        quantizer.initialize(tf.constant(0.7), variables)
        tensor = quantizer.encode(tf.constant(0.7), variables)
        assert isinstance(tensor.codes, np.ndarray)
        assert tensor.codes.shape == ()
        assert tensor.dequantize() == pytest.approx(0.7, rel=1e-6)


def test_gradient_reaches_the_weights(quantizer, layer):
    variables = built(quantizer, layer)
    with tf.GradientTape() as tape:
        tape.watch(WEIGHTS)
        quantized = quantizer(WEIGHTS, True, variables)
    clip = quantizer.spec.clip or np.inf
    np.testing.assert_array_equal(tape.gradient(quantized, WEIGHTS), np.abs(WEIGHTS) <= clip)
    np.testing.assert_array_equal(quantizer.is_inside(WEIGHTS, variables), np.abs(WEIGHTS) <= clip)


def test_restored_variables_encode_what_was_stored(quantizer, layer):
    variables = built(quantizer, layer)
    for role in variables.keys() - {"seed", "step_unit"}:
        noise = tf.random.stateless_uniform(variables[role].shape, [3, 4], 0.8, 1.2)
        variables[role].assign(tf.convert_to_tensor(variables[role]) * noise)
    stored = quantizer.encode(WEIGHTS, variables)
    other = quantizer.build(WEIGHTS.shape, "other", keras.layers.Layer())
    quantizer.restore(stored, other)
    # Where a code's length counts, what was is not told by the codes: levels alone stay.
    again = stored.dequantize() if "code_frequency" in variables else WEIGHTS
    found = quantizer.encode(again, other)
    for name in ("codes", "scale", "offset", "points"):
        np.testing.assert_array_equal(getattr(found, name), getattr(stored, name))


def test_build_refuses_shapes_that_cannot_be_cut(quantizer, layer):
    with pytest.raises(ValueError, match="must be known and at least 1"):
        quantizer.build((None, 3, 4), "kernel", layer)
