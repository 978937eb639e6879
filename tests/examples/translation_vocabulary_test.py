"""The subwords of the translation example: every process learns the same."""

import json
import os
import subprocess
import sys

from example_modules import EXAMPLES
from translation_data import SPECIAL, Subwords, invented

PROGRAM = """
from translation_data import Subwords, invented
print(*Subwords.learn(invented()[0], 120).pieces, sep="\\n")
"""


def test_another_process_learns_the_same_subwords():
    path = os.pathsep.join(map(str, (EXAMPLES, EXAMPLES.parent)))
    environment = {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": "1"}
    command = [sys.executable, "-c", PROGRAM]
    done = subprocess.run(command, env=environment, capture_output=True, check=True)
    pieces = Subwords.learn(invented()[0], 120).pieces
    assert done.stdout.decode().split() == pieces
    assert pieces[: len(SPECIAL)] == list(SPECIAL)
    assert len(pieces) == 120


def test_a_vocabulary_has_no_pieces_that_no_word_needs():
    pieces = Subwords.learn([("ab, ab.", "aba")], 100).pieces
    assert "##b" in pieces
    assert not {"##,", "##."} & set(pieces)


def test_a_vocabulary_is_kept_and_used_again(tmp_path):
    file = tmp_path / "run" / "vocabulary.json"
    first = Subwords.kept(file, invented()[0], 120)
    assert json.loads(file.read_text(encoding="utf-8")) == first.pieces
    assert [path.name for path in file.parent.iterdir()] == ["vocabulary.json"]
    again = Subwords.kept(file, [("ganz anders", "quite different")], 60)
    assert again.pieces == first.pieces
    assert again.digest == first.digest != Subwords.learn(invented()[0], 60).digest
