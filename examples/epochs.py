"""What the examples do after every epoch: keep the training, and say how far it is."""

import pathlib
import time
import zipfile

import keras
from whole_files import new_file

_EPOCHS = "epochs"


def save_whole(model: keras.Model, path: pathlib.Path, epochs: int | None = None) -> None:
    """Writes the model into a file that is whole or not there.

    Args:
        model: to be saved.
        path: of a ``.keras`` file.
        epochs: how many were made; kept in the file for `epochs_in`.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with new_file(path) as temporary:
        model.save(temporary)
        if epochs is not None:
            with zipfile.ZipFile(temporary, "a") as archive:
                archive.writestr(_EPOCHS, str(epochs))


def epochs_in(path: pathlib.Path) -> int:
    """The epochs that the training in the file has made; 0 where there is no file.

    The optimizer's steps do not tell: those whose scaled loss overflows do not count there.
    """
    if not path.exists():
        return 0
    with zipfile.ZipFile(path) as archive:
        return int(archive.read(_EPOCHS))


class Checkpoint(keras.callbacks.Callback):
    """Keeps the whole training after every epoch."""

    def __init__(self, path: pathlib.Path):
        super().__init__()
        self._path = path

    def on_epoch_end(self, epoch, logs=None):
        save_whole(self.model, self._path, epoch + 1)


class EpochLog(keras.callbacks.Callback):
    """One line for each epoch, with the time of day at which the last one is expected to end."""

    def __init__(self, title: str, epochs: int):
        super().__init__()
        self._title, self._epochs = title, epochs

    def on_epoch_begin(self, epoch, logs=None):
        self._start = time.time()

    def on_epoch_end(self, epoch, logs=None):
        now = time.time()
        seconds = now - self._start
        end = time.localtime(now + (self._epochs - epoch - 1) * seconds)
        held_out = f"held out {100 * logs['held_out']:.1f} %, " if "held_out" in logs else ""
        print(
            f"{self._title}: epoch {epoch + 1} of {self._epochs}, loss {logs['loss']:.4f}, "
            f"train accuracy {100 * logs['accuracy']:.1f} %, {held_out}{seconds:.0f} s, "
            f"ends at {time.strftime('%H:%M', end)}",
            flush=True,
        )
