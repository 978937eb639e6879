"""The translation example, on invented sentences."""

import io
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from example_modules import EXAMPLES, run, run_here
from text_translator import text_translator
from translation_data import PAD, PairBatches, Subwords, invented
from translation_networks import network

import tfqd

TEXTS = [
    "Ein Mann wartet im Park.",
    "Das MÄDCHEN-Café (geöffnet)… „im“ Haus\u00a0kostet 5 €!",
    "",
    "unbekanntes ჯ Zeichen",
    "a" * 101,
]


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder and the rows of the shortest trial."""
    folder = tmp_path_factory.mktemp("translate")
    assert run_here("translate_lstm.py", "--smoke", f"--output={folder}").end is None
    rows = json.loads((folder / "results.json").read_text())["rows"]
    return folder, {row["run"]: row for row in rows}


def test_the_student_learns_to_translate(made):
    _, rows = made
    assert list(rows) == ["teacher", "word", "quantized_4bit"]
    for row in rows.values():
        assert row["perplexity"]["invented"] < 20, "a guess among the subwords has 172"
        assert 0 < row["bleu"]["invented"] <= 100
        assert 0 <= row["calibration_error"] <= 1
    assert rows["teacher"]["agreement"] == 1
    assert 0.5 < rows["word"]["agreement"] < 1


def test_embeddings_and_recurrent_kernels_are_in_the_small_file(made):
    folder, rows = made
    (archive,) = folder.glob("*/*/quantized_4bit/student.tfqd")
    assert archive.stat().st_size == rows["quantized_4bit"]["bytes"]
    assert rows["quantized_4bit"]["bytes"] < rows["word"]["bytes"] / 2


def test_another_process_trains_the_same_student_from_the_finished_float_one(made, tmp_path):
    shutil.copytree(made[0], tmp_path / "again")
    (archive,) = tmp_path.glob("again/*/*/quantized_4bit/student.tfqd")
    before = archive.read_bytes()
    shutil.rmtree(archive.parent)
    (tmp_path / "again" / "results.json").unlink()
    arguments = ["--smoke", "--runs=quantized_4bit", f"--output={tmp_path}/again"]
    assert run("translate_lstm.py", *arguments).returncode == 0
    assert archive.read_bytes() == before


def test_students_of_another_seed_may_share_the_teacher(made):
    folder, _ = made
    arguments = ["--smoke", "--seeds=2", "--teacher_seed=1", "--runs=continued"]
    assert run_here("translate_lstm.py", f"--output={folder}", *arguments).end is None
    *others, row = json.loads((folder / "results.json").read_text())["rows"]
    assert {other["teacher_seed"] for other in others} == {1}
    assert (row["run"], row["seed"], row["teacher_seed"]) == ("continued", 2, 1)
    assert row["perplexity"]["invented"] < 20
    trained = {path.parent.name for path in folder.glob("2_*/**/student.keras")}
    assert trained == {"word", "continued"}


def test_a_client_gets_english_texts_for_german_ones(made):
    folder, _ = made
    (version,) = folder.glob("*/*/quantized_4bit/serving/1")
    serve = tf.saved_model.load(str(version)).signatures["serving_default"]
    german, english = zip(*invented()[1], strict=True)
    answers = [text.decode() for text in serve(german=tf.constant(german))["english"].numpy()]
    right = sum(len(set(a.split()) & set(b.split())) for a, b in zip(answers, english, strict=True))
    assert right > 0.2 * sum(len(set(text.split())) for text in english)


# Neither package nor examples can be imported beside it.
CLIENT = """
import runpy, sys
sys.modules |= dict.fromkeys(["tfqd", "keras", "tokenizers", "text_translator"])
program, *sys.argv = sys.argv[1:]
sys.argv.insert(0, program)
runpy.run_path(program, run_name="__main__")
"""


def ask(*arguments, texts=b""):
    """The lines that the client prints, in a process that has TensorFlow alone."""
    command = [sys.executable, "-c", CLIENT, EXAMPLES / "translate_client.py", *arguments]
    process = subprocess.run(command, input=texts, capture_output=True, timeout=300)
    assert process.returncode == 0, process.stderr.decode()
    return process.stdout.decode().splitlines()


def test_a_client_without_tfqd_answers_as_the_student_here(made):
    (home,) = made[0].glob("*/*/quantized_4bit")
    (vocabulary,) = made[0].glob("*/vocabulary.json")
    student = tfqd.load(home / "student.tfqd")
    translator = text_translator(student, json.loads(vocabulary.read_text(encoding="utf-8")), 40)
    german = [text for text, _ in invented()[1][:40]]
    expected = [text.decode() for text in translator(tf.constant(german)).numpy()]
    assert len({*expected}) > 5
    assert ask(home / "serving", *german[:3]) == expected[:3]
    assert ask(home / "serving" / "1", "-", texts="\n".join(german).encode()) == expected


def test_a_client_says_in_a_line_what_is_wrong(made, tmp_path, monkeypatch):
    def end(folder, text):
        return run_here("translate_client.py", str(folder), text).end

    nothing = f"translate_client: {tmp_path} has no SavedModel, nor versions of one"
    assert end(tmp_path, "Ein Hund") == nothing
    doubling = tf.Module()
    doubling.double = tf.function(lambda x: 2 * x, [tf.TensorSpec([None])])
    tf.saved_model.save(doubling, str(tmp_path / "2"), signatures=doubling.double)
    refused = f"translate_client: {tmp_path} is no translator: its input must be german texts"
    assert end(tmp_path, "Ein Hund") == refused
    (serving,) = made[0].glob("*/*/quantized_4bit/serving")
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Ein H\xffnd")))
    assert end(serving, "-").startswith("translate_client: texts must be UTF-8; ")


def test_the_graph_cuts_texts_as_the_tokenizer_does():
    subwords = Subwords.learn(invented()[0], 150)
    student = network(len(subwords.pieces), 1, 4, 0.0, "student")
    layer = text_translator(student, subwords.pieces, 3).layers[-1]
    texts = TEXTS + [german for german, _ in invented()[1]]
    for expected, tokens in zip(
        subwords.encode(texts), layer.tokens(tf.constant(texts)).numpy(), strict=True
    ):
        assert list(tokens[: len(expected)]) == expected
        assert not tokens[len(expected) :].any()


def test_sentences_come_back_from_their_subwords():
    train, test = invented()
    subwords = Subwords.learn(train, 150)
    english = [sentence for _, sentence in test]
    assert subwords.decode([np.array(row) for row in subwords.encode(english)]) == english


def batches(seed):
    """The data of a training, in batches of 9."""
    train, held_out = invented()
    return PairBatches(Subwords.learn(train, 150), train, held_out, seed, size=9, length=40)


def test_batches_of_an_epoch_hold_pairs_of_like_length_once_each():
    data = batches(seed=3)
    first, second = (list(data.train(at, at + data.steps)) for at in (0, data.steps))
    seen = [tuple(row) for batch in first for row in rows_of(batch)]
    assert len(set(seen)) == len(seen) == 9 * data.steps
    assert [tuple(row) for batch in second for row in rows_of(batch)] != seen
    padding = [np.mean(targets == PAD) for _, targets in first]
    assert np.mean(padding) < 0.05
    lengths = [targets.shape[1] for _, targets in first]
    assert lengths != sorted(lengths)


def test_batches_depend_on_the_seed_and_the_step_alone():
    data, other = batches(seed=3), batches(seed=4)
    whole = list(data.train(0, 2 * data.steps))
    middle = data.steps - 2
    for got, expected in zip(data.train(middle, middle + 4), whole[middle:], strict=False):
        np.testing.assert_array_equal(rows_of(got), rows_of(expected))
    assert any(
        rows_of(one).shape != rows_of(two).shape or np.any(rows_of(one) != rows_of(two))
        for one, two in zip(other.train(0, 4), whole, strict=False)
    )


def rows_of(batch) -> np.ndarray:
    """Source and target of each pair of a batch, side by side."""
    (sources, _), targets = batch
    return np.concatenate([sources, targets], axis=1)
