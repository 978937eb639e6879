import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from soft_targets import softmax

from tfqd.distillation import generate_targets

PAD, END, START = 0, 1, 2
VOCABULARY = 5
TOKENS = {"start_token": START, "end_token": END}
SOURCES = np.array([[3, 4, 3, 1], [4, 1, 0, 0], [1, 0, 0, 0], [4, 4, 4, 4], [3, 1, 0, 0]])


def copier(inputs):
    """Gives each source token again: float [batch, time, vocabulary]."""
    sources, targets = inputs
    return 10 * tf.one_hot(sources[:, : tf.shape(targets)[1]], VOCABULARY)


@pytest.fixture(scope="module")
def translator():
    """A small model with strong preferences, which depend on all that came before."""
    layers = keras.layers
    keras.utils.set_random_seed(4)
    source, target = keras.Input((None,), name="source"), keras.Input((None,), name="target")
    wide = keras.initializers.RandomNormal(stddev=1.5)
    state = layers.GRU(8)(layers.Embedding(VOCABULARY, 8, wide)(source))
    features = layers.Embedding(VOCABULARY, 8, wide)(target)
    features = layers.GRU(8, return_sequences=True)(features, initial_state=state)
    return keras.Model(
        [source, target], layers.Dense(VOCABULARY, kernel_initializer=wide)(features)
    )


def answers(length):
    """Every answer of the translator: over with the end token, or cut."""
    going_on = [token for token in range(VOCABULARY) if token not in (PAD, END)]
    for size in range(length):
        for words in itertools.product(going_on, repeat=size):
            yield [*words, END]
    yield from map(list, itertools.product(going_on, repeat=length))


def most_likely(teacher, source, length):
    """The answer of the highest log probability, padded, by scoring all there are."""
    each = list(answers(length))
    padded = np.array([[*answer, *[PAD] * (length - len(answer))] for answer in each])
    targets = np.concatenate([np.full((len(each), 1), START), padded[:, :-1]], axis=1)
    logits = teacher([source[None].repeat(len(each), 0), targets]).numpy()
    log_p = np.take_along_axis(np.log(softmax(logits)), padded[..., None], axis=-1)[..., 0]
    written = np.arange(length) < np.array([[len(answer)] for answer in each])
    return padded[np.sum(log_p * written, axis=1).argmax()]


def test_the_copier_copies():
    targets = generate_targets(copier, SOURCES, **TOKENS, max_length=4, verbose=0)
    assert targets.dtype == np.int32
    np.testing.assert_array_equal(targets, SOURCES)


@pytest.mark.parametrize("pad", [-1, 3, END])
def test_padding_follows_the_end_token(pad):
    sources = np.where(SOURCES == 3, 4, SOURCES)
    targets = generate_targets(copier, sources, **TOKENS, max_length=4, pad_token=pad, verbose=0)
    expected = np.where(sources == PAD, pad, sources)
    np.testing.assert_array_equal(targets, expected)


def test_what_is_not_over_is_cut_and_what_is_over_is_padded():
    targets = generate_targets(copier, SOURCES, **TOKENS, max_length=2, verbose=0)
    np.testing.assert_array_equal(targets, SOURCES[:, :2])
    targets = generate_targets(copier, SOURCES[:3], **TOKENS, max_length=6, verbose=0)
    np.testing.assert_array_equal(targets[:, :4], SOURCES[:3])
    assert (targets[:, 4:] == PAD).all()


def test_greedy_search_takes_the_likeliest_token_each_time(translator):
    targets = generate_targets(translator, SOURCES, **TOKENS, max_length=3, verbose=0)
    for source, target in zip(SOURCES, targets, strict=True):
        written = [START]
        while len(written) <= 3 and written[-1] != END:
            logits = translator([source[None], np.array([written])]).numpy()[0, -1]
            logits[PAD] = -np.inf
            written.append(int(logits.argmax()))
        np.testing.assert_array_equal(target[: len(written) - 1], written[1:])


def test_a_beam_of_full_width_finds_the_likeliest_sequence_of_all(translator):
    expected = [most_likely(translator, source, 3) for source in SOURCES]
    targets = generate_targets(translator, SOURCES, **TOKENS, max_length=3, beam_size=27, verbose=0)
    np.testing.assert_array_equal(targets, expected)
    greedy = generate_targets(translator, SOURCES, **TOKENS, max_length=3, verbose=0)
    assert (greedy != expected).any(), "a test that greedy search passes shows nothing"


def test_a_beam_keeps_the_best_beginnings():
    """Greedy search takes 3 (0.5) and ends at 0.2; beams of two find 4 (0.4), then 0.36."""
    after = np.full((VOCABULARY, VOCABULARY), 0.0, np.float32)
    after[START, [3, 4, 1]] = 0.5, 0.4, 0.1
    after[3, [1, 3, 4]] = 0.4, 0.3, 0.3
    after[4, [1, 3, 4]] = 0.9, 0.05, 0.05
    after[[PAD, END], END] = 1.0

    def chain(inputs):
        return tf.gather(after, inputs[1])

    def search(beams):
        return generate_targets(
            chain,
            SOURCES[:2],
            **TOKENS,
            max_length=4,
            beam_size=beams,
            from_logits=False,
            verbose=0,
        ).tolist()

    assert search(1) == [[3, END, PAD, PAD]] * 2
    assert search(2) == [[4, END, PAD, PAD]] * 2


def test_the_size_of_the_batches_does_not_matter(translator):
    options = {**TOKENS, "max_length": 4, "beam_size": 3, "verbose": 0}
    together = generate_targets(translator, SOURCES, **options)
    for size in (1, 2):
        apart = generate_targets(translator, SOURCES, batch_size=size, **options)
        np.testing.assert_array_equal(apart, together)


def test_probabilities_give_what_their_logits_give(translator):
    options = {**TOKENS, "max_length": 4, "beam_size": 3, "verbose": 0}
    expected = generate_targets(translator, SOURCES, **options)
    outputs = keras.layers.Softmax()(translator.output)
    softened = keras.Model(translator.input, outputs)
    targets = generate_targets(softened, SOURCES, from_logits=False, **options)
    np.testing.assert_array_equal(targets, expected)


def test_inputs_of_another_form():
    def named(inputs):
        return copier((inputs["source"], inputs["target"]))

    targets = generate_targets(
        named,
        SOURCES,
        **TOKENS,
        max_length=4,
        inputs=lambda sources, targets: {"source": sources, "target": targets},
        verbose=0,
    )
    np.testing.assert_array_equal(targets, SOURCES)


@pytest.mark.parametrize("beams", [1, 2])
def test_the_teacher_is_asked_no_more_of_what_is_over(beams):
    shapes = []

    def watched(inputs):
        tf.py_function(lambda targets: shapes.append(targets.shape.as_list()), [inputs[1]], [])
        return copier(inputs)

    sources = SOURCES[[1, 2, 0, 4]]
    targets = generate_targets(
        watched, sources, **TOKENS, max_length=50, beam_size=beams, verbose=0
    )
    np.testing.assert_array_equal(targets[:, :4], sources)
    assert shapes == [[4 * beams, 1], [3 * beams, 2], [beams, 3], [beams, 4]]


def test_a_model_works_in_inference():
    layers = keras.layers
    inputs = keras.Input((None,)), keras.Input((None,))
    table = layers.Embedding(VOCABULARY, VOCABULARY, "identity")(inputs[1])
    model = keras.Model(inputs, layers.Dropout(0.99)(10 * table))
    targets = generate_targets(model, SOURCES[:1], **TOKENS, max_length=3, verbose=0)
    assert targets.tolist() == [[START] * 3]


def test_shows_its_progress_on_request(capsys):
    generate_targets(copier, SOURCES, **TOKENS, max_length=2, batch_size=2)
    assert "5/5" in capsys.readouterr().out
    generate_targets(copier, SOURCES, **TOKENS, max_length=2, verbose=0)
    assert capsys.readouterr().out == ""


def test_warns_of_probabilities_taken_for_logits():
    def softened(inputs):
        return tf.nn.softmax(copier(inputs))

    with pytest.warns(UserWarning, match="say from_logits=False") as caught:
        generate_targets(softened, SOURCES, **TOKENS, max_length=2, batch_size=2, verbose=0)
    assert len(caught) == 1
    assert caught[0].filename == __file__


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"teacher": "gru"}, TypeError, "model or a function; got str"),
        ({"sources": np.zeros((0, 4))}, ValueError, r"\[count, ...\]; got \(0, 4\)"),
        ({"sources": 3}, ValueError, r"\[count, ...\]; got \(\)"),
        ({"max_length": 0}, ValueError, "max_length must be a whole number, at least 1; got 0"),
        ({"beam_size": 0}, ValueError, "beam_size must be a whole number, at least 1; got 0"),
        ({"batch_size": 2.0}, ValueError, "batch_size must be a whole number.* got 2.0"),
        ({"start_token": -1}, ValueError, "start_token must be a whole number, at least 0"),
        ({"end_token": "</s>"}, ValueError, "end_token must be .* got '</s>'"),
        ({"pad_token": None}, ValueError, "pad_token must be a whole number; got None"),
        ({"end_token": VOCABULARY}, ValueError, "end_token 5 is not among .* 5 tokens"),
        ({"from_logits": False}, ValueError, "outputs are no probabilities"),
        ({"teacher": lambda x: copier(x)[:, 0]}, ValueError, r"it gives \(.*5\) for \("),
        ({"teacher": lambda x: copier(x)[:, :0]}, ValueError, r"for targets \[batch, time\]"),
    ],
)
def test_refuses_what_makes_no_sense(changes, error, message):
    arguments = {"teacher": copier, "sources": SOURCES, **TOKENS, "max_length": 4, **changes}
    with pytest.raises(error, match=message):
        generate_targets(arguments.pop("teacher"), arguments.pop("sources"), **arguments)
