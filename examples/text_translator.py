"""A translation network with text in and text out, in TensorFlow's own operations.

So it is exported as one SavedModel that any client can ask, without the tokenizer's library.
"""

import keras
import tensorflow as tf
from translation_data import END, JOINTS, PAD, PUNCTUATION, START, UNKNOWN

LONGEST_WORD = 100
NOTHING = -1


@keras.saving.register_keras_serializable(package="translate_lstm")
class Translation(keras.layers.Layer):
    """German texts, string [batch], to English ones, string [batch].

    Args:
        network: logits of the next token, of sources and targets so far.
        pieces: the vocabulary of `translation_data.Subwords`.
        length: most subwords to write.
    """

    def __init__(self, network: keras.Model, pieces: list[str], length: int, **kwargs):
        super().__init__(**kwargs)
        self.network, self.pieces, self.length = network, list(pieces), length
        self._longest_piece = max(map(len, pieces))
        keys, numbers = tf.constant(self.pieces), tf.range(len(self.pieces))
        table = tf.lookup.KeyValueTensorInitializer(keys, numbers)
        self._numbers = tf.lookup.StaticHashTable(table, NOTHING)

    def call(self, texts):
        return self._text_of(self._written(self.tokens(texts)))

    def compute_output_spec(self, texts):
        return keras.KerasTensor(texts.shape, "string")

    def get_config(self):
        network = keras.saving.serialize_keras_object(self.network)
        own = {"network": network, "pieces": self.pieces, "length": self.length}
        return {**super().get_config(), **own}

    @classmethod
    def from_config(cls, config):
        network = keras.saving.deserialize_keras_object(config.pop("network"))
        return cls(network, **config)

    def tokens(self, texts: tf.Tensor) -> tf.Tensor:
        """What `Subwords.encode` gives, padded: int32 [batch, time]."""
        spaced = tf.strings.lower(tf.strings.regex_replace(texts, r"\pZ", " "), encoding="utf-8")
        words = tf.strings.split(tf.strings.regex_replace(spaced, f"({PUNCTUATION})", r" \1 "))
        tokens = words.with_values(self._subwords(words.values)).merge_dims(1, 2)
        ends = tf.fill([tokens.nrows(), 1], END)
        return tf.concat([tokens, ends], axis=1).to_tensor(PAD)

    def _subwords(self, words: tf.Tensor) -> tf.RaggedTensor:
        """Of each word the longest subword that it begins with, then of what is left.

        A word with a part that is no subword is unknown as a whole.
        """
        lengths = tf.strings.length(words, unit="UTF8_CHAR")
        sizes = tf.range(self._longest_piece, 0, -1)
        zeros = tf.zeros_like(lengths)[:, tf.newaxis] * sizes

        def step(place, pieces, unknown):
            start = tf.minimum(place, lengths - 1)[:, tf.newaxis] + zeros
            parts = tf.strings.substr(words[:, tf.newaxis], start, sizes + zeros, unit="UTF8_CHAR")
            marks = tf.where(place > 0, "##", "")[:, tf.newaxis]
            numbers = self._numbers.lookup(marks + parts)
            longest = tf.argmax(numbers != NOTHING, axis=1, output_type=tf.int32)
            number = tf.gather(numbers, longest, batch_dims=1)
            left = place < lengths
            unknown |= left & (number == NOTHING)
            pieces = tf.concat([pieces, tf.where(left, number, NOTHING)[:, tf.newaxis]], axis=1)
            return place + tf.gather(sizes, longest), pieces, unknown

        count = tf.size(words)
        _, pieces, unknown = tf.while_loop(
            lambda place, *_: tf.reduce_any(place < lengths),
            step,
            (tf.zeros_like(lengths), tf.zeros([count, 0], tf.int32), lengths > LONGEST_WORD),
            shape_invariants=(
                lengths.shape,
                tf.TensorShape([None, None]),
                lengths.shape,
            ),
        )
        instead = tf.one_hot(0, tf.shape(pieces)[1], UNKNOWN, NOTHING, dtype=tf.int32)
        pieces = tf.where(unknown[:, tf.newaxis], instead, pieces)
        return tf.ragged.boolean_mask(pieces, pieces != NOTHING)

    def _written(self, sources: tf.Tensor) -> tf.Tensor:
        """The likeliest token after another, until all sentences are over."""
        count = tf.shape(sources)[0]

        def step(targets, over):
            logits = self.network([sources, targets], training=False)[:, -1]
            token = tf.where(over, PAD, tf.argmax(logits, -1, output_type=tf.int32))
            targets = tf.concat([targets, token[:, tf.newaxis]], axis=1)
            return targets, over | (token == END)

        targets, _ = tf.while_loop(
            lambda targets, over: ~tf.reduce_all(over),
            step,
            (tf.fill([count, 1], START), tf.zeros([count], tf.bool)),
            shape_invariants=(tf.TensorShape([None, None]), tf.TensorShape([None])),
            maximum_iterations=self.length,
        )
        return targets[:, 1:]

    def _text_of(self, tokens: tf.Tensor) -> tf.Tensor:
        shown = (tokens != PAD) & (tokens != END)
        pieces = tf.gather(tf.constant(self.pieces), tokens)
        text = tf.strings.reduce_join(tf.ragged.boolean_mask(pieces, shown), -1, separator=" ")
        for pattern, replacement in JOINTS:
            text = tf.strings.regex_replace(text, pattern, replacement)
        return text


def text_translator(network: keras.Model, pieces: list[str], length: int) -> keras.Model:
    """The network as a model from ``german`` texts to ``english`` ones.

    Args:
        network, pieces, length: as in `Translation`.
    """
    german = keras.Input((), dtype="string", name="german")
    return keras.Model(german, Translation(network, pieces, length, name="english")(german))
