"""Multi-head attention as products, a softmax and what moves numbers between them."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from tfqd.wrapping.parts.part import Part
from tfqd.wrapping.parts.products import Product, is_plain, is_used, weights_of
from tfqd.wrapping.protocols import Graphs


class Attention(Part):
    """A MultiHeadAttention layer as a graph of its operators.

    Scores are softmax(q k / sqrt(d)), answers the scores times the values (Vaswani et al. 2017,
    arXiv 1706.03762, equation 1); the weights of queries hold the 1 / sqrt(d).
    """

    def __init__(self, layer: Any, config: Mapping[str, Any], graphs: Graphs):
        super().__init__(layer, config, graphs)
        weights = weights_of(layer, 2)
        factor = config["key_dim"] ** -0.5
        self._query, self._key, self._value = (
            self._product(f"{layer.name}_{role}", role, weights, 1, scaled)
            for role, scaled in (("query", factor), ("key", 1.0), ("value", 1.0))
        )
        self._output = self._product(layer.name, "attention_output", weights, 2, 1.0)

    @staticmethod
    def computes(config: Mapping[str, Any]) -> bool:
        """See `Part`."""
        of_sequences = tuple(config.get("attention_axes") or (1,)) == (1,)
        of_one_size = np.size(config.get("output_shape") or 1) == 1
        return of_sequences and of_one_size and is_plain(config, ("use_gate", "sliding_window"))

    def __call__(self, query: Any, value: Any, key: Any = None, **options: Any) -> Any:
        """What the layer gives: by its operators, or by itself where it is asked for more."""
        if is_used(options) or len(query.shape) != 3:
            return self._layer(query, value, key, **options)
        layers, name = self._graphs.layers, self._name_of_call()
        queries = self._heads(self._query(query), (2, 1, 3))
        keys = self._heads(self._key(value if key is None else key), (2, 3, 1))
        values = self._heads(self._value(value), (2, 1, 3))
        scores = layers.Softmax(name=f"{name}_softmax")(self._graphs.matmul(queries, keys))
        scores = layers.Dropout(self._config["dropout"])(scores)
        answers = layers.Permute((2, 1, 3))(self._graphs.matmul(scores, values))
        return self._output(layers.Reshape((-1, answers.shape[2] * answers.shape[3]))(answers))

    def _heads(self, tensor: Any, order: tuple[int, int, int]) -> Any:
        """[batch, places, heads times depth] with the axes of places, heads and depth in order."""
        heads = self._config["num_heads"]
        apart = self._graphs.layers.Reshape((-1, heads, tensor.shape[-1] // heads))(tensor)
        return self._graphs.layers.Permute(order)(apart)

    def _product(self, name, role, weights, summed: int, factor: float) -> Product:
        """A projection as a product of matrices; of its kernel's axes `summed` are summed over."""
        kernel, bias = weights[f"{role}/kernel"], weights.get(f"{role}/bias")
        rows = int(np.prod(kernel.shape[:summed]))
        bias = None if bias is None else factor * bias.reshape(-1)
        kernel = factor * kernel.reshape(rows, -1)
        return Product(name, kernel, bias, self._layer, self._config, self._graphs)
