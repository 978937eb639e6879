"""A student trained by its teacher, such that an interrupted training goes on."""

import contextlib
import hashlib
import json
import pathlib
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from tfqd_command.data import Data
from tfqd_command.models import keras_of
from tfqd_command.training_task import TrainingTask

# BatchNormalization statistics are settled after as many.
_NORM_BATCHES = 100


class Schedule(NamedTuple):
    """How long and how fast to train."""

    epochs: int
    batch_size: int
    learning_rate: float
    seed: int


def state_path(target: str, command: dict[str, Any], files: list[str | None]) -> pathlib.Path:
    """Where the state of a training is kept: beside its first output.

    Another command, or the same one on other files, has another.

    Args:
        target: the first output.
        command: what was asked for, as JSON values.
        files: paths whose content counts; those that are no files are left out.
    """
    digest = hashlib.sha256(json.dumps(command, sort_keys=True).encode())
    for name in filter(None, files):
        if pathlib.Path(name).is_file():
            with open(name, "rb") as file:
                while block := file.read(2**20):
                    digest.update(block)
    path = pathlib.Path(target)
    return path.with_name(f"{path.name}.{digest.hexdigest()[:8]}.resume.keras")


def train(
    student: Any,
    teacher: Any,
    data: Data,
    task: TrainingTask,
    schedule: Schedule,
    state: pathlib.Path,
    callbacks: Sequence[Any] = (),
) -> Any:
    """Trains a student and gives it back; its state is kept after every epoch.

    Every epoch has an order of its own, which depends on the seed and the epoch
    alone, so a training that goes on sees what it would have seen.

    Raises:
        KeyboardInterrupt: with a text that says where the training would go on.
    """
    from tfqd.compressed.atomic import new_file

    kerases = keras_of(student)
    steps = max(1, len(data.x) // schedule.batch_size)
    if state.exists():
        with _scope(kerases):
            distiller = kerases.saving.load_model(state)
    else:
        distiller = _distiller(kerases, student, teacher, task, schedule, steps)

    def keep(*_) -> None:
        with new_file(state) as temporary:
            distiller.save(temporary)

    done = int(distiller.optimizer.iterations) // steps
    try:
        with _noting_ctrl_c() as check:
            watch = kerases.callbacks.LambdaCallback(
                on_epoch_end=keep, on_train_batch_end=lambda *_, **__: check()
            )
            # Also where no epoch is left: the end of training measures and keeps to budgets.
            distiller.fit(
                _batches(data, schedule, done),
                initial_epoch=done,
                epochs=schedule.epochs,
                steps_per_epoch=steps,
                callbacks=[*_settling_norms(distiller.student, data, schedule), *callbacks, watch],
                verbose=1 if sys.stdout.isatty() else 2,
            )
            check()
    except KeyboardInterrupt:
        raise KeyboardInterrupt(_where_it_goes_on(state, schedule.epochs)) from None
    return distiller.student


@contextlib.contextmanager
def _noting_ctrl_c() -> Iterator[Callable[[], None]]:
    """Gives what raises KeyboardInterrupt once Ctrl-C has been pressed.

    Python's own handler raises it anywhere, and Keras has an ``except:`` here and there in which
    it would be lost. A second Ctrl-C is left to that handler.
    """
    if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:
        yield lambda: None  # Ctrl-C is ignored, or another's to handle.
        return
    pressed = False

    def note(*_) -> None:
        nonlocal pressed
        pressed = True
        signal.signal(signal.SIGINT, signal.default_int_handler)

    def check() -> None:
        if pressed:
            raise KeyboardInterrupt

    signal.signal(signal.SIGINT, note)
    try:
        yield check
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def _distiller(kerases, student, teacher, task: TrainingTask, schedule: Schedule, steps: int):
    import tfqd
    from tfqd.distillation import FeatureDistillation, LogitsDistillation

    numbers = task.kind == "numbers"
    distiller = tfqd.Distiller(
        teacher,
        student,
        FeatureDistillation() if numbers else LogitsDistillation(from_logits=task.from_logits),
        student_loss_weight=None if task.labelled else 0.0,
    )
    rate = kerases.optimizers.schedules.CosineDecay(schedule.learning_rate, schedule.epochs * steps)
    distiller.compile(
        kerases.optimizers.Adam(rate),
        task.loss(kerases.losses) if task.labelled else None,
        metrics=["accuracy"] if task.labelled and not numbers else None,
        jit_compile=False,
    )
    return distiller


def _batches(data: Data, schedule: Schedule, first: int):
    """The training batches of the epochs from `first` on."""
    import numpy as np
    import tensorflow as tf

    arrays = [data.x] if data.y is None else [data.x, data.y]
    size = min(schedule.batch_size, len(data.x))

    def generate():
        for epoch in range(first, schedule.epochs):
            order = np.random.default_rng([schedule.seed, epoch]).permutation(len(data.x))
            for start in range(0, len(order) - size + 1, size):
                yield tuple(array[order[start : start + size]] for array in arrays)

    signature = tuple(tf.TensorSpec((size, *array.shape[1:]), array.dtype) for array in arrays)
    return tf.data.Dataset.from_generator(generate, output_signature=signature).prefetch(2)


def _settling_norms(student, data: Data, schedule: Schedule) -> list[Any]:
    """What measures BatchNormalization statistics anew, with the final weights."""
    import numpy as np

    from tfqd.callbacks import BatchNormReestimation
    from tfqd.wrapping.batch_statistics import batch_norm_layers

    if not batch_norm_layers(student):
        return []
    count = _NORM_BATCHES * schedule.batch_size
    chosen = np.random.default_rng(schedule.seed).permutation(len(data.x))[:count]
    return [BatchNormReestimation(data.x[chosen], batch_size=schedule.batch_size)]


def _where_it_goes_on(state: pathlib.Path, epochs: int) -> str:
    print()  # the progress bar has left the line open
    if not state.exists():
        return "interrupted before the end of the first epoch; nothing is kept"
    return f"interrupted; the same command goes on from the last whole epoch of {epochs} ({state})"


def _scope(kerases):
    import tfqd

    tf_keras = kerases.__name__ == "tf_keras"
    return tfqd.tfmot.quantize_scope() if tf_keras else contextlib.nullcontext()
