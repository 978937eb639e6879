"""Distillation: a student learns from a teacher's outputs as well as from labels."""

from tfqd.distillation.distiller import Distiller as Distiller
from tfqd.distillation.losses import LogitsDistillation as LogitsDistillation
