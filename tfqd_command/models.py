"""Keras models read from files."""

import importlib
import pathlib
import zipfile
from typing import Any


def load_model(path: str, *others: str) -> Any:
    """The model in a file, not compiled.

    A ``.keras`` file says which Keras wrote it, which alone reads it. HDF5 does not: Keras 3 reads
    it, or tf_keras where Keras 3 fails.

    Args:
        path: the file.
        others: the endings of the files that the caller reads itself, for messages.

    Raises:
        ValueError: when it cannot be read.
        OSError: when there is no such file.
    """
    from tfqd.export.file_kind import file_kind
    from tfqd.wrapping.complaints import complaint
    from tfqd.wrapping.serving import read_as, written_by

    kind, file, reasons = file_kind(path), pathlib.Path(path), []
    if kind not in ("keras", "hdf5"):
        known = ", ".join((*others, ".keras", ".h5", ".hdf5"))
        found = "; it is an archive of tfqd" if kind == "tfqd" else ""
        raise ValueError(f"{path} must be a {known} file of a Keras model{found}")
    for name in (written_by(file),) if zipfile.is_zipfile(file) else ("keras", "tf_keras"):
        try:
            return read_as(name, file)
        except Exception as error:  # readers raise whatever they like
            reasons.append(f"{name}: {complaint(error)}")
    raise ValueError(f"{path} cannot be read as a model. {'; '.join(reasons)}")


def check_one_input_and_output(path: str, model: Any) -> None:
    """Raises ValueError for a model with several inputs or outputs, which data cannot name."""
    for name in ("inputs", "outputs"):
        # A subclassed model says neither.
        count = len(getattr(model, name, None) or [None])
        if count != 1:
            raise ValueError(
                f"{path} must have one of its {name} to train and measure it with --data; it has "
                f"{count}. tfqd.Distiller takes such models"
            )


def check_inputs(path: str, model: Any, source: str, inputs: Any) -> None:
    """Raises ValueError for data that cannot be inputs of a model with one of them.

    Args:
        path, model: the model and its file.
        source: where the data are from.
        inputs: array whose first axis counts examples.
    """
    taken = getattr(model, "inputs", None)
    if not taken or len(taken) != 1:  # a subclassed model says nothing
        return
    wanted, found = list(taken[0].shape[1:]), list(inputs.shape[1:])
    # Keras itself adds a last axis of one, or takes it away.
    forms = [found, [*found, 1], *([found[:-1]] if found[-1:] == [1] else [])]
    if not any(_fits(form, wanted) for form in forms):
        raise ValueError(
            f"x of {source} must have examples of the shape that {path} takes, "
            f"{_shape(wanted)}; got {_shape(found)}"
        )


def _fits(found: list[int], wanted: list[int | None]) -> bool:
    return len(found) == len(wanted) and all(
        length in (None, size) for size, length in zip(found, wanted, strict=True)
    )


def _shape(lengths: list[int | None]) -> str:
    return f"({', '.join('any' if length is None else str(length) for length in lengths)})"


def keras_of(model: Any) -> Any:
    """The package that a model is of: ``keras`` or ``tf_keras``."""
    from tfqd.wrapping.version import version_of

    return importlib.import_module(version_of(model).name)


def load_teacher(path: str) -> Any:
    """The model of a file of Keras or of an archive, to learn from."""
    import tfqd
    from tfqd.export.file_kind import file_kind
    from tfqd.export.paths import naming

    if file_kind(path) != "tfqd":
        return load_model(path, ".tfqd")
    with naming(path):
        return tfqd.load(path)


def load_for_export(path: str) -> Any:
    """What an archive or a file of Keras holds, as the writers of files take it."""
    import tfqd
    from tfqd.export.file_kind import file_kind
    from tfqd.export.paths import naming

    if file_kind(path) == "tfqd":
        with naming(path):
            return tfqd.load(path, "compressed")
    return load_model(path, ".tfqd")


def float_bytes(model: Any) -> int:
    """Bytes of a float model's weights in their own types, as `tfqd.size_report` counts them."""
    from tfqd.compressed.sizes import model_size
    from tfqd.wrapping import float_form

    return model_size(float_form(model)).float_bytes
