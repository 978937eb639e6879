"""Small random models of Keras 3 and tf_keras with random specs, each told by its seed."""

import re
from typing import Any, NamedTuple

import keras
import numpy as np
import tf_keras

import tfqd

LIBRARIES = {"keras": keras, "tf_keras": tf_keras}
TOKENS = 9
INPUTS = {"image": (6, 6, 3), "sequence": (6, 4), "features": (7,), "tokens": (5,)}
ACTIVATIONS = ("linear", "relu", "tanh", "sigmoid", "gelu", "swish", "softmax", "elu", "relu6")
LARGEST = 300  # elements of one example, from which on a tensor is made smaller


class Case(NamedTuple):
    """A float model, how to quantize it and what to ask it.

    recurrent: whether a layer loops, for which a TFLite file needs a fixed batch size.
    """

    model: Any
    spec: Any
    first_last: Any
    inputs: list[np.ndarray]
    recurrent: bool


def random_case(seed: int) -> Case:
    """The case of a seed; even ones are of Keras 3, odd ones of tf_keras."""
    chance = np.random.default_rng(seed)
    library = LIBRARIES[("keras", "tf_keras")[seed % 2]]
    library.utils.set_random_seed(seed)
    author = _Author(library, chance)
    kinds = chance.choice([*INPUTS], size=chance.choice([1, 1, 1, 2, 3]))
    inputs, tensors = zip(*map(author.input, kinds), strict=True)
    body = author.joined([author.stack(x, chance.integers(1, 4)) for x in tensors])
    outputs = [author.head(author.stack(body, chance.integers(0, 3)))]
    if chance.random() < 0.25:
        outputs.append(author.head(author.stack(body, 1)))
    model = library.Model(_one_or_list(inputs), _one_or_list(outputs))
    _enliven(model, chance)
    arrays = [_array(chance, kind) for kind in kinds]
    spec, first_last = _random_spec(model, chance)
    return Case(model, spec, first_last, arrays, author.recurrent)


class _Author:
    """Puts random layers of one library behind one another."""

    def __init__(self, library, chance: np.random.Generator):
        self.layers, self.library, self.chance = library.layers, library, chance
        self.recurrent = False

    def input(self, kind: str):
        """An input, and the floats that come of it."""
        dtype = "int32" if kind == "tokens" else "float32"
        x = self.library.Input(INPUTS[kind], dtype=dtype)
        if kind != "tokens":
            return x, x
        embedded = self.layers.Embedding(TOKENS, 4, mask_zero=bool(self.chance.random() < 0.3))
        return x, embedded(x)

    def stack(self, x, count: int):
        """`count` steps, each of them one of `_steps`."""
        for _ in range(count):
            x = self._small(self._step(x))
        return x

    def head(self, x):
        return self.layers.Dense(self._count(3))(self._flat(x))

    def joined(self, tensors: list):
        """One tensor of several."""
        if len(tensors) == 1:
            return tensors[0]
        return self.layers.Concatenate()([self._flat(x) for x in tensors])

    def _step(self, x):
        steps = [self._layer, self._layer, self._layer, self._layer, self._residual, self._gated]
        steps += [self._concatenated, self._shared, self._nested]
        return self._pick(steps)(x)

    def _residual(self, x):
        inside = self._layer(x)
        if inside.shape != x.shape:
            inside = self._shape_keeping(x)(x)
        return self.layers.Add()([x, inside])

    def _gated(self, x):
        gate = self.layers.Dense(x.shape[-1], activation="sigmoid")(x)
        return self._pick([self.layers.Multiply, self.layers.Average])()([x, gate])

    def _concatenated(self, x):
        return self.layers.Concatenate()([self._shape_keeping(x)(x), x])

    def _shared(self, x):
        layer = self._shape_keeping(x)
        return self.layers.Maximum()([layer(layer(x)), x])

    def _nested(self, x):
        inside = self.library.Input(x.shape[1:])
        outside = self.library.Model(inside, self.stack(inside, self.chance.integers(1, 3)))
        return outside(x)

    def _shape_keeping(self, x):
        """A layer with a kernel whose output has its input's shape."""
        channels = x.shape[-1]
        made = [self.layers.Dense(channels, activation=self._pick(ACTIVATIONS))]
        if len(x.shape) > 2:
            convolution = (self.layers.Conv1D, self.layers.Conv2D)[len(x.shape) - 3]
            made.append(convolution(channels, self._count(3), padding="same"))
        if len(x.shape) == 3:
            made.append(self._recurrent(channels, return_sequences=True))
        return self._pick(made)

    def _layer(self, x):
        for_rank = {2: self._for_features, 3: self._for_sequences, 4: self._for_images}
        return self._pick(for_rank[len(x.shape)] + self._for_any)(x)

    @property
    def _for_any(self) -> list:
        layers = self.layers
        return [
            lambda x: layers.Dense(self._count(6), activation=self._pick(ACTIVATIONS))(x),
            lambda x: layers.Dense(self._count(6), use_bias=False)(x),
            lambda x: layers.Activation(self._pick(ACTIVATIONS))(x),
            lambda x: self._pick([layers.ReLU, layers.LeakyReLU, layers.PReLU, layers.ELU])()(x),
            lambda x: layers.BatchNormalization(scale=bool(self._count(2) - 1))(x),
            lambda x: layers.LayerNormalization()(x),
            lambda x: layers.Dropout(0.2)(x),
            lambda x: layers.Rescaling(0.5, 0.1)(x),
            lambda x: layers.EinsumDense("...a,ab->...b", self._count(5))(x),
        ]

    @property
    def _for_features(self) -> list:
        layers = self.layers
        return [
            lambda x: layers.EinsumDense("ab,bcd->acd", (2, self._count(4)), bias_axes="d")(x),
            lambda x: layers.RepeatVector(self._count(4))(x),
            lambda x: layers.Reshape((1, 1, x.shape[-1]))(x),
            lambda x: layers.Reshape((x.shape[-1], 1))(x),
        ]

    @property
    def _for_sequences(self) -> list:
        layers = self.layers
        return [
            lambda x: layers.Conv1D(self._count(5), self._window(x))(x),
            lambda x: layers.Conv1D(self._count(5), 2, dilation_rate=2, padding="causal")(x),
            lambda x: layers.DepthwiseConv1D(self._window(x), depth_multiplier=self._count(2))(x),
            lambda x: layers.SeparableConv1D(self._count(5), self._window(x))(x),
            lambda x: layers.Conv1DTranspose(self._count(4), self._count(3))(x),
            lambda x: self._recurrent(self._count(4), return_sequences=bool(self._count(2) - 1))(x),
            lambda x: layers.Bidirectional(self._recurrent(self._count(4), True))(x),
            lambda x: layers.TimeDistributed(layers.Dense(self._count(4)))(x),
            lambda x: layers.MultiHeadAttention(self._count(2), self._count(4))(x, x),
            lambda x: layers.MultiHeadAttention(2, 3, value_dim=2)(x, layers.Dense(3)(x)),
            lambda x: layers.EinsumDense("abc,cde->abde", (x.shape[1], 2, self._count(3)))(x),
            lambda x: self._pick([layers.MaxPooling1D, layers.AveragePooling1D])(2, padding="same")(
                x
            ),
            lambda x: self._pick(
                [layers.GlobalAveragePooling1D, layers.GlobalMaxPooling1D, layers.Flatten]
            )()(x),
            lambda x: layers.ZeroPadding1D(self._count(2))(x),
            lambda x: layers.UpSampling1D(2)(x),
            lambda x: layers.Permute((2, 1))(x),
            lambda x: layers.Reshape((x.shape[1], 1, x.shape[2]))(x),
        ]

    @property
    def _for_images(self) -> list:
        layers = self.layers
        return [
            lambda x: layers.Conv2D(self._count(6), self._window(x), strides=self._count(2))(x),
            lambda x: layers.Conv2D(3, 3, padding="same", activation=self._pick(ACTIVATIONS))(x),
            lambda x: layers.Conv2D(self._count(4), 2, dilation_rate=2, padding="same")(x),
            lambda x: layers.Conv2D(2 * x.shape[-1], 1, groups=x.shape[-1])(x),
            lambda x: layers.DepthwiseConv2D(self._window(x), depth_multiplier=self._count(2))(x),
            lambda x: layers.SeparableConv2D(self._count(5), self._window(x))(x),
            lambda x: layers.Conv2DTranspose(
                self._count(4), self._count(3), strides=self._count(2), padding="same"
            )(x),
            lambda x: layers.GroupNormalization(groups=1)(x),
            lambda x: layers.GroupNormalization(groups=-1)(x),
            lambda x: self._pick([layers.MaxPooling2D, layers.AveragePooling2D])(2, padding="same")(
                x
            ),
            lambda x: self._pick(
                [layers.GlobalAveragePooling2D, layers.GlobalMaxPooling2D, layers.Flatten]
            )()(x),
            lambda x: layers.ZeroPadding2D(((0, 1), (1, 0)))(x),
            lambda x: layers.UpSampling2D(2)(x),
            lambda x: layers.TimeDistributed(layers.Conv1D(self._count(4), self._window(x)))(x),
            lambda x: layers.Reshape((x.shape[1] * x.shape[2], x.shape[3]))(x),
            lambda x: layers.SpatialDropout2D(0.2)(x),
        ]

    def _recurrent(self, units: int, return_sequences: bool):
        layers, self.recurrent = self.layers, True
        kind = self._pick([layers.LSTM, layers.GRU, layers.SimpleRNN])
        return kind(units, return_sequences=return_sequences)

    def _small(self, x):
        """`x`, or what is left of it when it has become large."""
        if len(x.shape) == 2 or np.prod(x.shape[1:]) <= LARGEST:
            return x
        pools = {3: self.layers.AveragePooling1D, 4: self.layers.AveragePooling2D}
        return pools[len(x.shape)](4, padding="same")(x)

    def _flat(self, x):
        return x if len(x.shape) == 2 else self.layers.Flatten()(x)

    def _window(self, x) -> int:
        return self._count(min(3, *x.shape[1:-1]))

    def _count(self, most: int) -> int:
        return int(self.chance.integers(1, most + 1))

    def _pick(self, choices):
        return choices[self.chance.integers(len(choices))]


def _random_spec(model, chance: np.random.Generator):
    """A spec for all kernels or one for each, and what the ends get."""
    whole = chance.random()
    if whole < 0.1:
        return tfqd.presets.paper(int(chance.integers(1, 9))), "same"
    if whole < 0.5:
        ends = ("same", "same", "same", None, tfqd.Uniform(bits=8))
        return _spec(chance), ends[chance.integers(len(ends))]
    quantized = tfqd.quantize_model(model, tfqd.Uniform())
    paths = [entry.path for entry in quantized.quantized_variables]
    chosen = {f"^{re.escape(path)}$": _spec(chance) for path in paths}
    chosen.update({pattern: None for pattern in [*chosen][1:] if chance.random() < 0.15})
    return chosen, "same"


def _spec(chance: np.random.Generator) -> tfqd.Uniform | tfqd.Codebook | tfqd.LearnedStep:
    common = {
        "bits": int(chance.integers(1, 9)),
        "bucket_size": chance.choice(np.array([None, 3, 16, 256], object)),
        "layout": str(chance.choice(["flat", "channel"])),
        "scaling": str(chance.choice(["affine", "symmetric"])),
    }
    common["preserve_zeros"] = common["scaling"] == "symmetric" and bool(chance.random() < 0.2)
    kinds = [_uniform, _codebook, _learned_step, _deployable]
    return kinds[chance.integers(len(kinds))](chance, common)


def _uniform(chance, common):
    if common["scaling"] == "symmetric" and common["bucket_size"] and chance.random() < 0.3:
        common["scale_grid"] = "bfloat16"
    rounding = str(chance.choice(["deterministic", "stochastic"]))
    return tfqd.Uniform(**common, rounding=rounding)


def _codebook(chance, common):
    if common["layout"] == "channel" and chance.random() < 0.3:
        common["channels_per_codebook"] = int(chance.integers(1, 4))
    if common["scaling"] == "symmetric" and chance.random() < 0.4:
        common["grid"] = "int4" if common["bits"] <= 4 else "int8"
        common["points"] = min(2 ** common["bits"], 15 if common["bits"] <= 4 else 255)
    common["init"] = str(chance.choice(["quantile", "kmeans", "normal", "uniform"]))
    return tfqd.Codebook(**common, train=str(chance.choice(["both", "points", "weights"])))


def _learned_step(chance, common):
    common["bits"] = max(2, common["bits"])
    return tfqd.LearnedStep(**common)


def _deployable(chance, common):
    return tfqd.presets.deployable(max(2, common["bits"]))


def _enliven(model, chance: np.random.Generator) -> None:
    """Gives statistics, biases and gains values of their own."""
    for variable in model.weights:
        if "seed" not in variable.name and len(variable.shape) == 1:
            variable.assign(chance.uniform(0.3, 1.0, variable.shape).astype(np.float32))


def _array(chance: np.random.Generator, kind: str, examples: int = 4) -> np.ndarray:
    shape = (examples, *INPUTS[kind])
    if kind == "tokens":
        return chance.integers(0, TOKENS, shape).astype(np.int32)
    return chance.normal(size=shape).astype(np.float32)


def _one_or_list(values):
    return values[0] if len(values) == 1 else list(values)
