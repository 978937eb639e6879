"""Sequence-level distillation: the teacher writes the targets itself.

Kim and Rush 2016 (arXiv 1606.07947) train the student by its ordinary loss on
what the teacher's beam search answers to the training sources, since a
teacher's most likely sequence stands for its whole distribution. So the student
needs no teacher while it trains: generate the targets once, keep the array.
"""

import math
import warnings
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from tfqd.distillation.losses import looks_like_probabilities
from tfqd.spec.checks import is_integer
from tfqd.wrapping.version import find_version


class _Beams(NamedTuple):
    """The best beginnings so far of each source.

    tokens: int32 [batch, beams, time], the start token first.
    scores: float32 [batch, beams], the sums of log probabilities.
    done: bool [batch, beams], whether the end token is there.
    """

    tokens: tf.Tensor
    scores: tf.Tensor
    done: tf.Tensor

    def of(self, chosen: np.ndarray) -> "_Beams":
        """Those of the sources that a mask, bool [batch], chooses."""
        return _Beams(*(part[chosen] for part in self))


def generate_targets(
    teacher: Callable[..., Any],
    sources: np.ndarray,
    *,
    start_token: int,
    end_token: int,
    max_length: int,
    pad_token: int = 0,
    beam_size: int = 1,
    batch_size: int = 64,
    from_logits: bool = True,
    inputs: Callable[[tf.Tensor, tf.Tensor], Any] | None = None,
    verbose: int = 1,
) -> np.ndarray:
    """The sequences that a teacher answers to some sources.

    The search keeps the `beam_size` most likely beginnings, by the sum of their
    tokens' log probabilities, without a bonus for length. The teacher is called
    anew on the growing sequences for every token, until each source's best is over.

    Args:
        teacher: a model, or any function of tensors, which for inputs
            ``[sources, targets so far]`` gives float [batch, time, vocabulary]:
            after every target token the logits of the next one. The targets so
            far begin with the start token; their length grows, up to `max_length`.
        sources: [count, ...], whatever the teacher reads.
        start_token: the token that begins every target sequence.
        end_token: the token that ends one.
        max_length: most tokens to write, the end token included; a sequence that
            is not over by then is cut.
        pad_token: what follows the end token. The teacher never writes it
            itself, unless it is the end token.
        beam_size: how many beginnings are kept; 1 is greedy search.
        batch_size: how many sources are searched at a time.
        from_logits: whether the teacher gives logits; False for probabilities.
        inputs: makes the teacher's inputs of sources and targets so far, where
            they are not the list of the two.
        verbose: 1 for a progress bar, 0 for silence.

    Returns:
        int32 [count, max_length]: the tokens after the start token, up to and
        including the end token, then padding.

    Raises:
        TypeError: when the teacher cannot be called.
        ValueError: for tokens, sizes or teacher outputs that do not fit.
    """
    if not callable(teacher):
        raise TypeError(f"teacher must be a model or a function; got {type(teacher).__name__}")
    sources = np.asarray(sources)
    if sources.ndim == 0 or len(sources) == 0:
        raise ValueError(f"sources must have the shape [count, ...]; got {sources.shape}")
    sizes = {"max_length": max_length, "beam_size": beam_size, "batch_size": batch_size}
    tokens = {"start_token": start_token, "end_token": end_token}
    _check_integers({**sizes, **tokens, "pad_token": pad_token}, sizes.keys(), tokens.keys())
    ask = _question(teacher, inputs, from_logits, end_token, pad_token)
    progress = keras.utils.Progbar(len(sources), verbose=verbose, unit_name="sequence")
    written = np.full((len(sources), max_length), pad_token, np.int32)
    for first in range(0, len(sources), batch_size):
        batch = tf.constant(sources[first : first + batch_size])
        for rows, beams in _search(ask, batch, start_token, end_token, max_length, beam_size):
            best = _best(beams, end_token, pad_token)
            written[first + rows, : best.shape[1]] = best
        progress.update(first + len(batch))
    return written


def _check_integers(values: dict[str, Any], positive, tokens) -> None:
    for name, value in values.items():
        least = 1 if name in positive else 0 if name in tokens else None
        if not is_integer(value, -math.inf if least is None else least):
            wanted = "a whole number" + ("" if least is None else f", at least {least}")
            raise ValueError(f"{name} must be {wanted}; got {value!r}")


def _question(teacher, inputs, from_logits: bool, end_token: int, pad_token: int):
    """What the search asks: the next tokens' log probabilities, float32 [rows, vocabulary]."""
    # Traced for the first token, then once for all lengths and batches.
    call = tf.function(
        lambda sources, targets: _next_token(teacher, inputs, sources, targets),
        reduce_retracing=True,
    )
    judged = False

    def ask(sources: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
        nonlocal judged
        outputs = call(sources, targets)
        if not judged:
            _check_outputs(outputs.numpy(), from_logits, end_token)
            judged = True
        log_p = tf.nn.log_softmax(outputs) if from_logits else tf.math.log(outputs)
        if pad_token != end_token:
            never = tf.range(log_p.shape[-1]) == pad_token
            log_p = tf.where(never, -np.inf, log_p)
        return log_p

    return ask


def _next_token(teacher, inputs, sources: tf.Tensor, targets: tf.Tensor) -> tf.Tensor:
    """The teacher's float32 outputs [rows, vocabulary] after the last target token."""
    given = [sources, targets] if inputs is None else inputs(sources, targets)
    mode = {"training": False} if find_version(teacher) else {}
    outputs = tf.convert_to_tensor(teacher(given, **mode))
    if outputs.shape.rank != 3 or not targets.shape[1:2].is_compatible_with(outputs.shape[1:2]):
        raise ValueError(
            "the teacher must give [batch, time, vocabulary] for targets [batch, time]; it gives "
            f"{tuple(outputs.shape)} for {tuple(targets.shape)}"
        )
    return tf.cast(outputs[:, -1], tf.float32)


def _check_outputs(outputs: np.ndarray, from_logits: bool, end_token: int) -> None:
    vocabulary = outputs.shape[-1]
    if end_token >= vocabulary:
        raise ValueError(f"end_token {end_token} is not among the teacher's {vocabulary} tokens")
    probabilities = looks_like_probabilities(outputs)
    if from_logits and probabilities:
        warnings.warn(
            "the teacher seems to give probabilities, which are taken for logits: "
            "say from_logits=False",
            stacklevel=5,
        )
    if not from_logits and not probabilities:
        raise ValueError(
            "from_logits=False, but the teacher's outputs are no probabilities: they are "
            "negative, or do not sum to 1"
        )


def _search(
    ask, sources, start_token, end_token, max_length, beam_size
) -> Iterator[tuple[np.ndarray, _Beams]]:
    """The beams of the sources whose best is over, or as long as allowed, with their rows."""
    rows = np.arange(len(sources))
    # All beams begin alike: the first alone is alive, or all would stay alike.
    alive = tf.constant([0.0] + [-np.inf] * (beam_size - 1))
    beams = _Beams(
        tf.fill([len(rows), beam_size, 1], int(start_token)),
        tf.broadcast_to(alive, [len(rows), beam_size]),
        tf.zeros([len(rows), beam_size], tf.bool),
    )
    for length in range(1, max_length + 1):
        so_far = tf.reshape(beams.tokens, [len(rows) * beam_size, length])
        log_p = ask(tf.repeat(sources, beam_size, axis=0), so_far)
        beams = _grow(beams, tf.reshape(log_p, [len(rows), beam_size, -1]), end_token)
        # Scores only fall: nothing overtakes a best beam that is over.
        over = beams.done[:, 0].numpy() | (length == max_length)
        if over.any():
            yield rows[over], beams.of(over)
            rows, beams, sources = rows[~over], beams.of(~over), sources[~over]
        if not len(rows):
            return


def _grow(beams: _Beams, log_p: tf.Tensor, end_token: int) -> _Beams:
    """The best beams of one token more, in falling order of their scores."""
    vocabulary = log_p.shape[-1]
    # A beam that is over goes on with end tokens, at no cost.
    over = tf.where(tf.range(vocabulary) == end_token, 0.0, -np.inf)
    log_p = tf.where(beams.done[..., tf.newaxis], over, log_p)
    candidates = tf.reshape(beams.scores[..., tf.newaxis] + log_p, [len(log_p), -1])
    scores, chosen = tf.math.top_k(candidates, k=beams.scores.shape[1])
    beam, token = chosen // vocabulary, chosen % vocabulary
    tokens, done = (tf.gather(part, beam, batch_dims=1) for part in (beams.tokens, beams.done))
    return _Beams(
        tf.concat([tokens, token[..., tf.newaxis]], axis=-1), scores, done | (token == end_token)
    )


def _best(beams: _Beams, end_token: int, pad_token: int) -> np.ndarray:
    """The best beam of each source, padded: int32 [batch, time]."""
    tokens = beams.tokens[:, 0, 1:].numpy()
    over = np.cumsum(tokens == end_token, axis=1) - (tokens == end_token) > 0
    return np.where(over, pad_token, tokens)
