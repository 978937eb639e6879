"""`scale_grid="bfloat16"`: the steps of buckets are numbers that bfloat16 holds."""

import numpy as np
import pytest
import tensorflow as tf

import tfqd
from tfqd.compressed.restoring import restore_weights
from tfqd.quantizers import quantizer_for

SPEC = tfqd.presets.deployable(4, bucket_size=32)
WEIGHTS = tf.constant(np.random.default_rng(0).normal(size=(96, 10)).astype(np.float32))


def stored(weights, spec=SPEC):
    return quantizer_for(spec).encode(weights, {})


def test_steps_are_the_nearest_that_bfloat16_holds():
    plain = tfqd.Uniform(bits=4, bucket_size=32, layout="channel", scaling="symmetric")
    step, exact = stored(WEIGHTS).scale / np.float32(7), stored(WEIGHTS, plain).scale / 7
    assert (step.view(np.uint32) & 0xFFFF == 0).all()
    np.testing.assert_allclose(step, exact, rtol=2**-8)
    np.testing.assert_array_equal(step, tf.cast(tf.cast(exact, tf.bfloat16), tf.float32))


@pytest.mark.parametrize("jit_compile", [False, True])
def test_training_computes_with_what_is_stored(jit_compile):
    quantizer = quantizer_for(SPEC)
    call = tf.function(lambda w: quantizer(w, True, {}), jit_compile=jit_compile)
    np.testing.assert_array_equal(call(WEIGHTS), stored(WEIGHTS).dequantize())


def test_a_bucket_of_zeros_stays_zero():
    weights = tf.constant(np.zeros((64, 2), np.float32))
    np.testing.assert_array_equal(quantizer_for(SPEC)(weights, False, {}), weights)


def test_restored_weights_are_quantized_to_the_same():
    tensor = stored(WEIGHTS)
    again = stored(tf.constant(restore_weights(tensor)))
    np.testing.assert_array_equal(again.codes, tensor.codes)
    np.testing.assert_array_equal(again.scale, tensor.scale)


def test_other_scalings_are_refused():
    with pytest.raises(ValueError, match="scale_grid='bfloat16' needs scaling='symmetric'; got"):
        tfqd.Uniform(scale_grid="bfloat16")
    with pytest.raises(ValueError, match="scale_grid must be one of None, 'bfloat16'; got 'int'"):
        tfqd.Uniform(scale_grid="int", scaling="symmetric")
