"""Files that other programs run or read, each tried before it is handed over.

Writers read a `tfqd.CompressedModel` and never a Keras layer. `saved_model` is
for TensorFlow Serving, `tflite` for phones and small machines, `keras` for tools
that load plain Keras models, `safetensors` for programs that take weights alone.
After writing, the file answers probe inputs; when its answers are not the quantized
Keras model's, it is removed and `VerificationError` raised. The probes stay in the
file, so that `verify` can ask again later, on any machine. Of weights alone it is the
weights that are compared.
"""

import typing

from tfqd.export.comparison import Verification as Verification
from tfqd.export.comparison import VerificationError as VerificationError
from tfqd.export.keras_file import write_keras as keras
from tfqd.export.safetensors_file import write_safetensors as safetensors
from tfqd.export.saved_model_file import write_saved_model as saved_model
from tfqd.export.verification import verify as verify

if typing.TYPE_CHECKING:
    from tfqd.export.litert.writer import write_tflite as tflite

__all__ = [
    "Verification",
    "VerificationError",
    "keras",
    "safetensors",
    "saved_model",
    "tflite",
    "verify",
]


def __getattr__(name: str):
    """`tflite` when it is first asked for: its schema is in a package that is optional."""
    if name != "tflite":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from tfqd.export.litert.writer import write_tflite

    globals()[name] = write_tflite
    return write_tflite


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
