"""The floating-point types that a model computes in, and how exact they are."""

from collections.abc import Iterator
from typing import Any

COMPUTE_TYPES = ("float32", "bfloat16", "float16")

# Relative to the largest output. Rounding in float32 differs between an eager
# call and an optimized graph; the short types lose 2^-11 and 2^-8 at each step.
TOLERANCES = {"float32": 1e-5, "float16": 1e-2, "bfloat16": 5e-2}


# Of Keras 3 and of tf_keras.
_POLICIES = ("DTypePolicy", "Policy")


def check_compute_type(dtype) -> None:
    """Raises ValueError unless `dtype` is None or one of `COMPUTE_TYPES`."""
    if dtype is not None and dtype not in COMPUTE_TYPES:
        raise ValueError(
            f"dtype must be None or one of {', '.join(map(repr, COMPUTE_TYPES))}; got {dtype!r}"
        )


def with_compute_type(
    architecture: dict[str, Any], dtype: str, keras_version: str = "keras"
) -> dict[str, Any]:
    """A Keras architecture whose layers all compute in `dtype`.

    Variables stay float32: the policy of the short types is the mixed one.

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
        if value.get("class_name") in _POLICIES:
            return {**value, "config": {**value["config"], "name": name}}
        if keras_version == "tf_keras" and _is_plain_layer(value):
            value = {**value, "config": {**value["config"], "dtype": _policy_of_tf_keras(name)}}
        return {key: rewritten(part) for key, part in value.items()}

    return rewritten(architecture)


def _is_plain_layer(value: dict) -> bool:
    """Whether it is a layer of plain float32, whose policy tf_keras writes as a string."""
    config = value.get("config")
    plain = isinstance(config, dict) and config.get("dtype") == "float32"
    return plain and value.get("class_name") != "InputLayer"


def _policy_of_tf_keras(name: str) -> dict[str, Any]:
    return {
        "module": "keras.mixed_precision",
        "class_name": "Policy",
        "config": {"name": name},
        "registered_name": None,
    }


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
    """The names of all dtype policies in a Keras serialization."""
    if isinstance(value, dict):
        if value.get("class_name") in _POLICIES:
            yield value["config"]["name"]
        for part in value.values():
            yield from _policies(part)
    elif isinstance(value, list | tuple):
        for part in value:
            yield from _policies(part)
