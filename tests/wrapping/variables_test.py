"""What a variable's name and layer say about it."""

import keras
import numpy as np
import pytest
from keras import layers

from tfqd.wrapping.variables import channel_axes, is_kernel

LAYERS = {
    "Dense": (lambda: layers.Dense(5), (4,)),
    "Dense on sequences": (lambda: layers.Dense(5), (3, 4)),
    "EinsumDense": (lambda: layers.EinsumDense("ab,bcd->acd", output_shape=(2, 3)), (4,)),
    "EinsumDense, transposed": (lambda: layers.EinsumDense("ab,cb->ac", output_shape=(5,)), (4,)),
    "EinsumDense, batched": (
        lambda: layers.EinsumDense("abc,bcd->abd", output_shape=(3, 5)),
        (3, 4),
    ),
    "EinsumDense, ellipsis": (
        lambda: layers.EinsumDense("...x,xy->...y", output_shape=(5,)),
        (3, 4),
    ),
    "Conv1D": (lambda: layers.Conv1D(5, 3), (6, 2)),
    "Conv2D": (lambda: layers.Conv2D(5, 3), (6, 6, 2)),
    "Conv2D, two groups": (lambda: layers.Conv2D(6, 3, groups=2), (6, 6, 4)),
    "DepthwiseConv1D": (lambda: layers.DepthwiseConv1D(3, depth_multiplier=2), (6, 3)),
    "DepthwiseConv2D": (lambda: layers.DepthwiseConv2D(3, depth_multiplier=2), (6, 6, 3)),
    "Conv1DTranspose": (lambda: layers.Conv1DTranspose(5, 3), (6, 2)),
    "Conv2DTranspose": (lambda: layers.Conv2DTranspose(5, 3), (4, 4, 2)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_a_channel_of_the_kernel_reaches_one_channel_of_the_output_alone(name):
    make, shape = LAYERS[name]
    keras.utils.set_random_seed(0)
    layer = make()
    x = np.random.default_rng(0).normal(size=(2, *shape)).astype("float32")
    before = np.array(layer(x))
    (kernel,) = [weight for weight in layer.weights if "kernel" in weight.name]
    axes = [
        axis % len(kernel.shape) for axis in channel_axes(layer, kernel.name, len(kernel.shape))
    ]
    value = kernel.numpy()
    sizes = [value.shape[axis] for axis in axes]
    reached = []
    for index in np.ndindex(*sizes):
        changed = value.copy()
        where = [slice(None)] * value.ndim
        for axis, position in zip(axes, index, strict=True):
            where[axis] = position
        changed[tuple(where)] += 1.0
        kernel.assign(changed)
        difference = np.abs(np.array(layer(x)) - before).reshape(-1, np.prod(sizes))
        reached.append(np.flatnonzero(difference.max(axis=0)).tolist())
    assert sorted(reached) == [[channel] for channel in range(np.prod(sizes))]


def test_rows_are_the_channels_of_embeddings():
    layer = layers.Embedding(10, 4)
    assert channel_axes(layer, "embeddings", 2) == (0,)


def test_reverse_embeddings_have_a_channel_for_each_logit():
    layer = layers.ReversibleEmbedding(10, 4, tie_weights=False)
    layer.build((None, 3))
    (reverse,) = [weight for weight in layer.weights if "reverse" in weight.name]
    (axis,) = channel_axes(layer, reverse.name, 2)
    assert reverse.shape[axis] == 10


def test_vectors_and_scalars_have_no_channels():
    assert channel_axes(layers.Dense(3), "bias", 1) == ()
    assert channel_axes(layers.Dense(3), "temperature", 0) == ()


@pytest.mark.parametrize(
    ("name", "rank"),
    [
        ("kernel", 2),
        ("kernel", 4),
        ("recurrent_kernel", 2),
        ("depthwise_kernel", 4),
        ("embeddings", 2),
        ("alphabet_embeddings", 2),
        ("position_embeddings", 3),
    ],
)
def test_matrices_of_weights_are_kernels(name, rank):
    assert is_kernel(name, rank)


@pytest.mark.parametrize(
    ("name", "rank"),
    [
        ("kernel", 1),
        ("bias", 1),
        ("bias", 3),
        ("recurrent_bias", 2),
        ("gamma", 2),
        ("beta", 2),
        ("alpha", 3),
        ("scale", 2),
        ("per_dim_scale", 2),
    ],
)
def test_biases_gains_and_slopes_are_not(name, rank):
    assert not is_kernel(name, rank)
