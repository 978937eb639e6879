"""Arrays of strings in a form that has a size: as many bytes for each.

In memory a string is an object of Python's, ``bytes``, as TensorFlow gives them.
"""

import numpy as np

# Ends each string, since numpy takes zeros at the end for no part of it.
_END = b"."


def to_fixed_width(array: np.ndarray) -> np.ndarray:
    """Strings (``object``) as ``S<n>`` of the same shape; any other array as it is.

    Raises:
        ValueError: for objects that are no strings.
    """
    if array.dtype.kind != "O":
        return array
    texts = [text.encode() if isinstance(text, str) else text for text in array.reshape(-1)]
    for text in texts:
        if not isinstance(text, bytes):
            raise ValueError(f"it must hold numbers or strings; got {type(text).__name__}")
    longest = max(map(len, texts), default=0) + 1
    return np.array([text + _END for text in texts], f"S{longest}").reshape(array.shape)


def to_objects(array: np.ndarray) -> np.ndarray:
    """The strings that `to_fixed_width` was given; any other array as it is."""
    if array.dtype.kind != "S":
        return array
    texts = np.empty(array.size, object)
    texts[:] = [text[: -len(_END)] for text in array.reshape(-1).tolist()]
    return texts.reshape(array.shape)
