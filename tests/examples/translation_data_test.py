"""The pairs of the translation example: what is learnt of them, and files that are damaged."""

import gzip

import example_modules  # noqa: F401
import numpy as np
import pytest
from translation_data import END, PAD, START, kept_array, lessons, load
from translation_networks import network

SOURCES = np.array([[5, 6, 7, END], [5, END, PAD, PAD]], np.int32)
LINE = b"A dog.\tEin Hund.\n"
TARGETS = np.array([[8, 9, 10, END, PAD], [8, END, PAD, PAD, PAD]], np.int32)


def test_losses_count_the_tokens_up_to_the_end_and_no_padding():
    ((inputs, targets),) = lessons((SOURCES, TARGETS), 2)
    np.testing.assert_array_equal(targets, TARGETS[:, :4])
    np.testing.assert_array_equal(inputs[1], [[START, 8, 9, 10], [START, 8, PAD, PAD]])
    logits = network(20, 1, 4, 0.0, "student")(list(inputs))
    np.testing.assert_array_equal(logits._keras_mask, targets != PAD)


def test_pairs_are_read_from_packed_and_plain_files(tmp_path):
    text = "A dog runs.\tEin Hund läuft.\r\n\nHe\x85waits.\tEr wartet.\n"
    write(tmp_path, "a.tsv", text.encode())
    write(tmp_path, "b.tsv.gz", gzip.compress(text.encode()))
    expected = [("Ein Hund läuft.", "A dog runs."), ("Er wartet.", "He\x85waits.")]
    assert load(tmp_path, "a") == load(tmp_path, "b") == expected


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        pytest.param("a.tsv.gz", gzip.compress(LINE * 9)[:-12], "damaged", id="cut off"),
        pytest.param("a.tsv.gz", LINE, "damaged", id="not packed"),
        pytest.param("a.tsv.gz", gzip.compress(LINE)[:10] + b"\xff" * 20, "damaged", id="changed"),
        pytest.param("a.tsv", "Ein Mädchen\tA girl".encode("latin-1"), "UTF-8", id="latin-1"),
        pytest.param("a.tsv", LINE + b"\nA cat.\n", "line 3: .* a tab .*'A cat.'", id="no tab"),
        pytest.param("a.tsv", b"A dog.\tEin Hund.\tUn chien.\n", "line 1: .* a tab", id="two tabs"),
        pytest.param("a.tsv", b"\n", "no sentences", id="empty"),
    ],
)
def test_a_damaged_file_is_named(tmp_path, name, content, words):
    write(tmp_path, name, content)
    with pytest.raises(ValueError, match=f"{name}.*{words}"):
        load(tmp_path, "a")


def test_an_array_is_written_whole_or_not_at_all(tmp_path, monkeypatch):
    file = tmp_path / "sequence" / "targets.npy"

    def killed(path, array):
        path.write_bytes(b"half")
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(np, "save", killed)
        with pytest.raises(KeyboardInterrupt):
            kept_array(file, lambda: TARGETS)
    assert list(file.parent.iterdir()) == []
    np.testing.assert_array_equal(kept_array(file, lambda: TARGETS), TARGETS)
    np.testing.assert_array_equal(kept_array(file, pytest.fail), TARGETS)


def write(folder, name, content):
    (folder / "translation").mkdir(exist_ok=True)
    (folder / "translation" / name).write_bytes(content)
