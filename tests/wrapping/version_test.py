"""Both Keras versions keep the same protocols, and models find theirs."""

import inspect

import keras
import pytest
import tf_keras

import tfqd
from tfqd.wrapping.protocols import Building, Serving, Training
from tfqd.wrapping.version import version_named, version_of

PARTS = {"building": Building, "training": Training, "serving": Serving}


def declared(protocol):
    return {
        name: arguments(function, skip=1)
        for name, function in vars(protocol).items()
        if inspect.isfunction(function) and not name.startswith("_")
    }


def arguments(function, skip=0):
    parameters = list(inspect.signature(function).parameters.values())[skip:]
    return [(parameter.name, parameter.kind, parameter.default) for parameter in parameters]


@pytest.mark.parametrize("name", ["keras", "tf_keras"])
@pytest.mark.parametrize("part", PARTS)
def test_version_has_the_functions_of_the_protocol_and_no_others(name, part):
    module = getattr(version_named(name), part)
    public = {
        key: arguments(value)
        for key, value in vars(module).items()
        if inspect.isfunction(value)
        and not key.startswith("_")
        and (value.__module__ == module.__name__ or key in vars(PARTS[part]))
    }
    assert public == declared(PARTS[part])


@pytest.mark.parametrize("keras_version", [keras, tf_keras])
def test_models_find_their_version(keras_version):
    model = keras_version.Sequential([keras_version.layers.Input((2,))])
    assert version_of(model).Model is keras_version.Model
    assert version_of(model) is version_named(keras_version.__name__.split(".")[0])


@pytest.mark.parametrize("other", [None, "model", tf_keras.layers.Dense(1), keras.layers.Dense(1)])
def test_what_is_no_model_is_refused(other):
    with pytest.raises(TypeError, match="model must be a Keras model"):
        version_of(other)


@pytest.mark.parametrize("keras_version", [keras, tf_keras])
def test_every_distiller_is_a_distiller(keras_version):
    layers = keras_version.layers
    teacher, student = (
        keras_version.Sequential([layers.Input((2,)), layers.Dense(3)]) for _ in range(2)
    )
    distiller = tfqd.Distiller(teacher, student)
    assert isinstance(distiller, tfqd.Distiller)
    assert isinstance(distiller, keras_version.Model)
    assert not isinstance(student, tfqd.Distiller)
