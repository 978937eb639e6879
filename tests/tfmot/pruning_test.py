"""tfmot's pruning and clustering before tfqd's quantization."""

import numpy as np
import pytest
import tf_keras

import tfqd
from tfqd.wrapping.tf_keras.toolkit import tfmot

layers = tf_keras.layers

X = np.random.default_rng(0).normal(size=(32, 12)).astype("float32")
Y = X[:, :3] * X[:, 3:6]
ZEROS = {"scaling": "symmetric", "preserve_zeros": True}


def dense():
    tf_keras.utils.set_random_seed(0)
    return tf_keras.Sequential(
        [tf_keras.Input((12,)), layers.Dense(16, activation="relu"), layers.Dense(3)]
    )


@pytest.fixture(scope="module")
def pruned():
    sparsity = tfmot.sparsity.keras
    schedule = sparsity.ConstantSparsity(0.5, begin_step=0, frequency=1)
    model = sparsity.prune_low_magnitude(dense(), schedule)
    model.compile("adam", "mse")
    model.fit(X, Y, epochs=2, verbose=0, callbacks=[sparsity.UpdatePruningStep()])
    return sparsity.strip_pruning(model)


@pytest.mark.parametrize(
    "spec",
    [
        tfqd.Codebook(bits=3, **ZEROS),
        tfqd.Uniform(bits=3, **ZEROS),
        tfqd.LearnedStep(bits=3, preserve_zeros=True),
    ],
)
def test_a_pruned_model_keeps_its_zeros(pruned, spec):
    zeros = [layer.kernel.numpy() == 0 for layer in pruned.layers]
    assert all(abs(zero.mean() - 0.5) < 0.05 for zero in zeros)
    quantized = tfqd.quantize_model(pruned, spec)
    quantized.compile(tf_keras.optimizers.Adam(0.02), "mse")
    quantized.fit(X, Y, epochs=3, verbose=0)
    plain = tfqd.strip_quantization(quantized)
    for layer, zero in zip(plain.layers, zeros, strict=True):
        assert not layer.kernel.numpy()[zero].any()


def test_a_clustered_model_keeps_its_clusters_when_they_are_as_many_as_the_points():
    clustering = tfmot.clustering.keras
    start = clustering.CentroidInitialization.LINEAR
    model = clustering.cluster_weights(dense(), 4, start)
    model.compile("adam", "mse")
    model.fit(X, Y, verbose=0)
    clustered = clustering.strip_clustering(model)
    spec = tfqd.Codebook(bits=2, bucket_size=None, init="kmeans")
    plain = tfqd.strip_quantization(tfqd.quantize_model(clustered, spec))
    for ours, theirs in zip(plain.layers, clustered.layers, strict=True):
        assert len(np.unique(theirs.kernel)) <= 4
        np.testing.assert_allclose(ours.kernel, theirs.kernel, atol=1e-6)
