"""What a student learns from its teacher, one loss a file.

=============================  ====================================  ===================
loss                           compares                              sizes may differ
=============================  ====================================  ===================
`LogitsDistillation`           class probabilities, a sample's mean  no
`SequenceDistillation`         class probabilities, token by token   no
`RegressionDistillation`       numbers, as they are                  no
`FeatureDistillation`          features, through a projection        widths, multiples
`AttentionTransfer`            where features are strong             widths, multiples
`SimilarityPreserving`         similarities of a batch's samples     yes
`RelationalDistillation`       distances of a batch's samples        yes
=============================  ====================================  ===================

Start with `LogitsDistillation`; it is the paper's (arXiv 1802.05668, after
Hinton et al. 2015); for a regression take `RegressionDistillation`. Add one on features
where the student starts from scratch.

Each is a `DistillationLoss`, and so a ``keras.distillation.DistillationLoss``:
``compute_loss(teacher_outputs, student_outputs)`` gives the mean over the batch,
whatever the number of classes. There is no loss on labels here: that is the loss
the Distiller is compiled with.
"""

from tfqd.distillation.losses.attention import AttentionTransfer as AttentionTransfer
from tfqd.distillation.losses.base import DistillationLoss as DistillationLoss
from tfqd.distillation.losses.features import FeatureDistillation as FeatureDistillation
from tfqd.distillation.losses.logits import LogitsDistillation as LogitsDistillation
from tfqd.distillation.losses.probabilities import (
    looks_like_probabilities as looks_like_probabilities,
)
from tfqd.distillation.losses.regression import RegressionDistillation as RegressionDistillation
from tfqd.distillation.losses.relational import RelationalDistillation as RelationalDistillation
from tfqd.distillation.losses.sequence import SequenceDistillation as SequenceDistillation
from tfqd.distillation.losses.similarity import SimilarityPreserving as SimilarityPreserving
from tfqd.distillation.losses.temperature import default_temperature as default_temperature
