"""Distillation: a student learns from a teacher's outputs as well as from labels."""

from tfqd.distillation.distiller import Distiller as Distiller
from tfqd.distillation.losses import AttentionTransfer as AttentionTransfer
from tfqd.distillation.losses import DistillationLoss as DistillationLoss
from tfqd.distillation.losses import FeatureDistillation as FeatureDistillation
from tfqd.distillation.losses import LogitsDistillation as LogitsDistillation
from tfqd.distillation.losses import RelationalDistillation as RelationalDistillation
from tfqd.distillation.losses import SequenceDistillation as SequenceDistillation
from tfqd.distillation.losses import SimilarityPreserving as SimilarityPreserving
from tfqd.distillation.sequences import generate_targets as generate_targets
