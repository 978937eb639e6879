"""What is tried of a spec: all bits, and small steps, by which a budget is used up."""

import pytest
import tensorflow as tf

import tfqd
from tfqd.allocation.choices import Weights, finer, variants

WEIGHTS = Weights(tf.ones((64, 64)), (1,), tf.ones((64, 64)))


@pytest.mark.parametrize("kind", [tfqd.EntropyConstrained, tfqd.EntropyCodebook, tfqd.LearnedStep])
@pytest.mark.parametrize("bits", [2, 5, 8])
def test_each_number_of_bits_is_tried_once(kind, bits):
    specs = variants(kind(bits=bits), WEIGHTS, range(1, 9), None)
    assert [spec.nominal_bits for spec in specs] == [*range(1, 9)]


def test_buckets_that_are_equal_are_tried_once():
    specs = variants(tfqd.Uniform(bits=4, bucket_size=4096), WEIGHTS, [2, 3], None)
    assert [(spec.bits, spec.bucket_size) for spec in specs] == [
        (bits, size) for bits in (2, 3) for size in (16384, 2048, 1024)
    ]


def test_codebooks_are_tried_with_numbers_of_points_about_their_own():
    specs = finer(tfqd.Codebook(bits=3, bucket_size=None), WEIGHTS)
    assert [spec.levels for spec in specs] == [4, 5, 6, 7, 8, 9, 10, 11, 13, 14, 16]


@pytest.mark.parametrize(
    ("average", "least", "most", "widest"), [(2.0, 1.0, 3.0, 5), (0.5, 1 / 6, 1.5, 4), (8, 7, 8, 8)]
)
def test_code_lengths_are_tried_in_sixths_of_a_bit(average, least, most, widest):
    template = tfqd.EntropyConstrained(average_bits=average, bits=8 if average == 8 else 4)
    bits = [spec.average_bits for spec in finer(template, WEIGHTS)]
    assert min(bits) == pytest.approx(least)
    assert max(bits) == pytest.approx(most)
    assert sorted(bits) == bits
    assert max(spec.bits for spec in finer(template, WEIGHTS)) == widest


@pytest.mark.parametrize(
    ("template", "levels"),
    [
        (tfqd.LearnedStep(bits=4, preserve_zeros=True), [4, 8, 16, 32, 64, 128, 256]),
        (
            tfqd.Codebook(bits=4, scaling="symmetric", preserve_zeros=True),
            [2**b for b in range(1, 9)],
        ),
        (tfqd.Codebook(bits=3, scaling="symmetric", grid="int4"), [2, 4, 8, 15]),
        (tfqd.Codebook(bits=3, scaling="symmetric", grid="int8"), [2, 4, 8, 16, 32, 64, 128, 255]),
        (tfqd.EntropyCodebook(grid="int8"), [16, 16, 32, 64, 128, 128, 128]),
    ],
    ids=repr,
)
def test_bits_that_a_spec_cannot_have_are_left_out(template, levels):
    specs = variants(template, WEIGHTS, range(1, 9), [template.bucket_size])
    assert [spec.levels for spec in specs] == levels
    assert all(spec.levels <= levels[-1] for spec in finer(specs[-1], WEIGHTS))


def test_a_spec_that_can_have_none_of_the_bits_is_named():
    with pytest.raises(ValueError, match=r"LearnedStep.* can have none of the bits 1"):
        variants(tfqd.LearnedStep(bits=4, preserve_zeros=True), WEIGHTS, [1], None)


def test_what_has_whole_bits_alone_stays():
    spec = tfqd.LearnedStep(bits=3)
    assert finer(spec, WEIGHTS) == [spec]
