"""What the examples' trainings share: resuming, learning rates, the results file."""

import concurrent.futures
import dataclasses
import threading
import time

import example_modules  # noqa: F401
import keras
import numpy as np
import pytest
import tensorflow as tf
from learning_rates import Cosine, Plateau, Steps
from paper_networks import build
from paper_recipes import modern, paper
from results_file import ResultsFile
from trainings import Trainer, Training

import tfqd

EPOCHS = 3


class Points:
    """Eight random points of two classes, in batches of four."""

    steps = 2

    def train(self, start, stop):
        def batch(step):
            x = tf.random.stateless_normal((4, 5), tf.stack([step, 1]))
            return x, tf.cast(x[:, 0] > 0, tf.int64)

        return tf.data.Dataset.range(start, stop).map(batch)

    def held_out(self):
        return self.train(1000, 1002)


class Killed(Points):
    """The same; the held-out data of the second epoch are never there."""

    measured = 0

    def held_out(self):
        self.measured += 1
        if self.measured == 2:
            raise InterruptedError
        return super().held_out()


def student():
    layers = [keras.Input((5,)), keras.layers.Dense(6, "relu"), keras.layers.Dropout(0.2)]
    return tfqd.quantize_model(keras.Sequential([*layers, keras.layers.Dense(2)]), 3)


def trained(data, folder):
    training = Training(EPOCHS, 0.1, Cosine(EPOCHS))
    trainer = Trainer(data, 7, tfqd.distillation.LogitsDistillation(), 0.3)
    return trainer.train(student, lambda: None, training, folder, "tried").get_weights()


def test_a_training_that_was_interrupted_ends_as_one_that_was_not(tmp_path, capsys):
    whole = trained(Points(), tmp_path / "whole")
    with pytest.raises(InterruptedError):
        trained(Killed(), tmp_path / "killed")
    resumed = trained(Points(), tmp_path / "killed")
    for expected, found in zip(whole, resumed, strict=True):
        np.testing.assert_array_equal(found, expected)
    assert capsys.readouterr().out.count("epoch 2 of 3") == 2


def test_a_finished_training_is_not_repeated(tmp_path, capsys):
    first = trained(Points(), tmp_path)
    capsys.readouterr()
    second = trained(Points(), tmp_path)
    assert capsys.readouterr().out == ""
    np.testing.assert_array_equal(first[0], second[0])


def test_two_of_one_folder_train_once(tmp_path):
    begun, goes_on, made = threading.Event(), threading.Event(), []

    def slow_student():
        made.append(1)
        begun.set()
        assert goes_on.wait(60)
        return student()

    def train():
        training = Training(1, 0.1)
        trainer = Trainer(Points(), 7, tfqd.distillation.LogitsDistillation(), 0.3)
        return trainer.train(slow_student, lambda: None, training, tmp_path / "t", "tried")

    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        first = pool.submit(train)
        assert begun.wait(60)
        second = pool.submit(train)
        time.sleep(0.5)
        goes_on.set()
        models = [each.result() for each in (first, second)]
    assert len(made) == 1
    np.testing.assert_array_equal(models[0].get_weights()[0], models[1].get_weights()[0])


def test_the_plateau_halves_where_errors_stay_and_stops_in_the_end():
    plateau = Plateau(patience=2, wait=1, most_bad=6)
    assert plateau([]) == 1.0
    assert plateau([0.5, 0.4]) == 1.0
    assert plateau([0.5, 0.4995, 0.4993]) == 0.5, "two epochs without a drop by 0.001"
    assert plateau([0.5, 0.5, 0.5, 0.5, 0.5]) == 0.5, "one epoch is waited for"
    assert plateau([0.5] * 6) == 0.25
    assert plateau([0.5] * 7) == 0.25
    assert plateau([0.5] * 8) is None, "seven epochs without a drop"
    assert Plateau().scaled(0.1) == Plateau(patience=1, wait=1, most_bad=3)


def test_the_plateau_of_a_short_training_stays_for_three_epochs():
    short = Plateau().scaled(0.04)
    assert short([0.5, 0.6, 0.6, 0.6]) is not None
    assert short([0.5, 0.6, 0.6, 0.6, 0.6]) is None


def test_steps_and_cosine():
    steps = Steps((2, 3), 0.2)
    assert [round(steps([1.0] * done), 6) for done in range(4)] == [1, 1, 0.2, 0.04]
    assert [Cosine(2)([1.0] * done) for done in (0, 1)] == pytest.approx([1.0, 0.5])


def test_several_may_add_to_one_results_file(tmp_path):
    def add(number):
        ResultsFile(tmp_path / "r.json", {"data": "points"}).add({"number": number})

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    results = ResultsFile(tmp_path / "r.json", {"data": "points"})
    assert sorted(row["number"] for row in results.rows) == list(range(40))
    assert results.find({"number": 3}) == {"number": 3}
    assert results.find({"number": 40}) is None
    with pytest.raises(ValueError, match="holds results on 'points', not on 'lines'"):
        ResultsFile(tmp_path / "r.json", {"data": "lines"})


def test_a_row_that_another_added_meanwhile_is_not_added_again(tmp_path):
    results = ResultsFile(tmp_path / "r.json", {"data": "points"})
    assert results.add({"seed": 1, "accuracy": 90.0}, {"seed": 1})
    assert not results.add({"seed": 1, "accuracy": 91.0}, {"seed": 1})
    assert results.add({"seed": 2, "accuracy": 92.0}, {"seed": 2})
    assert [row["accuracy"] for row in results.rows] == [90.0, 92.0]


def test_recipes_scale_epochs_by_the_budget():
    recipe = paper(0.1)
    assert recipe.float == Training(20, 1e-3, Plateau(1, 1, 3))
    assert {bits: each.epochs for bits, each in recipe.points_training.items()} == {
        2: 2,
        4: 1,
        8: 1,
    }
    assert dataclasses.replace(paper(1.0).float, schedule=None) == Training(200, 1e-3, None)


@pytest.mark.parametrize(("recipe", "quantized"), [(paper, 22), (modern, 6)])
def test_recipes_quantize_what_they_say(recipe, quantized):
    student, settings = build("S3", 0.0, dropout=False), recipe(1.0)
    for spec in (settings.weights(2), settings.points(4)):
        assert len(tfqd.compress(tfqd.quantize_model(student, spec)).quantized) == quantized
