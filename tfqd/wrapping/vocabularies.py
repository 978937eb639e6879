"""Vocabularies that layers have learned by `adapt`, of Keras 3 or tf_keras.

Keras writes those that a layer was made with into its configuration, and those that
it has learned into a file beside it. An architecture has no such files.
"""

import contextlib
from collections.abc import Iterator
from typing import Any

import numpy as np

from tfqd.wrapping.layers import all_layers


@contextlib.contextmanager
def told_vocabularies(model, except_mode: str | None = None) -> Iterator[None]:
    """Inside, the layers' configurations have the vocabularies too that they have learned.

    Args:
        model: built.
        except_mode: an ``output_mode`` whose layers are left as they are.
    """
    learned = [
        layer
        for layer in all_layers(model)
        if getattr(layer, "input_vocabulary", "") is None
        and layer.output_mode != except_mode
        and layer.lookup_table.size() > 0
    ]
    # Past Keras, which would track and wrap the lists.
    for layer in learned:
        vars(layer).update(_settings(layer))
    try:
        yield
    finally:
        for layer in learned:
            vars(layer).update(dict.fromkeys(_settings(layer)))


def _settings(layer) -> dict[str, Any]:
    """The arguments that make a lookup layer with what it has learned.

    They begin with the special tokens, so that nothing is left to be guessed.
    """
    tokens = [
        token.item() if isinstance(token, np.generic) else token for token in layer.get_vocabulary()
    ]
    if layer.output_mode != "tf_idf":
        return {"input_vocabulary": tokens}
    weights = np.asarray(layer.idf_weights_const)[: len(tokens)]
    return {"input_vocabulary": tokens, "input_idf_weights": weights.tolist()}
