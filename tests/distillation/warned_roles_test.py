"""A Distiller warns of a teacher that cannot be what it is given for."""

import warnings

import keras
import pytest
from small_networks import network

import tfqd
from tfqd.distillation import LogitsDistillation


@pytest.mark.parametrize("from_logits", [True, False])
def test_probabilities_taken_for_logits_and_the_reverse_are_warned_of(from_logits):
    teacher = network()
    if from_logits:
        teacher = keras.Sequential([teacher, keras.layers.Softmax()])
        teacher.build((None, 6))
    soft = LogitsDistillation(2.0, from_logits=from_logits)
    with pytest.warns(UserWarning, match=f"say from_logits={not from_logits}"):
        tfqd.Distiller(teacher, network(8), soft)


def warnings_of(make):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        make()
    return [str(each.message) for each in caught if "Distiller" in str(each.message)]


def test_a_model_that_teaches_itself_and_swapped_roles_are_warned_of_once():
    model, quantized = network(8), tfqd.quantize_model(network(8), 2)
    (same,) = warnings_of(lambda: tfqd.Distiller(quantized, quantized))
    assert same.startswith("teacher and student are the same model, ")
    (swapped,) = warnings_of(lambda: tfqd.Distiller(quantized, model))
    assert "are they swapped? It is Distiller(teacher, student)" in swapped
    for arguments in ((model, quantized), (None, quantized), (model, network(8))):
        assert warnings_of(lambda given=arguments: tfqd.Distiller(*given)) == []
    assert warnings_of(lambda: tfqd.Distiller(model, model, student_loss_weight=1)) == []


def test_weights_that_teacher_and_student_share_are_warned_of():
    hidden = network(8).get_layer("hidden")
    teacher, student = (keras.Sequential([hidden, keras.layers.Dense(3)]) for _ in range(2))
    teacher.build((None, 6)), student.build((None, 6))
    with pytest.warns(UserWarning, match="has 2 of the student's weights, such as .*hidden/kernel"):
        tfqd.Distiller(teacher, student)
    hidden.trainable = False
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tfqd.Distiller(teacher, student)
