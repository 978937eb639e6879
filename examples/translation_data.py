"""Sentence pairs, German and English, and a vocabulary of subwords for both."""

import copy
import gzip
import hashlib
import itertools
import json
import pathlib
import re
import zlib
from collections.abc import Callable

import keras
import numpy as np
import tensorflow as tf
import tokenizers
from whole_files import new_file

PAD, UNKNOWN, START, END = range(4)
SPECIAL = ("[PAD]", "[UNK]", "[START]", "[END]")
PUNCTUATION = r"[\pP$+<=>^`|~]"
# How subwords are put together, patterns and what takes their place.
JOINTS = ((" ##", ""), (r" (['-]) ", r"\1"), (r" ([.,!?;:])", r"\1"))

Pairs = list[tuple[str, str]]


def load(folder: str, part: str) -> Pairs:
    """(German, English) pairs of ``FOLDER/translation/PART.tsv.gz``, or of ``PART.tsv``.

    A line holds an English sentence, a tab and the German one.

    Raises:
        ValueError: when the file is damaged or holds anything else.
    """
    plain = pathlib.Path(folder, "translation", f"{part}.tsv")
    packed = plain.with_suffix(".tsv.gz")
    file = packed if packed.exists() else plain
    found = file.read_bytes()
    try:
        text = (gzip.decompress(found) if file == packed else found).decode("utf-8")
    except (OSError, EOFError, zlib.error, UnicodeDecodeError) as error:
        raise ValueError(f"{file} is damaged or no text of UTF-8: {error}") from error
    lines = [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]
    for number, line in lines:
        if line.count("\t") != 1:
            raise ValueError(
                f"{file}, line {number}: an English sentence, a tab and a German one are expected; "
                f"got {line[:60]!r}"
            )
    if not lines:
        raise ValueError(f"{file} has no sentences")
    return [tuple(line.rstrip("\r").split("\t")[::-1]) for _, line in lines]


def invented() -> tuple[Pairs, Pairs]:
    """A few hundred simple pairs to train on and some to measure on, put together here."""
    subjects = {
        "ein mann": "a man",
        "eine frau": "a woman",
        "ein mädchen": "a girl",
        "ein hund": "a dog",
        "der große junge": "the tall boy",
    }
    verbs = {"läuft": "runs", "schläft": "sleeps", "wartet": "waits", "spielt": "plays"}
    places = {
        "im park": "in the park",
        "am strand": "on the beach",
        "vor dem haus": "in front of the house",
        "auf der straße": "on the street",
    }
    ends = {".": ".", ", allein.": ", alone.", " und lacht.": " and laughs."}
    pairs = [
        tuple(f"{one[i]} {two[i]} {three[i]}{four[i]}" for i in (0, 1))
        for one, two, three, four in itertools.product(
            subjects.items(), verbs.items(), places.items(), ends.items()
        )
    ]
    order = np.random.default_rng(0).permutation(len(pairs))
    return [pairs[i] for i in order[24:]], [pairs[i] for i in order[:24]]


class Subwords:
    """Lower-cased WordPiece subwords, one vocabulary for both languages.

    Args:
        pieces: the vocabulary; `learn` makes one.
    """

    def __init__(self, pieces: list[str]):
        self.pieces = pieces
        words = tokenizers.models.WordPiece(
            {piece: i for i, piece in enumerate(pieces)}, unk_token=SPECIAL[UNKNOWN]
        )
        self._tokenizer = _prepared(words)

    @classmethod
    def learn(cls, pairs: Pairs, size: int) -> "Subwords":
        """The subwords that are frequent in the sentences of both languages."""
        tokenizer = _prepared(tokenizers.models.WordPiece(unk_token=SPECIAL[UNKNOWN]))
        sentences = list(itertools.chain.from_iterable(pairs))
        # Pairs that are equally frequent are merged in the order of their pieces' numbers, and
        # the trainer gives continuing characters theirs by a hash that is random.
        trainer = tokenizers.trainers.WordPieceTrainer(
            vocab_size=size,
            special_tokens=[*SPECIAL, *_continuing(tokenizer, sentences)],
            show_progress=False,
        )
        tokenizer.train_from_iterator(sentences, trainer)
        return cls([*SPECIAL, *sorted(tokenizer.get_vocab().keys() - set(SPECIAL))])

    @classmethod
    def kept(cls, file: pathlib.Path, pairs: Pairs, size: int) -> "Subwords":
        """Those that the file holds; where there is none, they are learnt and written to it."""
        if file.exists():
            return cls(json.loads(file.read_text(encoding="utf-8")))
        learnt = cls.learn(pairs, size)
        file.parent.mkdir(parents=True, exist_ok=True)
        with new_file(file) as temporary:
            temporary.write_text(json.dumps(learnt.pieces, ensure_ascii=False), encoding="utf-8")
        return learnt

    @property
    def digest(self) -> str:
        """Twelve hexadecimal digits that say which subwords these are."""
        return hashlib.sha256("\n".join(self.pieces).encode()).hexdigest()[:12]

    def encode(self, sentences: list[str]) -> list[list[int]]:
        """The numbers of each sentence's subwords, the end token after them."""
        return [[*encoded.ids, END] for encoded in self._tokenizer.encode_batch(sentences)]

    def decode(self, tokens: np.ndarray) -> list[str]:
        """The sentences of rows of numbers, up to their end tokens."""
        return [joined([self.pieces[token] for token in _until_end(row)]) for row in tokens]


def joined(pieces: list[str]) -> str:
    """The sentence that consists of the subwords."""
    text = " ".join(pieces)
    for pattern, replacement in JOINTS:
        text = re.sub(pattern, replacement, text)
    return text


def _prepared(model) -> tokenizers.Tokenizer:
    tokenizer = tokenizers.Tokenizer(model)
    tokenizer.normalizer = tokenizers.normalizers.Lowercase()
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    return tokenizer


def _continuing(tokenizer: tokenizers.Tokenizer, sentences: list[str]) -> list[str]:
    """The characters that stand within words, in their order, as pieces."""
    texts = map(tokenizer.normalizer.normalize_str, sentences)
    words = {word for text in texts for word, _ in tokenizer.pre_tokenizer.pre_tokenize_str(text)}
    return sorted({f"##{character}" for word in words for character in word[1:]})


def _until_end(row: np.ndarray) -> np.ndarray:
    ends = np.flatnonzero(np.isin(row, (END, PAD)))
    return row[: ends[0]] if len(ends) else row


class PairBatches:
    """Encoded pairs as the data of `trainings.Trainer`.

    Batches hold ``((sources, targets so far), targets)``, int32 [batch, length], padded. Their
    sentences are about as long as each other, so that little of them is padding: each epoch
    sorts its pairs by length, those of one length in a new order, and shuffles the batches.
    They depend on the seed and the step alone.

    Args:
        subwords: the vocabulary.
        train, held_out: pairs; those of more than `length` subwords are left out of training.
        seed: of the order.
        size: pairs a batch.
        length: most subwords of a sentence, the end token included.
    """

    def __init__(
        self, subwords: Subwords, train: Pairs, held_out: Pairs, seed: int, size: int, length: int
    ):
        short = [each for each in _encoded(subwords, train) if max(map(len, each)) <= length]
        self.sources, self.targets = (_padded(side, length) for side in zip(*short, strict=True))
        self._held_out = table(subwords, held_out, length)
        self._seed, self.size = seed, size
        self.steps = len(short) // size

    def retold(self, targets: np.ndarray) -> "PairBatches":
        """The same sources with other targets, int32 [pairs, length]: a teacher's."""
        other = copy.copy(self)
        other.targets = targets
        return other

    def train(self, start: int, stop: int) -> tf.data.Dataset:
        """The training batches of these steps."""
        sources, targets = tf.constant(self.sources), tf.constant(self.targets)
        first = start // self.steps
        epochs = [self._order(epoch) for epoch in range(first, -(-stop // self.steps))]
        chosen = np.concatenate(epochs)[start - first * self.steps : stop - first * self.steps]

        def lesson(pairs):
            return _lesson(tf.gather(sources, pairs), tf.gather(targets, pairs))

        return tf.data.Dataset.from_tensor_slices(chosen).map(lesson).prefetch(2)

    def _order(self, epoch: int) -> np.ndarray:
        """The pairs of each of the epoch's batches, int64 [steps, size]."""
        generator = np.random.default_rng([self._seed, epoch])
        chosen = generator.permutation(len(self.sources))[: self.steps * self.size]
        lengths = [np.count_nonzero(side[chosen], axis=1) for side in (self.sources, self.targets)]
        chosen = chosen[np.lexsort(lengths)]
        return generator.permutation(chosen.reshape(self.steps, self.size))

    def held_out(self) -> tf.data.Dataset:
        """The pairs that are not trained on, in their order."""
        return lessons(self._held_out, self.size)


def table(subwords: Subwords, pairs: Pairs, length: int) -> tuple[np.ndarray, np.ndarray]:
    """The pairs' sources and targets, int32 [pairs, length], padded, too long ones cut."""
    sources, targets = zip(*_encoded(subwords, pairs), strict=True)
    return _padded(sources, length), _padded(targets, length)


def kept_array(file: pathlib.Path, make: Callable[[], np.ndarray]) -> np.ndarray:
    """The array in the file; where there is none it is made, and written whole or not at all."""
    if not file.exists():
        made = make()
        file.parent.mkdir(parents=True, exist_ok=True)
        with new_file(file) as temporary:
            np.save(temporary, made)
    return np.load(file)


def lessons(sides: tuple[np.ndarray, np.ndarray], size: int) -> tf.data.Dataset:
    """Batches ``((sources, targets so far), targets)`` of a table, in its order."""
    return tf.data.Dataset.from_tensor_slices(sides).batch(size).map(_lesson)


def _encoded(subwords: Subwords, pairs: Pairs) -> list[tuple[list[int], list[int]]]:
    german, english = zip(*pairs, strict=True)
    return list(zip(subwords.encode(list(german)), subwords.encode(list(english)), strict=True))


def _padded(rows, length: int) -> np.ndarray:
    table = np.full((len(rows), length), PAD, np.int32)
    for row, tokens in zip(table, rows, strict=True):
        row[: len(tokens)] = tokens[:length]
    return table


def _lesson(sources: tf.Tensor, targets: tf.Tensor):
    """The batch that the network learns from, cut to its longest sentences.

    A sentence that is over is padding, its end token too: nothing is learnt of what follows.
    """
    sources, targets = _cut(sources), _cut(targets)
    before = tf.where(targets == END, PAD, targets)[:, :-1]
    so_far = tf.concat([tf.fill([tf.shape(targets)[0], 1], START), before], axis=1)
    return (sources, so_far), targets


def _cut(tokens: tf.Tensor) -> tf.Tensor:
    lengths = tf.reduce_sum(tf.cast(tokens != PAD, tf.int32), axis=1)
    return tokens[:, : tf.reduce_max(lengths)]


def token_accuracy(model: keras.Model, batches: tf.data.Dataset) -> float:
    """The share of the tokens that the model, given those before, gets right."""
    hits, count = 0, 0
    for inputs, targets in batches:
        likeliest = tf.argmax(model(list(inputs), training=False), -1, targets.dtype)
        counted = targets != PAD
        hits += int(tf.math.count_nonzero((likeliest == targets) & counted))
        count += int(tf.math.count_nonzero(counted))
    return hits / count
