"""Training data from a file of numpy, or from a function of the user's."""

import importlib
import os
import re
import sys
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from absl import flags

from tfqd_command.command import UsageError

NAMES = ("x", "y", "x_test", "y_test")
# A zip file's first member, or the end of one that has none.
_ZIP_STARTS = (b"PK\3\4", b"PK\5\6")


class Data(NamedTuple):
    """Inputs and labels, as arrays whose first axis counts examples; None where there are none.

    x, y: to train on.
    x_test, y_test: to measure on.
    """

    x: Any
    y: Any = None
    x_test: Any = None
    y_test: Any = None

    @property
    def measured(self) -> tuple[Any, Any]:
        """What to measure on: the test data, else the training data."""
        return (self.x, self.y) if self.x_test is None else (self.x_test, self.y_test)


def define_data_flag(values: flags.FlagValues) -> None:
    """--data."""
    flags.DEFINE_string(
        "data", None, "DATA.npz with x, y, x_test, y_test, or module:function", flag_values=values
    )


def check_source(source: str) -> None:
    """Raises UsageError unless `source` is an npz file or ``module:function``."""
    if not source.endswith(".npz") and not re.fullmatch(r"[\w.]+:\w+", source):
        raise UsageError(
            f"--data must be a file DATA.npz or a function as module:function; got {source!r}"
        )


def load_data(source: str) -> Data:
    """The data of a file or function.

    Args:
        source: an ``.npz`` file with x, y and perhaps x_test, y_test; or
            ``module:function``, looked for in the current folder too, which gives a
            mapping with these names, (x, y), or (x, y), (x_test, y_test) as Keras' own do.

    Raises:
        ValueError, TypeError: for other content.
        ImportError: when there is no such module.
        OSError: when the file cannot be read.
    """
    return _checked(source, _from_file(source) if source.endswith(".npz") else _called(source))


def _from_file(path: str) -> Mapping[str, Any]:
    import numpy as np

    with open(path, "rb") as file:
        if file.read(4) not in _ZIP_STARTS:
            raise ValueError(f"{path} is no npz file")
        file.seek(0)
        arrays = _read(path, np.load, file)
        return {name: _read(f"{name} of {path}", arrays.__getitem__, name) for name in arrays.files}


def _read(what: str, read: Callable[[Any], Any], source: Any) -> Any:
    """What a reader of numpy's gives; ValueError saying what it was for when it gives nothing."""
    try:
        return read(source)
    except Exception as error:  # of damaged files it raises whatever it likes
        if "allow_pickle" in str(error):  # which nobody should
            raise ValueError(f"{what} must be an array of numbers; it holds objects") from error
        raise ValueError(
            f"{what} cannot be read, as when it is damaged: {type(error).__name__}: {error}"
        ) from error


def _called(source: str) -> Any:
    module, _, function = source.partition(":")
    if os.getcwd() not in sys.path:
        sys.path.insert(0, os.getcwd())
    found = getattr(importlib.import_module(module), function, None)
    if not callable(found):
        raise ValueError(f"--data={source}: {module} has no function {function!r}")
    data = found()
    if isinstance(data, tuple) and len(data) == 2 and all(isinstance(d, tuple) for d in data):
        return dict(zip(NAMES, (*data[0], *data[1]), strict=True))
    if isinstance(data, tuple) and len(data) == 2:
        return dict(zip(NAMES, data, strict=False))
    return data


def _checked(source: str, data: Any) -> Data:
    import numpy as np

    if not isinstance(data, Mapping) or "x" not in data or not data.keys() <= {*NAMES}:
        found = ", ".join(map(str, data)) if isinstance(data, Mapping) else type(data).__name__
        raise ValueError(f"{source} must have x, and perhaps {', '.join(NAMES[1:])}; got {found}")
    arrays = {name: np.asarray(array) for name, array in data.items() if array is not None}
    for name, array in arrays.items():
        if array.dtype.kind not in "fiub" or not array.ndim or not len(array):
            raise ValueError(f"{name} of {source} must be an array of numbers; got {array!r:.80}")
        if array.dtype.kind == "f" and not np.isfinite(array).all():
            raise ValueError(f"{name} of {source} must be finite; it holds NaN or infinity")
        if array.dtype == np.float64:
            arrays[name] = array.astype(np.float32)
    for one, other in (("x", "y"), ("x_test", "y_test")):
        if one in arrays and other in arrays and len(arrays[one]) != len(arrays[other]):
            raise ValueError(
                f"{one} and {other} of {source} must be of one length; got {len(arrays[one])} and "
                f"{len(arrays[other])}"
            )
    labelled = {"x": "y" in arrays, "x_test": "y_test" in arrays}
    if "x_test" not in arrays:
        del labelled["x_test"]
    if len({*labelled.values()}) > 1 or ("y_test" in arrays and "x_test" not in arrays):
        raise ValueError(f"{source} must have labels for both x and x_test, or for neither")
    return Data(**arrays)
