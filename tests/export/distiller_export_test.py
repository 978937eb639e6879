"""Of a Distiller the student is what is counted, compressed and exported."""

import keras
import numpy as np
import pytest
import tf_keras
from safetensors import deserialize

import tfqd

X = np.random.default_rng(0).normal(size=(8, 5)).astype("float32")


@pytest.fixture(scope="module", params=[keras, tf_keras], ids=["keras", "tf_keras"])
def distiller(request):
    kind = request.param
    teacher, student = (
        kind.Sequential([kind.Input((5,)), kind.layers.Dense(units), kind.layers.Dense(2)])
        for units in (9, 3)
    )
    distiller = tfqd.Distiller(teacher, tfqd.quantize_model(student, 4))
    loss = kind.losses.SparseCategoricalCrossentropy(from_logits=True)
    distiller.compile(kind.optimizers.SGD(0.1), loss, jit_compile=False)
    distiller.fit(X, np.arange(8) % 2, verbose=0)
    return distiller


def test_its_forms_are_the_students(distiller):
    compressed = tfqd.compress(distiller)
    assert list(compressed.tensors) == list(tfqd.compress(distiller.student).tensors)
    plain = tfqd.strip_quantization(distiller)
    np.testing.assert_array_equal(plain(X), distiller.student(X))
    assert repr(tfqd.size_report(distiller)) == repr(tfqd.size_report(distiller.student))


def test_its_multiply_adds_are_the_students(distiller):
    found = tfqd.compute_report(distiller)
    assert found == tfqd.compute_report(distiller.student)
    assert found.by_bits == {(4, 32): 5 * 3 + 3 * 2}


@pytest.mark.parametrize("version", [keras, tf_keras])
def test_sizes_are_told_of_a_student_that_is_float(version):
    teacher, student = (
        version.Sequential([version.Input((5,)), version.layers.Dense(2)]) for _ in range(2)
    )
    found = tfqd.size_report(tfqd.Distiller(teacher, student))
    assert found == tfqd.size_report(student)


def test_its_files_answer_as_the_student(distiller, tmp_path):
    assert tfqd.save(distiller, tmp_path / "m.tfqd").largest_difference == 0
    np.testing.assert_array_equal(tfqd.load(tmp_path / "m.tfqd")(X), distiller.student(X))
    exported = tfqd.export.saved_model(distiller, tmp_path / "served")
    assert exported.largest_difference < 1e-5
    tfqd.export.safetensors(distiller, tmp_path / "m.safetensors")
    tfqd.export.safetensors(distiller.student, tmp_path / "s.safetensors")
    # Their metadata have no order.
    ours, students = (
        dict(deserialize((tmp_path / f"{name}.safetensors").read_bytes())) for name in "ms"
    )
    assert ours == students
