"""Random state in a model's files.

Keras writes no seed of Dropout and its like, so a training that goes on from a
file would draw other noise than one that was not interrupted.
"""

import keras

from tfqd.wrapping.keras3.insides import seed_generators
from tfqd.wrapping.layers import all_layers

_PREFIX = "seed_"


class KeepsSeeds:
    """Mixin: a Keras 3 model that saves and loads the random state of its layers."""

    def save_own_variables(self, store) -> None:
        super().save_own_variables(store)  # type: ignore[misc]  # the model's
        for i, seed in enumerate(_seeds(self)):
            store[f"{_PREFIX}{i}"] = seed.numpy()

    def load_own_variables(self, store) -> None:
        keys = store.keys()
        stored = {key: store[key] for key in keys}
        seeds = {key: stored.pop(key) for key in keys if key.startswith(_PREFIX)}
        super().load_own_variables(stored)  # type: ignore[misc]  # the model's
        for i, seed in enumerate(_seeds(self)):
            if f"{_PREFIX}{i}" in seeds:
                seed.assign(seeds[f"{_PREFIX}{i}"])


def _seeds(model: keras.Model) -> list[keras.Variable]:
    return [generator.state for layer in all_layers(model) for generator in seed_generators(layer)]
