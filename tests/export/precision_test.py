"""Compute types are changed in a copy of an architecture, and bound the tolerance."""

import copy

import keras
from keras import layers
from served_models import CASES

from tfqd.export.precision import tolerance_of, with_compute_type


def architecture(model):
    return keras.saving.serialize_keras_object(model)


def test_every_layer_computes_in_the_type():
    original = architecture(CASES["recurrent"].build())
    before = copy.deepcopy(original)
    changed = keras.saving.deserialize_keras_object(with_compute_type(original, "bfloat16"))
    assert original == before
    computing = [layer for layer in changed.layers if layer.weights]
    assert {layer.compute_dtype for layer in computing} == {"bfloat16"}
    assert {weight.dtype for weight in changed.weights} == {"float32"}


def test_the_inputs_keep_their_types():
    changed = with_compute_type(architecture(CASES["several inputs, mixed"].build()), "float16")
    model = keras.saving.deserialize_keras_object(changed)
    assert {x.dtype for x in model.inputs} == {"float32", "int64"}


def test_the_shortest_type_bounds_the_tolerance():
    model = CASES["dense of 4 bits"].build()
    assert tolerance_of(architecture(model)) == 1e-5
    for dtype, tolerance in (("float32", 1e-5), ("float16", 1e-2), ("bfloat16", 5e-2)):
        assert tolerance_of(with_compute_type(architecture(model), dtype)) == tolerance
    mixed = keras.Sequential([keras.Input((3,)), layers.Dense(2), layers.Dense(2, dtype="float16")])
    assert tolerance_of(architecture(mixed)) == 1e-2
