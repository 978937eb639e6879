"""Small compressed models made of random numbers, and their comparison."""

import ml_dtypes
import numpy as np

from tfqd.compressed import (
    CompressedModel,
    Probes,
    QuantizedTensor,
    read_archive,
    write_archive,
)
from tfqd.spec import Codebook, LearnedStep, Uniform
from tfqd.spec.bucketing import Bucketing

KINDS = {"uniform": Uniform, "codebook": Codebook, "learned_step": LearnedStep}


def random_codes(random, count, levels, spread=0.15):
    """Bell-shaped codes, as weights have them: uint8 [count]."""
    middle = (levels - 1) / 2
    codes = np.rint(random.normal(middle, spread * levels, count))
    return np.clip(codes, 0, levels - 1).astype(np.uint8)


def quantized_tensor(
    shape=(24, 16),
    bits=4,
    scaling="affine",
    kind="uniform",
    layout="flat",
    bucket_size=64,
    seed=0,
    **options,
):
    random = np.random.default_rng(seed)
    spec = KINDS[kind](
        bits=bits, scaling=scaling, layout=layout, bucket_size=bucket_size, **options
    )
    bucketing = Bucketing(shape, bucket_size, layout)
    short = options.get("grid") == "e4m3"
    points = None
    if kind == "codebook":
        points = np.sort(random.uniform(-1, 1, spec.points_shape(bucketing))).astype(np.float32)
        if short:
            points = points.astype(ml_dtypes.float8_e4m3fn).astype(np.float32)
    return QuantizedTensor(
        codes=random_codes(random, bucketing.size, spec.levels).reshape(shape),
        bits=bits,
        levels=spec.levels,
        bucketing=bucketing,
        scale=np.ones(bucketing.count, np.float32)
        if short
        else random.uniform(0.1, 2, bucketing.count).astype(np.float32),
        offset=random.normal(0, 1, bucketing.count).astype(np.float32)
        if scaling == "affine"
        else None,
        points=points,
        channels_per_codebook=options.get("channels_per_codebook"),
        spec=spec.to_dict(),
    )


def constant_tensor(shape=(40, 40), code=3):
    """A tensor of 4 bits whose weights all have one code."""
    bucketing = Bucketing(shape, None)
    scale = np.ones(bucketing.count, np.float32)
    return QuantizedTensor(np.full(shape, code, np.uint8), 4, 16, bucketing, scale, -scale)


def small_model(seed=0):
    """A compressed model with a tensor of each kind, an architecture, facts and probes."""
    random = np.random.default_rng(seed)
    tensors = {
        "conv/kernel": quantized_tensor((3, 3, 4, 8), 4, seed=seed),
        "conv/bias": random.normal(size=8).astype(np.float32),
        "dense/kernel": quantized_tensor((24, 16), 2, "symmetric", layout="channel", seed=seed),
        "codes/embeddings": quantized_tensor((50, 6), 8, kind="codebook", seed=seed),
        "groups/kernel": quantized_tensor(
            (9, 7), 3, kind="codebook", layout="channel", channels_per_codebook=3, points=5
        ),
        "tiles/kernel": quantized_tensor(
            (20, 12), 3, "symmetric", "codebook", "tile", (8, 9), scale=None, grid="e4m3"
        ),
        "flat/kernel": constant_tensor(),
        "steps": np.array(seed + 7, np.int64),
    }
    inputs = {"image": random.normal(size=(2, 5)).astype(np.float32)}
    outputs = {"logits": random.normal(size=(2, 3)).astype(np.float32)}
    architecture = {"class_name": "Sequential", "config": {"layers": ["conv", "dense"] * 8}}
    facts = {"accuracy": 0.9, "epochs": 12}
    return CompressedModel(tensors, architecture, "keras", facts, Probes(inputs, outputs))


def assert_equal_models(actual, expected):
    """Every bit of both models is the same."""
    assert list(actual.tensors) == list(expected.tensors)
    for name, tensor in expected.tensors.items():
        assert_equal_tensors(actual.tensors[name], tensor)
    assert actual.architecture == expected.architecture
    assert actual.keras_version == expected.keras_version
    assert actual.facts == expected.facts
    assert (actual.probes is None) == (expected.probes is None)
    if expected.probes is not None:
        for got, wanted in (
            (actual.probes.inputs, expected.probes.inputs),
            (actual.probes.outputs, expected.probes.outputs),
        ):
            assert list(got) == list(wanted)
            for name in wanted:
                assert_equal_tensors(got[name], wanted[name])


def assert_equal_tensors(actual, expected):
    if not isinstance(expected, QuantizedTensor):
        assert (actual.dtype, actual.shape) == (expected.dtype, expected.shape)
        assert actual.tobytes() == expected.tobytes()
        return
    for name in ("bits", "levels", "bucketing", "channels_per_codebook", "spec"):
        assert getattr(actual, name) == getattr(expected, name)
    for name in ("codes", "scale", "offset", "points"):
        if getattr(expected, name) is None:
            assert getattr(actual, name) is None
        else:
            assert_equal_tensors(getattr(actual, name), getattr(expected, name))


def only(tensor):
    """A model of one tensor."""
    return CompressedModel({"dense/kernel": tensor})


def saved(compressed, path, **options):
    """The model as an archive gives it back."""
    write_archive(compressed, path, **options)
    return read_archive(path)
