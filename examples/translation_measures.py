"""How good translators are: BLEU, perplexity, and what `tfqd.evaluate` says of them."""

import math
from typing import Any

import keras
import numpy as np
import sacrebleu
import tensorflow as tf
from translation_data import END, PAD, START, Pairs, Subwords, lessons, table

import tfqd
from tfqd.distillation import generate_targets

BATCH = 64
# What `tfqd.evaluate` is asked for, and of how many pairs: each token has a row of logits.
MEASURES, EVALUATED = ("calibration_error", "agreement"), 100


class Judge:
    """Measures translators on test sets.

    Args:
        subwords: the vocabulary.
        tests: the pairs of each set.
        length: tokens of the longest sentences.
        beam: sentences that are kept in the search.
    """

    def __init__(self, subwords: Subwords, tests: dict[str, Pairs], length: int, beam: int):
        self._subwords, self._tests = subwords, tests
        self._length, self._beam = length, beam

    def row(self, model: keras.Model, teacher: keras.Model) -> dict[str, Any]:
        """What is measured of a model, on each set, and held against its teacher."""
        tests = self._tests.items()
        return {
            "bleu": {name: round(self._bleu(model, pairs), 2) for name, pairs in tests},
            "perplexity": {name: round(self._perplexity(model, pairs), 3) for name, pairs in tests},
            **self._held(model, teacher),
        }

    def write(self, model: keras.Model, sources: np.ndarray) -> np.ndarray:
        """The sentences that a model writes, int32 [sentences, length]."""
        # Sources of like length are searched together, with no more padding than these need.
        order = np.argsort(np.count_nonzero(sources != PAD, axis=1), kind="stable")
        written = np.empty((len(sources), self._length), np.int32)
        written[order] = generate_targets(
            model,
            sources[order],
            start_token=START,
            end_token=END,
            pad_token=PAD,
            max_length=self._length,
            beam_size=self._beam,
            inputs=_cut,
        )
        return written

    def _bleu(self, model: keras.Model, pairs: Pairs) -> float:
        sources, _ = table(self._subwords, pairs, self._length)
        written = self._subwords.decode(self.write(model, sources))
        references = [english for _, english in pairs]
        return sacrebleu.corpus_bleu(written, [references], lowercase=True).score

    def _perplexity(self, model: keras.Model, pairs: Pairs) -> float:
        total, count = 0.0, 0.0
        sides = table(self._subwords, pairs, self._length)
        for inputs, targets in lessons(sides, BATCH):
            logits = model(list(inputs), training=False)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(targets, logits)
            counted = tf.cast(targets != PAD, tf.float32)
            total += float(tf.reduce_sum(losses * counted))
            count += float(tf.reduce_sum(counted))
        return math.exp(total / count)

    def _held(self, model: keras.Model, teacher: keras.Model) -> dict[str, float]:
        """Of the next tokens of some sentences of the first set."""
        pairs = next(iter(self._tests.values()))[:EVALUATED]
        ((inputs, targets),) = lessons(table(self._subwords, pairs, self._length), EVALUATED)
        data = list(inputs), targets, targets != PAD
        models = {"teacher": teacher, "student": model}
        found = tfqd.evaluate(models, data, efficiency=False, batch_size=BATCH).values["student"]
        return {key: round(found[key], 4) for key in MEASURES}


def _cut(sources: tf.Tensor, targets: tf.Tensor) -> list[tf.Tensor]:
    """Sources without the padding that all of them have, and the targets."""
    longest = tf.reduce_max(tf.math.count_nonzero(sources != PAD, axis=1))
    return [sources[:, :longest], targets]
