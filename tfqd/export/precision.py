"""The floating-point types that models compute in and answer with, and how exact they are."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import tensorflow as tf

COMPUTE_TYPES = ("float32", "bfloat16", "float16")

# Relative to the largest output. Rounding in float32 differs between an eager
# call and an optimized graph; the short types lose 2^-11 and 2^-8 at each step.
TOLERANCES = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 5e-2}

# Names of policies, and types. Those of layers that look up indices are int64, and stay so.
_FLOATS = ("float64", "float32", "float16", "bfloat16", "mixed_float16", "mixed_bfloat16")


def as_float32(array: np.ndarray) -> np.ndarray:
    """An array of floats in float32; any other as it is."""
    return array.astype(np.float32) if tf.as_dtype(array.dtype).is_floating else array


def lengthened(tensor: tf.Tensor) -> tf.Tensor:
    """A tensor of short floats, float16 or bfloat16, in float32; any other as it is."""
    return tf.cast(tensor, tf.float32) if tensor.dtype in (tf.float16, tf.bfloat16) else tensor


def with_compute_type(
    architecture: dict[str, Any], dtype: str, keras_version: str = "keras"
) -> dict[str, Any]:
    """A Keras architecture whose layers all compute in `dtype`.

    Variables are float32: the policy of the short types is the mixed one. In
    float32 inputs are so too.

    Args:
        architecture: a Keras serialization, as JSON values; not changed.
        dtype: one of `COMPUTE_TYPES`.
        keras_version: ``"keras"`` or ``"tf_keras"``, whose serialization it is.
    """
    name = dtype if dtype == "float32" else f"mixed_{dtype}"

    def rewritten(value):
        if isinstance(value, list | tuple):
            return [rewritten(part) for part in value]
        if not isinstance(value, dict):
            return value
        if _policy(value) in _FLOATS:
            return {**value, "config": {**value["config"], "name": name}}
        # tf_keras writes some policies by their names alone.
        if keras_version == "tf_keras" and _plain_type(value):
            value = {**value, "config": {**value["config"], "dtype": name}}
        if _is_input(value) and dtype == "float32" and value["config"].get("dtype") in _FLOATS:
            value = {**value, "config": {**value["config"], "dtype": dtype}}
        return {key: rewritten(part) for key, part in value.items()}

    return rewritten(architecture)


def _policy(value: dict) -> str | None:
    """The name of a serialized policy; None of what is none."""
    kind, config = value.get("class_name"), value.get("config")
    if isinstance(kind, str) and kind.endswith("Policy") and isinstance(config, dict):
        return config.get("name")
    return None


def _plain_type(value: dict) -> str | None:
    """The floating-point type of a layer whose policy is written as a string, if it is one."""
    config = value.get("config")
    dtype = config.get("dtype") if isinstance(config, dict) else None
    return dtype if dtype in _FLOATS and not _is_input(value) else None


def _is_input(value: dict) -> bool:
    return value.get("class_name") == "InputLayer" and isinstance(value.get("config"), dict)


def computes_in_float32(architecture: dict[str, Any]) -> bool:
    """Whether all layers and inputs of a Keras architecture are of that type, as far as floats."""
    return set(_policies(architecture)) & set(_FLOATS) <= {"float32"}


def tolerance_of(architecture: dict[str, Any] | None) -> float:
    """The relative difference that rounding can explain in a model's outputs.

    Args:
        architecture: None counts as one of float32 throughout.
    """
    policies = set() if architecture is None else set(_policies(architecture))
    return max(
        tolerance
        for dtype, tolerance in TOLERANCES.items()
        if dtype == "float32" or policies & {dtype, f"mixed_{dtype}"}
    )


def _policies(value) -> Iterator[str]:
    """The names of all dtype policies, and the types of inputs, in a Keras serialization."""
    if isinstance(value, dict):
        policy = _policy(value)
        if policy is not None:
            yield policy
        config = value.get("config")
        if isinstance(config, dict) and config.get("dtype") in _FLOATS:
            yield config["dtype"]
        for part in value.values():
            yield from _policies(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _policies(part)
