"""Weights, types and layers that quantization cannot take, or takes after all."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
import tf_keras

import tfqd

KERASES = pytest.mark.parametrize("version", [keras, tf_keras], ids=["keras", "tf_keras"])
SPECS = pytest.mark.parametrize(
    "spec",
    [
        tfqd.Uniform(bits=4),
        tfqd.Uniform(bits=4, scaling="symmetric"),
        tfqd.Codebook(bits=3),
        tfqd.Codebook(bits=3, init="kmeans"),
        tfqd.LearnedStep(bits=4),
    ],
)


def dense(version, weights):
    rows, columns = weights.shape
    model = version.Sequential([version.Input((rows,)), version.layers.Dense(columns, name="wide")])
    model.layers[-1].kernel.assign(weights)
    return model


@KERASES
@SPECS
def test_weights_near_the_end_of_float32_are_refused_by_name(version, spec):
    weights = np.random.default_rng(0).uniform(-3e38, 3e38, (8, 6)).astype(np.float32)
    with pytest.raises(ValueError, match=r"wide/kernel holds weights as large as [23]"):
        tfqd.quantize_model(dense(version, weights), spec)


@KERASES
@SPECS
def test_large_weights_are_quantized_as_small_ones(version, spec):
    weights = np.random.default_rng(0).uniform(-1, 1, (64, 64)).astype(np.float32)
    errors = []
    for scale in (np.float32(1), np.float32(2.0**46)):
        quantized = tfqd.quantize_model(dense(version, weights * scale), spec)
        (path,) = (p for p in tfqd.compress(quantized).quantized if p.endswith("kernel"))
        decoded = tfqd.compress(quantized).dequantize()[path]
        errors.append(float(np.abs(decoded / scale - weights).mean()))
    assert errors[1] == pytest.approx(errors[0], rel=1e-3)


@KERASES
def test_weights_that_grow_too_large_are_named_when_they_are_compressed(version):
    quantized = tfqd.quantize_model(dense(version, np.eye(4, dtype=np.float32)), tfqd.Uniform())
    variable = next(v for v in quantized.trainable_variables if v.shape == (4, 4))
    variable.assign(tf.fill([4, 4], 1e38))
    with pytest.raises(ValueError, match=r"kernel holds weights as large as 1e\+38"):
        tfqd.compress(quantized)


@KERASES
def test_kernels_without_elements_stay_as_they_are(version, tmp_path):
    inputs = version.Input((4,))
    nothing = version.layers.Lambda(lambda x: x[:, :0])(inputs)
    outputs = version.layers.Add()(
        [
            version.layers.Dense(2, name="full")(inputs),
            version.layers.Dense(2, name="empty")(nothing),
        ]
    )
    quantized = tfqd.quantize_model(version.Model(inputs, outputs), tfqd.presets.paper(4))
    assert quantized(np.ones((1, 4), np.float32)).shape == (1, 2)
    compressed = tfqd.compress(quantized)
    assert not any("empty/kernel" in path for path in compressed.quantized)


def typed(dtype, kind):
    layers = keras.layers
    if kind == "dense":
        return keras.Sequential([keras.Input((4,)), layers.Dense(3, dtype=dtype)])
    return keras.Sequential(
        [
            keras.Input((6, 6, 2)),
            layers.Conv2D(3, 2, dtype=dtype),
            layers.Flatten(dtype=dtype),
            layers.Dense(3, dtype=dtype),
        ]
    )


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float64"])
@pytest.mark.parametrize("kind", ["dense", "convolution"])
@pytest.mark.parametrize("spec", [tfqd.presets.paper(4), tfqd.LearnedStep(bits=4)])
def test_pure_types_train_and_compress_as_they_compute(dtype, kind, spec):
    quantized = tfqd.quantize_model(typed(dtype, kind), spec)
    quantized.compile("sgd", "mse")
    x = np.random.default_rng(0).normal(size=(8, *quantized.input_shape[1:])).astype(np.float32)
    history = quantized.fit(x, np.ones((8, 3)), epochs=2, verbose=0).history
    assert np.isfinite(history["loss"]).all()
    plain = tfqd.strip_quantization(quantized)
    assert plain.weights[0].dtype == dtype
    np.testing.assert_array_equal(
        np.array(tf.cast(plain(x), tf.float64)), np.array(tf.cast(quantized(x), tf.float64))
    )


@pytest.mark.parametrize("dtype", ["float16", "float64"])
def test_in_tf_keras_pure_types_compute_too(dtype):
    model = tf_keras.Sequential(
        [tf_keras.Input((4,), dtype=dtype), tf_keras.layers.Dense(3, dtype=dtype)]
    )
    quantized = tfqd.quantize_model(model, tfqd.presets.paper(4))
    assert quantized(np.ones((2, 4), dtype)).dtype == dtype


def normalized(version):
    return version.Sequential(
        [
            version.Input((4,)),
            version.layers.SpectralNormalization(version.layers.Dense(3), name="normalized"),
            version.layers.Dense(2, name="plain"),
        ]
    )


def by_scheme(model, spec):
    import tensorflow_model_optimization as tfmot

    scheme = tfqd.tfmot.QuantizeScheme(spec)
    with tfqd.tfmot.quantize_scope():
        annotated = tfmot.quantization.keras.quantize_annotate_model(model)
        return tfmot.quantization.keras.quantize_apply(annotated, scheme)


def by_callback(model, spec):
    model.compile("sgd", "mse")
    callback = tfqd.callbacks.QuantizeWeights(spec)
    model.fit(np.ones((4, 4)), np.ones((4, 2)), callbacks=[callback], verbose=0)
    return callback.quantized_model()


WAYS = [
    *itertools.product((keras, tf_keras), (tfqd.quantize_model, by_callback)),
    (tf_keras, by_scheme),
]


@pytest.mark.parametrize(("version", "quantize"), WAYS)
def test_spectral_normalization_is_refused_with_a_remedy(version, quantize):
    with pytest.raises(ValueError, match=r"SpectralNormalization.*plain layer"):
        quantize(normalized(version), tfqd.Uniform(bits=4))


@pytest.mark.parametrize(("version", "quantize"), WAYS)
def test_beside_spectral_normalization_others_are_quantized(version, quantize, tmp_path):
    spec = {"normalized": None, "plain/kernel": tfqd.Uniform(bits=4)}
    quantized = quantize(normalized(version), spec)
    x = np.random.default_rng(0).normal(size=(3, 4)).astype(np.float32)
    tfqd.save(quantized, tmp_path / "m.tfqd")
    (path,) = tfqd.load(tmp_path / "m.tfqd", "compressed").quantized
    assert path.endswith("plain/kernel")
    np.testing.assert_array_equal(tfqd.load(tmp_path / "m.tfqd")(x), quantized(x))


def test_a_pruned_model_is_to_be_stripped_first():
    import tensorflow_model_optimization as tfmot

    model = dense(tf_keras, np.eye(4, dtype=np.float32))
    pruned = tfmot.sparsity.keras.prune_low_magnitude(model)
    with pytest.raises(ValueError, match="strip_pruning"):
        tfqd.quantize_model(pruned, tfqd.Uniform(bits=4))
    stripped = tfmot.sparsity.keras.strip_pruning(pruned)
    assert tfqd.compress(tfqd.quantize_model(stripped, tfqd.Uniform(bits=4))).quantized


def test_beside_a_pruned_layer_others_are_quantized():
    import tensorflow_model_optimization as tfmot

    pruned = tfmot.sparsity.keras.prune_low_magnitude(tf_keras.layers.Dense(3))
    model = tf_keras.Sequential([tf_keras.Input((4,)), pruned, tf_keras.layers.Dense(2, name="p")])
    quantized = tfqd.quantize_model(model, {"p/kernel": tfqd.Uniform(bits=4)})
    assert [*tfqd.compress(quantized).quantized] == ["p/kernel"]


def test_a_clustered_model_is_to_be_stripped_first():
    import tensorflow_model_optimization as tfmot

    clustering = tfmot.clustering.keras
    start = clustering.CentroidInitialization.LINEAR
    model = dense(tf_keras, np.random.default_rng(0).normal(size=(4, 4)).astype(np.float32))
    clustered = clustering.cluster_weights(model, 4, start)
    with pytest.raises(ValueError, match="strip_clustering"):
        tfqd.quantize_model(clustered, tfqd.Uniform(bits=1))


@SPECS
def test_quantizers_are_read_in_tfqds_scope(spec):
    from tfqd.quantizers import quantizer_for

    quantizer = quantizer_for(spec)
    config = tf_keras.utils.legacy.serialize_keras_object(quantizer)
    with tfqd.tfmot.quantize_scope():
        assert tf_keras.utils.legacy.deserialize_keras_object(config) == quantizer
