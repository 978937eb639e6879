import keras
import numpy as np
import pytest
import tensorflow as tf
from soft_targets import divergence, softmax

from tfqd.distillation import LogitsDistillation
from tfqd.distillation.losses import default_temperature, looks_like_probabilities

RNG = np.random.default_rng(0)
TEACHER, STUDENT = RNG.normal(size=(2, 6, 5)).astype(np.float32)
TEACHERS, STUDENTS = RNG.normal(size=(2, 6, 3, 5)).astype(np.float32)
PER_SAMPLE = divergence(TEACHER, STUDENT, 2.0)
PER_POSITION = divergence(TEACHERS, STUDENTS, 2.0)
MASK = np.array([[1, 1, 1], [1, 1, 0], [1, 0, 0], [0, 0, 0], [0, 1, 0], [1, 0, 1]], bool)
LENGTHS = np.maximum(MASK.sum(1), 1)


def soft_loss(teacher, student, temperature=2.0, **options):
    loss = LogitsDistillation(temperature)
    return float(loss.compute_loss(teacher, student, **options))


@pytest.mark.parametrize("temperature", [0.5, 1, 2.0, 7.5])
def test_equals_the_divergence_by_hand(temperature):
    expected = divergence(TEACHER, STUDENT, temperature).mean()
    assert soft_loss(TEACHER, STUDENT, temperature) == pytest.approx(expected, rel=1e-5)


def test_two_classes_worked_by_hand():
    logits = np.log([[0.5, 0.5]]), np.log([[0.25, 0.75]])
    expected = 0.5 * np.log(0.5 / 0.25) + 0.5 * np.log(0.5 / 0.75)
    assert soft_loss(*logits, temperature=1) == pytest.approx(expected, abs=1e-6)


def test_does_not_shrink_with_the_number_of_classes():
    """The paper's reference code divided by it: 5 classes, a fifth of the loss."""
    unlikely = np.full((6, 20), -50.0, np.float32)
    wider = [np.concatenate([logits, unlikely], axis=1) for logits in (TEACHER, STUDENT)]
    assert soft_loss(*wider) == pytest.approx(soft_loss(TEACHER, STUDENT), rel=1e-5)


def test_equals_keras_logits_distillation():
    ours = soft_loss(TEACHER, STUDENT, 3.0)
    divergence_object = keras.losses.KLDivergence()
    theirs = keras.distillation.LogitsDistillation(3.0, divergence_object)
    assert ours == pytest.approx(float(theirs.compute_loss(TEACHER, STUDENT)), abs=1e-6)


def test_keras_default_name_compares_raw_logits_and_ours_does_not():
    """In Keras 3.15 the name gives a function, which misses the softmax and T^2."""
    by_name = keras.distillation.LogitsDistillation(3.0)
    theirs = float(by_name.compute_loss(TEACHER, STUDENT))
    clipped = [np.clip(logits / 3.0, 1e-7, 1.0) for logits in (TEACHER, STUDENT)]
    raw = np.mean(np.sum(clipped[0] * np.log(clipped[0] / clipped[1]), axis=-1))
    assert theirs == pytest.approx(raw, rel=1e-4)
    assert soft_loss(TEACHER, STUDENT, 3.0) == pytest.approx(
        divergence(TEACHER, STUDENT, 3.0).mean(), rel=1e-5
    )
    assert abs(theirs - soft_loss(TEACHER, STUDENT, 3.0)) > 0.1


def test_probabilities_give_the_loss_of_their_logits():
    loss = LogitsDistillation(2.0, from_logits=False)
    value = loss.compute_loss(softmax(TEACHER), softmax(STUDENT))
    assert float(value) == pytest.approx(PER_SAMPLE.mean(), rel=1e-4)


def test_probabilities_of_zero_give_a_finite_loss():
    one_hot = np.eye(5, dtype=np.float32)
    loss = LogitsDistillation(1.0, from_logits=False).compute_loss(one_hot, one_hot[::-1])
    assert np.isfinite(float(loss))


def test_classes_that_both_rule_out_add_nothing():
    never = np.full((6, 1), -np.inf, np.float32)
    teacher, student = (np.concatenate([x, never], axis=1) for x in (TEACHER, STUDENT))
    student = tf.Variable(student)
    with tf.GradientTape() as tape:
        loss = LogitsDistillation(2.0).compute_loss(teacher, student)
    assert float(loss) == pytest.approx(PER_SAMPLE.mean(), rel=1e-5)
    gradient = tape.gradient(loss, student).numpy()
    assert np.isfinite(gradient).all()
    assert np.abs(gradient[:, :5]).max() > 0.01


def test_a_single_unit_is_one_of_two_classes():
    one = TEACHER[:, :1], STUDENT[:, :1]
    two = [np.concatenate([logits, np.zeros_like(logits)], axis=1) for logits in one]
    expected = divergence(*two, 2.0).mean()
    assert soft_loss(*one) == pytest.approx(expected, rel=1e-5)
    sigmoids = [softmax(logits)[:, :1] for logits in two]
    loss = LogitsDistillation(2.0, from_logits=False).compute_loss(*sigmoids)
    assert float(loss) == pytest.approx(expected, rel=1e-4)


@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_its_gradient_is_the_difference_of_the_softened_distributions(temperature):
    student = tf.Variable(STUDENT)
    with tf.GradientTape() as tape:
        loss = LogitsDistillation(temperature).compute_loss(TEACHER, student)
    gap = softmax(STUDENT / temperature) - softmax(TEACHER / temperature)
    expected = temperature * gap / len(TEACHER)
    np.testing.assert_allclose(tape.gradient(loss, student), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("shape", [(6,), (6, 1)])
def test_sample_weights_weigh_the_samples(shape):
    weight = RNG.random(6).astype(np.float32)
    value = soft_loss(TEACHER, STUDENT, sample_weight=weight.reshape(shape))
    assert value == pytest.approx(np.mean(weight * PER_SAMPLE), rel=1e-5)


def test_a_masked_sample_is_not_learned_from():
    mask = np.array([1, 0, 1, 1, 0, 1], bool)
    value = soft_loss(TEACHER, STUDENT, mask=mask)
    assert value == pytest.approx(np.mean(mask * PER_SAMPLE), rel=1e-5)


def test_positions_are_averaged_in_each_sample():
    value = soft_loss(TEACHERS, STUDENTS)
    assert value == pytest.approx(PER_POSITION.mean(), rel=1e-5)


def test_masked_positions_do_not_count():
    expected = np.mean((PER_POSITION * MASK).sum(1) / LENGTHS)
    assert soft_loss(TEACHERS, STUDENTS, mask=MASK) == pytest.approx(expected, rel=1e-5)
    garbage = np.where(MASK[..., None], STUDENTS, 1e9).astype(np.float32)
    assert soft_loss(TEACHERS, garbage, mask=MASK) == pytest.approx(expected, rel=1e-5)


def test_a_mask_of_the_first_positions_holds_for_the_others():
    teacher, student = RNG.normal(size=(2, 6, 3, 2, 5)).astype(np.float32)
    mask = MASK | [True, False, False]
    inner = divergence(teacher, student, 2.0).mean(axis=2)
    expected = np.mean((inner * mask).sum(1) / mask.sum(1))
    assert soft_loss(teacher, student, mask=mask) == pytest.approx(expected, rel=1e-5)


def test_weights_may_weigh_positions_under_a_mask():
    weight = RNG.random((6, 3)).astype(np.float32)
    expected = np.mean((weight * PER_POSITION * MASK).sum(1) / LENGTHS)
    value = soft_loss(TEACHERS, STUDENTS, sample_weight=weight, mask=MASK)
    assert value == pytest.approx(expected, rel=1e-5)
    weight = RNG.random(6).astype(np.float32)
    expected = np.mean(weight * PER_POSITION.mean(1))
    value = soft_loss(TEACHERS, STUDENTS, sample_weight=weight)
    assert value == pytest.approx(expected, rel=1e-5)


def test_an_empty_batch_has_no_loss():
    assert soft_loss(TEACHER[:0], STUDENT[:0]) == 0.0


def test_is_zero_for_equal_outputs_and_positive_otherwise():
    assert soft_loss(TEACHER, TEACHER) == pytest.approx(0.0, abs=1e-6)
    assert soft_loss(TEACHER, STUDENT) > 0.1


def test_several_outputs_are_summed():
    teacher = {"a": TEACHER, "b": [TEACHERS, TEACHER]}
    student = {"b": (STUDENTS, STUDENT), "a": STUDENT}
    expected = 2 * PER_SAMPLE.mean() + PER_POSITION.mean()
    assert soft_loss(teacher, student) == pytest.approx(expected, rel=1e-5)


def test_several_outputs_share_a_weight_or_have_their_own():
    teacher, student = [TEACHER, TEACHERS], [STUDENT, STUDENTS]
    weight = RNG.random(6).astype(np.float32)
    shared = np.mean(weight * PER_SAMPLE) + np.mean(weight * PER_POSITION.mean(1))
    assert soft_loss(teacher, student, sample_weight=weight) == pytest.approx(shared, rel=1e-5)
    own = PER_SAMPLE.mean() + np.mean(weight * (PER_POSITION * MASK).sum(1) / LENGTHS)
    options = {"sample_weight": [None, weight], "mask": [None, MASK]}
    assert soft_loss(teacher, student, **options) == pytest.approx(own, rel=1e-5)


@pytest.mark.parametrize(
    ("output", "pack"), [("b", lambda a, b: {"a": a, "b": b}), (1, lambda a, b: [a, b])]
)
def test_one_output_is_picked_with_its_mask(output, pack):
    loss = LogitsDistillation(2.0, output=output)
    options = {"mask": pack(None, MASK)}
    value = loss.compute_loss(pack(TEACHER, TEACHERS), pack(STUDENT, STUDENTS), **options)
    expected = np.mean((PER_POSITION * MASK).sum(1) / LENGTHS)
    assert float(value) == pytest.approx(expected, rel=1e-5)


def test_a_picked_output_may_be_the_only_common_one():
    loss = LogitsDistillation(2.0, output="b")
    value = loss.compute_loss({"a": TEACHERS, "b": TEACHER}, {"b": STUDENT})
    assert float(value) == pytest.approx(PER_SAMPLE.mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("teacher", "student", "options", "message"),
    [
        (TEACHER[:, :4], STUDENT, {}, r"teacher gives \(6, 4\), the student \(6, 5\)"),
        (TEACHER[:, :1], STUDENT, {}, r"teacher gives \(6, 1\), the student \(6, 5\)"),
        ({"a": TEACHER}, {"a": STUDENT[:, :3]}, {}, r"outputs\['a'\] of the same shape"),
        ({"a": TEACHER}, {"b": STUDENT}, {}, r"\['a'\] \(6, 5\), the student \['b'\] \(6, 5\)"),
        ([TEACHER], STUDENT, {}, r"teacher gives \[0\] \(6, 5\), the student \(6, 5\)"),
        (TEACHER[:, 0], STUDENT[:, 0], {}, r"\[batch, positions..., units\]; got \(6,\)"),
        (TEACHER, STUDENT, {"sample_weight": np.ones(5)}, r"shape of the batch .* got \(5,\)"),
        (TEACHER, STUDENT, {"sample_weight": np.ones((6, 3))}, r"\(6,\), .* got \(6, 3\)"),
        (TEACHER, STUDENT, {"sample_weight": np.float32(1)}, r"sample_weight must .* got \(\)"),
        (TEACHER, STUDENT, {"sample_weight": np.ones(1)}, r"sample_weight must .* got \(1,\)"),
        (TEACHERS, STUDENTS, {"mask": MASK[:, :2]}, r"mask must .*\(6, 3\).* got \(6, 2\)"),
        ([TEACHER], [STUDENT], {"mask": {"a": MASK}}, r"one for each output; got \['a'\]"),
    ],
)
def test_refuses_what_does_not_fit(teacher, student, options, message):
    with pytest.raises(ValueError, match=message):
        soft_loss(teacher, student, **options)


@pytest.mark.parametrize("output", ["b", 2, -3])
def test_refuses_an_output_that_is_not_there(output):
    outputs = {"a": TEACHER} if output == "b" else [TEACHER, TEACHER]
    with pytest.raises(ValueError, match=rf"no output {output!r} among \[.*\] \(6, 5\)"):
        LogitsDistillation(output=output).compute_loss(outputs, outputs)
    with pytest.raises(
        ValueError, match=r"no output 'kind' among .*; in a list they are chosen by"
    ):
        LogitsDistillation(output="kind").compute_loss([TEACHER], [TEACHER])


@pytest.mark.parametrize("temperature", [0, -1.0, float("inf"), float("nan"), "2", True])
def test_refuses_a_temperature_that_is_not_positive(temperature):
    with pytest.raises(ValueError, match="temperature must be None or a positive finite number"):
        LogitsDistillation(temperature)


@pytest.mark.parametrize("output", [1.5, True, ["a"]])
def test_refuses_an_output_that_is_no_name(output):
    with pytest.raises(ValueError, match="output must be None, a name or an index"):
        LogitsDistillation(output=output)


@pytest.mark.parametrize(
    ("bits", "temperature"), [(1, 1), (3, 1), (4, 2), (5, 2), (6, 3), (8, 3), (None, 4)]
)
def test_the_temperature_falls_with_the_bits(bits, temperature):
    assert default_temperature(bits) == temperature
    loss = LogitsDistillation(from_logits=False, output="a", name="soft")
    chosen = loss.for_bits(bits)
    assert chosen.get_config() == {**loss.get_config(), "temperature": temperature}
    assert loss.temperature is None


@pytest.mark.parametrize("bits", [0, 9, 3.5, "4", True])
def test_refuses_bits_that_no_student_has(bits):
    with pytest.raises(ValueError, match=f"whole number from 1 to 8; got {bits!r}"):
        default_temperature(bits)


def test_a_temperature_that_is_set_stays():
    loss = LogitsDistillation(5.0)
    assert loss.for_bits(2) is loss


def test_without_a_temperature_it_has_that_of_float_students():
    loss = LogitsDistillation()
    value = float(loss.compute_loss(TEACHER, STUDENT))
    assert value == pytest.approx(divergence(TEACHER, STUDENT, 4.0).mean(), rel=1e-5)


@pytest.mark.parametrize(
    ("array", "expected"),
    [
        (softmax(TEACHERS), True),
        (softmax(TEACHER).astype(np.float16), True),
        (TEACHER, False),
        (softmax(TEACHER) * 1.002, False),
        ([[1.5, -0.5]], False),
        (np.vstack([softmax(TEACHER), TEACHER]), False),
        ([[np.nan, 1.0]], False),
        (np.ones((4, 1)), False),
        (np.zeros((0, 3)), False),
    ],
)
def test_tells_probabilities_from_logits(array, expected):
    assert looks_like_probabilities(array) is expected


@pytest.mark.parametrize(
    "loss", ["categorical_crossentropy", keras.losses.CategoricalCrossentropy()]
)
def test_the_cross_entropy_is_of_the_softened_probabilities(loss):
    value = LogitsDistillation(2.0, loss).compute_loss(TEACHER, STUDENT)
    entropies = -(softmax(TEACHER / 2) * np.log(softmax(STUDENT / 2))).sum(-1)
    assert float(value) == pytest.approx(4 * entropies.mean(), rel=1e-5)


@pytest.mark.parametrize("loss", ["kl_divergence", "kld", keras.losses.KLDivergence()])
def test_the_divergence_may_be_named_as_in_keras(loss):
    expected = LogitsDistillation(3.0).compute_loss(TEACHER, STUDENT)
    assert float(LogitsDistillation(3.0, loss).compute_loss(TEACHER, STUDENT)) == float(expected)


@pytest.mark.parametrize("loss", ["mse", keras.losses.MeanSquaredError()])
def test_other_losses_are_given_what_keras_gives_them(loss):
    theirs = keras.distillation.LogitsDistillation(2.0, loss).compute_loss(TEACHER, STUDENT)
    ours = LogitsDistillation(2.0, loss)
    again = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(ours))
    for each in (ours, again):
        value = each.compute_loss(TEACHER, STUDENT)
        assert float(value) == pytest.approx(float(theirs), rel=1e-5)


def test_an_output_without_a_loss_is_not_compared():
    outputs = {"a": TEACHER, "b": TEACHER}, {"a": STUDENT, "b": STUDENT}
    one = LogitsDistillation(2.0, {"a": "kl_divergence", "b": None}).compute_loss(*outputs)
    assert float(one) == float(LogitsDistillation(2.0, output="a").compute_loss(*outputs))


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        ("entropy", "entropy"),
        (None, "must compare an output at least; got None"),
        ([None, None], "must compare an output at least"),
        (3, "loss must be the name of a loss of Keras or one itself; got 3"),
    ],
)
def test_what_is_no_loss_is_refused(loss, message):
    with pytest.raises(ValueError, match=message):
        LogitsDistillation(loss=loss)
