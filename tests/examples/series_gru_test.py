"""The recurrent example, run as a user runs it, on a few made-up series."""

import json
import re
import sys

import numpy as np
import pytest
from example_modules import run, run_here
from japanese_vowels import Part, batches, held_out, load, read

import tfqd

CHANNELS, CLASSES, LONGEST = 3, ("1", "2"), 9
TRAINED = ("distilled", "control")
RUNS = [
    "teacher",
    "float_student",
    "float_control",
    *(f"{name}_{bits}bit" for bits in (4, 2) for name in ("post_training", *TRAINED)),
]


def error_line(*arguments):
    """What the program says for itself when it fails."""
    line = run_here("series_gru.py", *arguments).end
    assert line.startswith("series_gru: ")
    assert "\n" not in line
    return line


def write_series(path, count, random):
    """A `.ts` file of noise around a class's own level, of 4 to 9 steps."""
    lines = [
        "#made up",
        f"@dimensions {CHANNELS}",
        f"@classLabel true {' '.join(CLASSES)}",
        "@data",
    ]
    lengths = random.permutation(np.resize(np.arange(4, LONGEST + 1), count))
    for i, length in enumerate(lengths):
        label = i % len(CLASSES)
        series = random.normal(2 * label, 1, (CHANNELS, length))
        channels = [",".join(f"{value:.6f}" for value in channel) for channel in series]
        lines.append(":".join([*channels, CLASSES[label]]))
    path.write_text("\n".join(lines) + "\n")


@pytest.fixture(scope="module")
def data_dir(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    random = np.random.default_rng(0)
    write_series(folder / "JapaneseVowels_TRAIN.ts", 24, random)
    write_series(folder / "JapaneseVowels_TEST.ts", 12, random)
    return folder


@pytest.fixture(scope="module")
def example(data_dir, tmp_path_factory):
    """A whole run of one seed, one epoch a training: its arguments, output folder and process."""
    output = tmp_path_factory.mktemp("series_gru")
    epochs = [f"--{stage}epochs=1" for stage in ("teacher_", "student_", "")]
    arguments = [f"--data_dir={data_dir}", f"--output={output}", "--seeds=1", *epochs]
    done = run("series_gru.py", *arguments)
    assert done.returncode == 0, done.stderr
    return arguments, output, done


def results(output):
    return json.loads((output / "results.json").read_text())


def test_it_says_where_the_data_come_from_and_what_it_measures(example, data_dir):
    _, _, done = example
    assert f"--data_dir, {data_dir}; measured on test series" in done.stdout


def test_every_run_has_a_row_and_a_summary(example):
    _, output, done = example
    found = results(output)
    assert [(row["seed"], row["run"]) for row in found["rows"]] == [(0, run) for run in RUNS]
    assert found["epochs"] == {"teacher": 1, "student": 1, "run": 1}
    for row in found["rows"]:
        assert found["summary"][row["run"]]["accuracy_mean"] == row["accuracy"]
        assert re.search(rf"{row['run']} .* {row['accuracy']:.2f} %", done.stdout)


def test_the_compressed_models_are_held_against_the_float_student(example):
    _, output, _ = example
    found = json.loads((output / "seed0" / "evaluation.json").read_text())
    rows = {row["run"]: row for row in results(output)["rows"]}
    assert found["reference"] == "float_student"
    assert len(found["values"]) == 7
    for name, values in found["values"].items():
        assert 100 * values["accuracy"] == pytest.approx(rows[name]["accuracy"])


def test_the_files_hold_the_measured_models_with_all_kernels_quantized(example, data_dir):
    _, output, _ = example
    data = batches(*load(data_dir))
    for row in results(output)["rows"]:
        if row["bits"] == 32:
            continue
        path = output / "seed0" / f"{row['run']}.tfqd"
        assert path.stat().st_size == row["bytes"]
        quantized = tfqd.load(path, "compressed").quantized
        assert {name.rpartition("/")[2] for name in quantized} == {"kernel", "recurrent_kernel"}
        assert len(quantized) == 3
        logits = np.asarray(tfqd.load(path)(data.x_test))
        assert 100 * np.mean(logits.argmax(-1) == data.y_test) == row["accuracy"]


def test_steps_behind_the_end_of_a_series_change_nothing(example, data_dir):
    _, output, _ = example
    model = tfqd.load(output / "seed0" / "distilled_4bit.tfqd")
    x = batches(*load(data_dir)).x_test
    longer = np.pad(x, ((0, 0), (0, 5), (0, 0)))
    np.testing.assert_allclose(model(longer), model(x), rtol=1e-6)


def test_finished_runs_are_kept_and_missing_ones_come_out_the_same(example):
    arguments, output, _ = example
    whole = results(output)
    kept = [row for row in whole["rows"] if row["run"] != "distilled_2bit"]
    (output / "results.json").write_text(json.dumps({**whole, "rows": kept}))
    again = run("series_gru.py", *arguments)
    assert again.returncode == 0, again.stderr
    assert re.findall(r"seed 0, (\w+):", again.stdout) == ["distilled_2bit"]
    assert results(output) == whole


def test_results_of_other_settings_are_not_mixed(example):
    arguments, output, _ = example
    before = (output / "results.json").read_text()
    assert "holds results with epochs" in error_line(*arguments, "--epochs=2")
    assert (output / "results.json").read_text() == before


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "pip install aeon"),
        (["--data_dir=nowhere"], "JapaneseVowels_TRAIN.ts is not in nowhere"),
    ],
    ids=["no aeon", "no files"],
)
def test_without_data_it_ends_with_one_line(tmp_path, monkeypatch, arguments, told):
    monkeypatch.setitem(sys.modules, "aeon", None)
    assert told in error_line(*arguments, f"--output={tmp_path}")
    assert list(tmp_path.iterdir()) == []


def test_a_malformed_line_is_named(tmp_path):
    path = tmp_path / "bad.ts"
    path.write_text("@classLabel true a b\n@data\n1,2:3,4:a\n1,2:3:b\n")
    with pytest.raises(ValueError, match=r"bad\.ts, line 4: "):
        read(path)


def test_series_are_padded_with_zeros_and_scaled_by_their_own_steps():
    train = Part([np.array([[1.0], [3.0]]), np.array([[5.0]])], np.array([0, 1]))
    test = Part([np.array([[3.0], [3.0], [5.0]])], np.array([0]))
    data = batches(train, test)
    scale = np.sqrt(8 / 3)
    np.testing.assert_allclose(data.x_train[..., 0] * scale, [[-2, 0, 0], [2, 0, 0]], atol=1e-6)
    np.testing.assert_allclose(data.x_test[..., 0] * scale, [[0, 0, 2]], atol=1e-6)


def test_a_third_of_each_class_is_held_out():
    train = Part([np.full((1, 1), i) for i in range(18)], np.repeat([0, 1], 9))
    rest, second = held_out(train, seed=0)
    assert np.bincount(rest.labels).tolist() == [6, 6]
    assert np.bincount(second.labels).tolist() == [3, 3]
    assert sorted(int(s[0, 0]) for s in rest.series + second.series) == list(range(18))
