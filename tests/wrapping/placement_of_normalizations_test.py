"""Normalizations are a part of the product before them where the file has them so."""

import keras
import pytest
import tf_keras

import tfqd


def normalized(kind, axis, **fields):
    """A quantized model of a convolution and a normalization along an axis."""
    layers, image = kind.layers, kind.Input((8, 8, 4), name="image")
    x = layers.Conv2D(4, 3, padding="same", name="conv")(image)
    x = layers.BatchNormalization(axis=axis, name="norm")(x)
    model = kind.Model(image, layers.ReLU(name="relu")(x))
    spec = tfqd.Activations(**fields)
    return tfqd.quantize_model(model, tfqd.presets.deployable(8), activations=spec)


@pytest.mark.parametrize("kind", [keras, tf_keras], ids=["keras", "tf_keras"])
def test_along_the_channels_alone_they_are_a_part_of_a_convolution(kind):
    for axis in (-1, 3):
        ranges = normalized(kind, axis).quantized_activations
        assert [each.covered for each in ranges][1:] == [("conv", "norm", "relu")]
    message = r"'norm' \(BatchNormalization of axis 1\) cannot compute with integers"
    with pytest.raises(ValueError, match=message):
        normalized(kind, 1)
    apart = normalized(kind, 1, without_kernel="float").quantized_activations
    assert len(apart) == 4
