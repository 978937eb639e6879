"""One small member of every architecture family of `keras.applications`."""

import collections
import inspect

import keras
import numpy as np
import pytest

import tfqd

SMALLEST_INPUT = {
    "ConvNeXtTiny": 32,
    "DenseNet121": 32,
    "EfficientNetB0": 32,
    "EfficientNetV2B0": 32,
    "InceptionResNetV2": 75,
    "InceptionV3": 75,
    "MobileNet": 32,
    "MobileNetV2": 32,
    "MobileNetV3Small": 32,
    "NASNetMobile": 32,
    "ResNet50": 32,
    "ResNet50V2": 32,
    "VGG16": 32,
    "VGG19": 32,
    "Xception": 71,
}
NASNET = {
    "penultimate_filters": 1056,
    "num_blocks": 1,
    "stem_block_filters": 32,
    "skip_reduction": False,
}
# Of the deepest, which repeat a block many times: what makes a member, each block once or twice.
SHALLOW = {
    "ConvNeXtTiny": ("ConvNeXt", {"depths": [1] * 4, "projection_dims": [96, 192, 384, 768]}),
    "DenseNet121": ("DenseNet", {"blocks": [2] * 4}),
    "NASNetMobile": ("NASNet", NASNET),
}


def test_no_architecture_family_is_missing():
    families = collections.defaultdict(set)
    for name, make in inspect.getmembers(keras.applications, inspect.isfunction):
        families[make.__module__].add(name)
    assert families
    for module, members in families.items():
        assert members & set(SMALLEST_INPUT), module


def member(name, shape):
    make, options = getattr(keras.applications, name), {}
    if name in SHALLOW:
        builder, options = SHALLOW[name]
        make = getattr(inspect.getmodule(make), builder)
    return make(weights=None, include_top=False, pooling="avg", input_shape=shape, **options)


@pytest.mark.parametrize("name", SMALLEST_INPUT)
def test_every_kernel_of_the_architecture_is_quantized(name):
    keras.utils.set_random_seed(0)
    shape = (SMALLEST_INPUT[name], SMALLEST_INPUT[name], 3)
    model = member(name, shape)
    kernels = [weight for weight in model.weights if weight.name.endswith("kernel")]

    quantized = tfqd.quantize_model(model, tfqd.Uniform(bits=4))
    outputs = np.array(quantized(np.ones((1, *shape), "float32"), training=False))
    compressed = tfqd.compress(quantized)

    assert outputs.shape == (1, *model.output_shape[1:])
    assert np.isfinite(outputs).all()
    assert list(compressed.quantized) == [kernel.path for kernel in kernels]
    for kernel in kernels:
        tensor = compressed.quantized[kernel.path]
        assert tensor.shape == tuple(kernel.shape)
        error = np.abs(tensor.dequantize() - kernel.numpy()).max()
        assert error <= tensor.scale.max() / 15 / 2 * 1.001
