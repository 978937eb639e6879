"""What TensorFlow's converter says of a model that it cannot convert, in one line."""

import contextlib
import os
import re
import sys
import tempfile
from collections.abc import Iterable, Iterator

# What the converter may say, as a pattern, and what a user can do.
_REMEDIES = (
    (
        r"HashTable|LookupTable",
        "TFLite has tables from strings to int64 alone: look other things up before, and give the "
        "model their indices",
    ),
    (
        r"'tf\.(String|StaticRegex|Regex|Ragged|Unicode)",
        "TFLite neither takes texts apart nor hashes words: do it before, and give the model "
        "indices",
    ),
)
_OF_FREE_BATCH = "pass batch_size=1: recurrent layers need it fixed"
_OTHERWISE = "replace the layer by others, or export the model without it"


class ConversionError(ValueError):
    """TensorFlow's converter has no TFLite form for a model.

    What the converter itself said is in ``__notes__``.
    """


class FreeBatchError(ValueError):
    """A model has no TFLite file of a free batch size; one of ``batch_size=1`` it may have."""


class FreeBatchConversionError(ConversionError, FreeBatchError):
    """TensorFlow's converter has none of a free batch size."""


def conversion_error(
    said: str, layers: Iterable[str], batch_size: int | None, printed: str = ""
) -> ConversionError:
    """The error for what the converter has said.

    Args:
        said: the message of whatever it raised.
        layers: the names of the model's layers, of which one may be at fault.
        batch_size: that was fixed in the file; None where it is free.
        printed: what it has printed besides.
    """
    lines = [line for line in said.splitlines() if "error:" in line] or [
        said.strip() or "no reason"
    ]
    complaint = re.search(r"'tf\.\w+' op .*", lines[0])
    reason = complaint[0] if complaint else lines[0][-300:]
    layer = _layer_at_fault(lines[0], layers)
    place = "" if layer is None else f" in layer {layer!r}"
    of_free_batch = "TensorList" in said and batch_size is None
    kind = FreeBatchConversionError if of_free_batch else ConversionError
    error = kind(
        f"TensorFlow's converter cannot convert the model: {reason}{place}; "
        f"{_OF_FREE_BATCH if of_free_batch else _remedy(said)}"
    )
    error.__notes__ = [note for note in (said.strip(), printed.strip()) if note]
    return error


@contextlib.contextmanager
def printing_kept() -> Iterator[list[str]]:
    """Inside, what native code prints as errors is kept; of a block that fails, for the caller.

    After a block that does not fail it is printed.

    Yields:
        A list that has the text once the block has failed.
    """
    kept: list[str] = []
    try:
        sys.stderr.flush()
        own = os.dup(2)
    except (AttributeError, OSError):  # no such stream in this process
        yield kept
        return
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield kept
        except BaseException:
            kept.append(_content(file))
            raise
        else:
            os.write(own, _content(file).encode())
        finally:
            os.dup2(own, 2)
            os.close(own)


def _content(file) -> str:
    file.seek(0)
    return file.read().decode(errors="replace")


def _remedy(said: str) -> str:
    # The second is what loops among trained ranges come to, of tf_keras.
    if "TensorList" in said or "duplicate values for the stateful op" in said:
        return "give the recurrent layers unroll=True, and the model inputs of fixed length"
    fitting = (remedy for pattern, remedy in _REMEDIES if re.search(pattern, said))
    return next(fitting, _OTHERWISE)


def _layer_at_fault(line: str, layers: Iterable[str]) -> str | None:
    """The innermost layer in the names of operations, such as ``model_1/dense_1/MatMul@...``.

    The operation's own name comes first, then those of the calls that it is in.
    Graphs number the names of layers anew, by an ending ``_1``.
    """
    names = set(layers)
    for path in re.findall(r'fused\["\w+:", "([^"@]+)', line):
        for step in reversed(path.split("/")[:-1]):
            for name in (step, re.sub(r"_\d+$", "", step)):
                if name in names:
                    return name
    return None
