"""The Distiller of tf_keras models; made by `tfqd.Distiller` for a tf_keras student."""

from tfqd.distillation.base import BaseDistiller
from tfqd.distillation.distiller import Distiller
from tfqd.wrapping.tf_keras import training
from tfqd.wrapping.version import version_named


@Distiller.register
@training.serializable
class TfKerasDistiller(BaseDistiller, training.TrainedModel):
    """`tfqd.Distiller` as a tf_keras model.

    What it saves leaves out the seeds of Dropout: tf_keras keeps them in no variable.
    """

    _version = version_named("tf_keras")

    @property
    def output_names(self) -> list[str] | None:
        """The student's: tf_keras finds losses and metrics by them."""
        return getattr(getattr(self, "student", None), "output_names", None)

    @output_names.setter
    def output_names(self, names) -> None:
        """Does nothing: tf_keras sets its own where they are not known."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        loss = super().compute_loss(x, y, y_pred, sample_weight, training)
        self.track_loss(loss, x)
        return loss
