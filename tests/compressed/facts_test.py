"""Facts come back as they were given, or are refused by what they must be."""

import dataclasses

import numpy as np
import pytest
from compressed_examples import saved, small_model

from tfqd.compressed.facts import checked_facts


def nested(depth):
    value = 1
    for _ in range(depth):
        value = [value]
    return value


def cycle():
    value = []
    value.append(value)
    return value


@pytest.mark.parametrize(
    ("facts", "error", "got"),
    [
        ([1, 2], TypeError, "; got list"),
        (nested(20_000), TypeError, "; got list"),
        ({1: 2}, TypeError, "; got the key 1"),
        ({1: 2, "1": 3}, TypeError, "; got the key 1"),
        ({"a": [{None: 2}]}, TypeError, "; got the key None"),
        ({"a": {1}}, TypeError, ": Object of type set is not JSON serializable"),
        ({"a": np.float32(1)}, TypeError, ": Object of type float32 is not JSON serializable"),
        ({"a": np.nan}, ValueError, ": Out of range float"),
        ({"a": nested(20_000)}, ValueError, "; got values more than 100 deep in one another"),
        ({"a": cycle()}, ValueError, "; got values more than 100 deep in one another"),
    ],
)
def test_what_would_not_come_back_is_refused(facts, error, got):
    with pytest.raises(error, match=f"^facts must be a mapping of texts to JSON values{got}"):
        checked_facts(facts)


def test_as_deep_as_may_be_comes_back(tmp_path):
    facts = {"a": nested(99), "b": {"c": [None, True, 0.5, "d"]}}
    model = dataclasses.replace(small_model(), facts=facts)
    assert saved(model, tmp_path / "m.tfqd").facts == facts
