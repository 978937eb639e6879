"""Asks an exported translator for English texts, by TensorFlow alone.

    python examples/translate_client.py SERVING "Ein Hund läuft." "Zwei Männer warten."
    python examples/translate_client.py SERVING - < german.txt

SERVING is the folder `serving/` that `translate_lstm.py` writes for a quantized student, of which
the newest version answers, or one version; `-` stands for the lines of standard input. The English
text of each German one is printed on a line of its own.
"""

import io
import os
import pathlib
import sys

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import tensorflow as tf
from absl import app

BATCH = 32


def main(argv) -> None:
    if len(argv) < 3:
        raise app.UsageError("SERVING and a text must be given, or - for standard input")
    try:
        translate, texts = _translator(pathlib.Path(argv[1])), _texts(argv[2:])
    except (ValueError, OSError, tf.errors.OpError) as error:
        sys.exit(f"translate_client: {error}")
    for start in range(0, len(texts), BATCH):
        for english in translate(german=tf.constant(texts[start : start + BATCH]))["english"]:
            print(english.numpy().decode())


def _translator(folder: pathlib.Path):
    """The signature from `german` texts to `english` ones, string [batch]."""
    versions = [path for path in folder.glob("*") if path.name.isdecimal()]
    path = max(versions, key=lambda version: int(version.name), default=folder)
    if not tf.saved_model.contains_saved_model(path):
        raise FileNotFoundError(f"{folder} has no SavedModel, nor versions of one")
    serve = tf.saved_model.load(str(path)).signatures.get("serving_default")
    if serve is None or [*serve.structured_input_signature[1]] != ["german"]:
        raise ValueError(f"{folder} is no translator: its input must be german texts")
    return serve


def _texts(given: list[str]) -> list[bytes]:
    lines = io.TextIOWrapper(sys.stdin.buffer, "utf-8") if given == ["-"] else given
    try:
        return [line.rstrip("\n").encode() for line in lines]
    except UnicodeError as error:
        raise ValueError(f"texts must be UTF-8; {error}") from error


if __name__ == "__main__":
    app.run(main)
