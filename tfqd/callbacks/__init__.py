"""Callbacks that put quantization into any `fit`, of Keras 3 or tf_keras."""

from tfqd.callbacks.batch_norm import BatchNormReestimation as BatchNormReestimation
from tfqd.callbacks.batch_norm import reestimate_batch_norm as reestimate_batch_norm
from tfqd.callbacks.bit_schedule import BitSchedule as BitSchedule
from tfqd.callbacks.byte_budget import ByteBudget as ByteBudget
from tfqd.callbacks.code_flips import CodeFlips as CodeFlips
from tfqd.callbacks.compressed_checkpoint import CompressedCheckpoint as CompressedCheckpoint
from tfqd.callbacks.couple_weights import CoupleWeights as CoupleWeights
from tfqd.callbacks.dampen_oscillations import DampenOscillations as DampenOscillations
from tfqd.callbacks.freeze_oscillations import FreezeOscillations as FreezeOscillations
from tfqd.callbacks.prune import Prune as Prune
from tfqd.callbacks.quantize_weights import QuantizeWeights as QuantizeWeights
from tfqd.callbacks.size_report import SizeReport as SizeReport
from tfqd.callbacks.tensorboard_summaries import TensorBoardSummaries as TensorBoardSummaries
from tfqd.callbacks.training_record import Epoch as Epoch
from tfqd.callbacks.training_record import TrainingRecord as TrainingRecord
from tfqd.callbacks.within_bytes import within_bytes as within_bytes

__all__ = [
    "BatchNormReestimation",
    "BitSchedule",
    "ByteBudget",
    "CodeFlips",
    "CompressedCheckpoint",
    "CoupleWeights",
    "DampenOscillations",
    "Epoch",
    "FreezeOscillations",
    "Prune",
    "QuantizeWeights",
    "SizeReport",
    "TensorBoardSummaries",
    "TrainingRecord",
    "reestimate_batch_norm",
    "within_bytes",
]


def __dir__() -> list[str]:
    """What users may call."""
    return [*__all__]
