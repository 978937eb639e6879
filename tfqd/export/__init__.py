"""Files that other programs run or read, each tried before it is handed over.

Writers read a `tfqd.CompressedModel` and never a Keras layer. `saved_model` is
for TensorFlow Serving, `tflite` for phones and small machines, `keras` for tools
that load plain Keras models, `safetensors` for programs that take weights alone.
After writing, the file answers probe inputs; when its answers are not the quantized
Keras model's, it is removed and `VerificationError` raised. The probes stay in the
file, so that `verify` can ask again later, on any machine. Of weights alone it is the
weights that are compared.
"""

import importlib
import typing

from tfqd.export.comparison import Verification as Verification
from tfqd.export.comparison import VerificationError as VerificationError
from tfqd.export.keras_file import write_keras as keras
from tfqd.export.safetensors_file import write_safetensors as safetensors
from tfqd.export.saved_model_file import write_saved_model as saved_model
from tfqd.export.verification import verify as verify

if typing.TYPE_CHECKING:
    from tfqd.export.litert.checking.simulation import simulate_integer as simulate_integer
    from tfqd.export.litert.lowering.rewriting import TfliteWeight as TfliteWeight
    from tfqd.export.litert.report import TfliteExport as TfliteExport
    from tfqd.export.litert.report import TfliteReport as TfliteReport
    from tfqd.export.litert.writer import write_tflite as tflite

__all__ = [
    "TfliteExport",
    "TfliteReport",
    "TfliteWeight",
    "Verification",
    "VerificationError",
    "keras",
    "safetensors",
    "saved_model",
    "simulate_integer",
    "tflite",
    "verify",
]

_OF_TFLITE = {
    "TfliteExport": ("report", "TfliteExport"),
    "TfliteReport": ("report", "TfliteReport"),
    "TfliteWeight": ("lowering.rewriting", "TfliteWeight"),
    "simulate_integer": ("checking.simulation", "simulate_integer"),
    "tflite": ("writer", "write_tflite"),
}


def __getattr__(name: str):
    """What reads TFLite files, when it is first asked for: their schema is an optional package."""
    if name not in _OF_TFLITE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module, attribute = _OF_TFLITE[name]
    found = getattr(importlib.import_module(f"tfqd.export.litert.{module}"), attribute)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    """What users may call."""
    return [*__all__]
