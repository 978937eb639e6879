"""Runs of the translation example that share a folder."""

import json

import pytest
from example_modules import run_here
from translation_data import invented

import tfqd

TINY = ["--epochs=1", "--rate=0.02", "--vocabulary=120", "--teacher_units=8", "--student_units=8"]
PARTS = ["train", "val", "test_2016_flickr", "test_2017_flickr"]
PARTS += ["test_2017_mscoco", "test_2018_flickr"]


@pytest.fixture(scope="module", name="output")
def folder_of_a_teacher(tmp_path_factory):
    output = tmp_path_factory.mktemp("runs")
    made = run_here("translate_lstm.py", *TINY, "--beam=1", "--runs=teacher", f"--output={output}")
    assert made.end is None
    return output


def rows_of(file):
    return json.loads(file.read_text(encoding="utf-8"))["rows"]


def test_another_beam_measures_the_same_teacher_anew(output):
    (teacher,) = output.glob("*/teacher/student.keras")
    trained_at = teacher.stat().st_mtime_ns
    arguments = [*TINY, "--beam=2", "--runs=teacher", f"--output={output}"]
    for _ in range(2):
        assert run_here("translate_lstm.py", *arguments).end is None
    assert [row["beam"] for row in rows_of(output / "results.json")] == [1, 2]
    assert list(output.glob("*/teacher/student.keras")) == [teacher]
    assert teacher.stat().st_mtime_ns == trained_at


def test_models_of_other_data_are_not_taken(output, tmp_path):
    lines = "".join(f"{english}\t{german}\n" for german, english in invented()[0][:90])
    (tmp_path / "translation").mkdir()
    for part in PARTS:
        few = lines if part == "train" else "".join(lines.splitlines(True)[:9])
        (tmp_path / "translation" / f"multi30k.{part}.tsv").write_text(few, encoding="utf-8")
    arguments = [*TINY, "--beam=1", "--runs=teacher", f"--output={output}"]
    others = [f"--data_dir={tmp_path}", f"--results={tmp_path}/results.json"]
    assert run_here("translate_lstm.py", *arguments, *others).end is None
    (row,) = rows_of(tmp_path / "results.json")
    assert (row["data"], row["batch"]) == ("Multi30k", 10)
    teachers = {path.parents[1].name for path in output.glob("*/teacher/student.keras")}
    assert len(teachers) == len(list(output.glob("*/vocabulary.json"))) == 2
    assert sum(row["vocabulary_digest"] in name for name in teachers) == 1


def test_learned_steps_and_chosen_codes_start_from_the_float_student(output):
    runs = ["quantized_2bit", "learned_2bit", "entropy_2bit"]
    arguments = [*TINY, "--float_epochs=2", "--beam=1", f"--runs={','.join(runs)}"]
    made = run_here("translate_lstm.py", *arguments, f"--output={output}")
    assert made.end is None
    for trained, epochs in {"teacher": 2, "word": 2, **dict.fromkeys(runs, 1)}.items():
        assert f"seed 1, {trained}: epoch {epochs} of {epochs}" in made.stdout
    *_, quantized, learned, entropy = rows_of(output / "results.json")
    assert [learned["run"], entropy["run"]] == runs[1:]
    assert (entropy["epochs"], entropy["float_epochs"]) == (1, 2)
    assert 0.97 * quantized["bytes"] < entropy["bytes"] <= quantized["bytes"]
    (file,) = output.glob("*/*/learned_2bit/student.tfqd")
    assert learned["bytes"] == file.stat().st_size
    tensors = tfqd.load(file, "compressed").quantized.values()
    assert {tensor.spec["kind"] for tensor in tensors} == {"learned_step"}
    assert {tensor.bits for tensor in tensors} == {2}


def test_sentences_of_the_teacher_and_another_dropout(output, tmp_path):
    results = tmp_path / "results.json"
    arguments = [*TINY, "--beam=1", "--dropout=0.1", "--runs=sequence,even_2bit"]
    made = run_here("translate_lstm.py", *arguments, f"--output={output}", f"--results={results}")
    assert made.end is None
    sequence, even = rows_of(results)
    assert (sequence["run"], even["run"]) == ("sequence", "even_2bit")
    assert (even["epochs"], even["dropout"]) == (1, 0.1)
    assert not {"epochs", "dropout"} & sequence.keys(), "it is trained from random weights"
    (file,) = output.glob("*/1_epochs_0.1_dropout/even_2bit/student.tfqd")
    assert even["bytes"] == file.stat().st_size
    tensors = tfqd.load(file, "compressed").quantized.values()
    assert {(tensor.spec["kind"], tensor.levels) for tensor in tensors} == {("codebook", 4)}
