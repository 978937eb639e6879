"""Distillation: a student learns from a teacher's outputs as well as from labels."""

from tfqd.distillation.cached_teacher import CachedTeacher as CachedTeacher
from tfqd.distillation.cached_teacher import cache_teacher as cache_teacher
from tfqd.distillation.distiller import Distiller as Distiller
from tfqd.distillation.losses import AttentionTransfer as AttentionTransfer
from tfqd.distillation.losses import DistillationLoss as DistillationLoss
from tfqd.distillation.losses import FeatureDistillation as FeatureDistillation
from tfqd.distillation.losses import LogitsDistillation as LogitsDistillation
from tfqd.distillation.losses import RegressionDistillation as RegressionDistillation
from tfqd.distillation.losses import RelationalDistillation as RelationalDistillation
from tfqd.distillation.losses import SequenceDistillation as SequenceDistillation
from tfqd.distillation.losses import SimilarityPreserving as SimilarityPreserving
from tfqd.distillation.schedules import WarmUpDecay as WarmUpDecay
from tfqd.distillation.sequences import generate_targets as generate_targets

__all__ = [
    "AttentionTransfer",
    "CachedTeacher",
    "DistillationLoss",
    "Distiller",
    "FeatureDistillation",
    "LogitsDistillation",
    "RegressionDistillation",
    "RelationalDistillation",
    "SequenceDistillation",
    "SimilarityPreserving",
    "WarmUpDecay",
    "cache_teacher",
    "generate_targets",
]


def __dir__() -> list[str]:
    """What users may call."""
    return [*__all__]
