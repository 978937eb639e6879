"""The studies of the examples: what makes another experiment, and what is made once."""

import dataclasses
import json
import pathlib
import re

import example_modules  # noqa: F401
import keras
import pytest
import tensorflow as tf
from paper_recipes import RECIPES, paper
from paper_results import PAGE, RESULTS
from results_file import ResultsFile
from study import Study, teacher_of

FACTS = {"data": "points", "networks": "small to smaller"}


class Points:
    """Random points of two classes, eight at a time."""

    steps = 2

    def train(self, start, stop):
        def batch(step):
            x = tf.random.stateless_normal((8, 5), tf.stack([step, 1]))
            return x, tf.cast(x[:, 0] > 0, tf.int64)

        return tf.data.Dataset.range(start, stop).map(batch)

    def held_out(self):
        return self.train(1000, 1002)


def network(name, dropout):
    del dropout
    units = {"teacher": 6, "student": 3}[name]
    layers = [keras.layers.Dense(units, "relu"), keras.layers.Dense(2)]
    return keras.Sequential([keras.Input((5,)), *layers])


def study(folder, recipe=None, seed=1, teacher=None, facts=None):
    recipe, data = recipe or paper(0.0), Points()
    trainer, test = recipe.trainer(data, seed), data.held_out()
    return Study(network, recipe, trainer, test, folder, teacher, facts or FACTS)


def teacher_file(folder, seed):
    folder.mkdir()
    keras.utils.set_random_seed(seed)
    network("teacher", False).save(folder / "teacher.keras")
    return teacher_of(folder / "teacher.keras")


def experiments(folder):
    """Studies of which each is another experiment."""
    recipe = paper(0.0)
    yield study(folder)
    yield study(folder, facts={**FACTS, "data": "lines"})
    yield study(folder, facts={**FACTS, "networks": "small to smallest"})
    yield study(folder, dataclasses.replace(recipe, batch=50))
    yield study(folder, paper(0.002))
    yield study(folder, paper(0.01))
    yield study(folder, seed=2)
    yield study(folder, teacher=teacher_file(folder / "first", 1))
    yield study(folder, teacher=teacher_file(folder / "second", 2))
    keras.mixed_precision.set_global_policy("mixed_bfloat16")
    try:
        yield study(folder)
    finally:
        keras.mixed_precision.set_global_policy("float32")


def test_other_experiments_share_neither_models_nor_rows(tmp_path):
    found = list(experiments(tmp_path))
    assert len({each.folder for each in found}) == len(found) == 10
    keys = [each.key for each in found]
    assert all(first != second for i, first in enumerate(keys) for second in keys[:i])


def test_the_same_experiment_is_found_again(tmp_path):
    first, second = study(tmp_path), study(tmp_path)
    assert (first.folder, first.key) == (second.folder, second.key)
    first, second = (teacher_of(tmp_path / name / "teacher.keras") for name in _copies(tmp_path))
    keys = [study(tmp_path, teacher=each).key for each in (first, second)]
    assert keys[0] == keys[1], "a copy of a teacher is that teacher"


def _copies(folder):
    teacher_file(folder / "first", 1)
    (folder / "second").mkdir()
    content = (folder / "first" / "teacher.keras").read_bytes()
    (folder / "second" / "teacher.keras").write_bytes(content)
    return "first", "second"


def test_a_finished_run_is_not_repeated(tmp_path):
    results = ResultsFile(tmp_path / "results.json", {"data": "points"})
    made = [row["run"] for row in study(tmp_path).rows(["student"], ["distilled"], results)]
    assert made == ["labels", "distilled"]
    assert list(study(tmp_path).rows(["student"], ["distilled"], results)) == []
    (other,) = study(tmp_path, seed=2).rows([], [], results)
    assert (other["seed"], other["student"]) == (2, "teacher")


def test_a_row_of_the_teacher_that_another_wrote_meanwhile_is_not_written_twice(tmp_path):
    results = ResultsFile(tmp_path / "results.json", {"data": "points"})
    teacher = teacher_file(tmp_path / "given", 1)
    first, second = (study(tmp_path, teacher=teacher) for _ in range(2))
    find = results.find
    results.find = lambda key: None
    assert len(list(first.rows([], [], results))) == 1
    assert list(second.rows([], [], results)) == []
    results.find = find
    assert len(results.rows) == 1


def test_a_training_that_ends_early_is_reported_with_the_epochs_that_it_made(tmp_path):
    recipe = paper(0.0)
    training = dataclasses.replace(
        recipe.float, epochs=9, schedule=lambda errors: None if len(errors) == 2 else 1.0
    )
    results = ResultsFile(tmp_path / "results.json", {"data": "points"})
    (row,) = study(tmp_path, dataclasses.replace(recipe, float=training)).rows([], [], results)
    assert (row["float_epochs"], row["epochs"]) == (9, 2)


def test_every_committed_row_is_found_by_a_command_of_the_page(tmp_path):
    rows = json.loads((RESULTS / "cifar10_paper.json").read_text(encoding="utf-8"))["rows"]
    asked = [key for flags in _commands() for key in _keys(tmp_path, flags)]
    for row in rows:
        assert any(row.items() >= key.items() for key in asked), row
    for key in asked:
        assert any(row.items() >= key.items() for row in rows), key


def _commands():
    """The flags of each command by which the page says that its rows were made."""
    text = PAGE.read_text(encoding="utf-8").replace("\\\n", "")
    for line in re.findall(r"^ +python examples/cifar10_paper\.py (.*)$", text, re.MULTILINE):
        yield dict(re.findall(r"--(\w+)=(\S+)", line))


def _keys(folder, flags):
    """What identifies the rows of a command, of each of its seeds and students."""
    recipe = RECIPES[flags.get("recipe", "paper")](float(flags["budget"]))
    teacher = {
        "teacher": pathlib.Path(flags["teacher"]).stem,
        "teacher_digest": "9600968bd0131aad967f8f000e047d36db097e6f5a2fe468dd7e5b31fe624c5f",
    }
    policy = keras.mixed_precision.global_policy()
    keras.mixed_precision.set_global_policy(flags.get("precision", "float32"))
    try:
        for seed in map(int, flags["seeds"].split(",")):
            key = study(folder, recipe, seed, facts={"data": "CIFAR-10"}).key
            for student in ("teacher", *flags["students"].split(",")):
                yield {**key, **teacher, "student": student}
    finally:
        keras.mixed_precision.set_global_policy(policy)


def test_a_missing_teacher_is_refused(tmp_path):
    with pytest.raises(ValueError, match=r"--teacher=.*missing\.keras: there is no such file"):
        teacher_of(tmp_path / "missing.keras")
