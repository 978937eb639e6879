"""tfqd: Keras models compressed by distillation and quantization.

Implements "Model compression via distillation and quantization" (Polino,
Pascanu, Alistarh, ICLR 2018, arXiv 1802.05668).
"""

import importlib as _importlib

from tfqd import allocation as allocation
from tfqd import callbacks as callbacks
from tfqd import distillation as distillation
from tfqd import evaluation as evaluation
from tfqd import export as export
from tfqd import layers as layers
from tfqd import plot as plot
from tfqd.allocation import allocate_bits as allocate_bits
from tfqd.allocation import allocate_points as allocate_points
from tfqd.allocation import sensitive_points as sensitive_points
from tfqd.calibration import calibrate as calibrate
from tfqd.compressed import ArchiveError as ArchiveError
from tfqd.compressed import CompressedModel as CompressedModel
from tfqd.compressed import QuantizedTensor as QuantizedTensor
from tfqd.compressed.sizes import Size as Size
from tfqd.distillation import Distiller as Distiller
from tfqd.evaluation import Evaluation as Evaluation
from tfqd.evaluation import evaluate as evaluate
from tfqd.export.archive_file import load as load
from tfqd.export.archive_file import save as save
from tfqd.page import html_report as html_report
from tfqd.quantizers import Quantizer as Quantizer
from tfqd.quantizers import register as register
from tfqd.report import KernelCompute as KernelCompute
from tfqd.report import ModelCompute as ModelCompute
from tfqd.report import ModelSizes as ModelSizes
from tfqd.shrinking import Shrunk as Shrunk
from tfqd.shrinking import shrink as shrink
from tfqd.sizing import compute_report as compute_report
from tfqd.sizing import size_report as size_report
from tfqd.spec import Activations as Activations
from tfqd.spec import Codebook as Codebook
from tfqd.spec import EntropyCodebook as EntropyCodebook
from tfqd.spec import EntropyConstrained as EntropyConstrained
from tfqd.spec import LearnedStep as LearnedStep
from tfqd.spec import Spec as Spec
from tfqd.spec import Uniform as Uniform
from tfqd.spec import presets as presets
from tfqd.version import __version__ as __version__
from tfqd.wrapping import compress as compress
from tfqd.wrapping import quantize_model as quantize_model
from tfqd.wrapping import strip_quantization as strip_quantization
from tfqd.wrapping import unpruned as unpruned
from tfqd.wrapping.bridge import to_tf_keras as to_tf_keras
from tfqd.wrapping.shrunk import LayerChannels as LayerChannels

__all__ = [
    "Activations",
    "ArchiveError",
    "Codebook",
    "CompressedModel",
    "Distiller",
    "EntropyCodebook",
    "EntropyConstrained",
    "Evaluation",
    "KernelCompute",
    "LayerChannels",
    "LearnedStep",
    "ModelCompute",
    "ModelSizes",
    "QuantizedTensor",
    "Quantizer",
    "Shrunk",
    "Size",
    "Spec",
    "Uniform",
    "allocate_bits",
    "allocate_points",
    "allocation",
    "calibrate",
    "callbacks",
    "compress",
    "compute_report",
    "distillation",
    "evaluate",
    "evaluation",
    "export",
    "html_report",
    "layers",
    "load",
    "plot",
    "presets",
    "quantize_model",
    "register",
    "save",
    "sensitive_points",
    "shrink",
    "size_report",
    "strip_quantization",
    "to_tf_keras",
    "unpruned",
]


def __dir__() -> list[str]:
    """What users may call; importing it has brought in other modules, which are not for them."""
    return [*__all__, "__version__", "tfmot"]


def __getattr__(name: str):
    """`tfqd.tfmot`, imported when it is first used: tfmot is slow to import, and optional."""
    if name == "tfmot":
        return _importlib.import_module("tfqd.tfmot")
    raise AttributeError(f"module 'tfqd' has no attribute {name!r}")
