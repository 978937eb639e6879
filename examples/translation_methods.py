"""How the translator's students are quantized, by the names of their runs."""

import tfqd

# Of points in units of a bucket's range, which at the pace of weights run away from their codes.
POINTS_PACE = 0.03
# A range of its own for each channel, trained as a learned step is.
_OWN_RANGE = {
    "bucket_size": None,
    "layout": "channel",
    "scale": "learned",
    "scaling": "symmetric",
    "gradient_scale": "lsq",
}


def _buckets(bits: int) -> tfqd.Spec:
    return tfqd.Uniform(bits=bits, bucket_size=256)


def _points(bits: int) -> tfqd.Spec:
    return tfqd.Codebook(
        bits=bits, bucket_size=256, train="points", learning_rate_multiplier=POINTS_PACE
    )


def _learned(bits: int) -> tfqd.Spec:
    return tfqd.LearnedStep(bits=bits, layout="channel")


def _even(bits: int) -> tfqd.Spec:
    return tfqd.Codebook(bits=bits, train="weights", init="uniform", **_OWN_RANGE)


def _codebook(bits: int) -> tfqd.Spec:
    return tfqd.Codebook(bits=bits, init="kmeans", **_OWN_RANGE)


def _entropy(bits: int) -> tfqd.Spec:
    if bits == 2:
        return tfqd.EntropyConstrained(average_bits=2.0)
    return tfqd.EntropyConstrained(average_bits=3.5, bits=6)


METHODS = {
    "post_training": _buckets,
    "quantized": _buckets,
    "points": _points,
    "learned": _learned,
    "even": _even,
    "codebook": _codebook,
    "entropy": _entropy,
}
BITS = (4, 2)
QUANTIZED = tuple(f"{method}_{bits}bit" for method in METHODS for bits in BITS)


def method_and_bits(run: str) -> tuple[str, int]:
    """The two parts of a run's name."""
    method, bits = run.removesuffix("bit").rsplit("_", 1)
    return method, int(bits)


def spec_of(run: str) -> tfqd.Spec:
    """What the run quantizes kernels to."""
    method, bits = method_and_bits(run)
    return METHODS[method](bits)
