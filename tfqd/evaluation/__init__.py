"""One evaluation of models: their performance, reliability and efficiency."""

from tfqd.evaluation.evaluate import evaluate as evaluate
from tfqd.evaluation.evaluation import Evaluation as Evaluation
from tfqd.evaluation.measures import MEASURES as MEASURES
from tfqd.evaluation.measures import SIDES as SIDES
from tfqd.evaluation.measures import Measure as Measure
from tfqd.evaluation.training_cost import TrainingCost as TrainingCost

__all__ = ["MEASURES", "SIDES", "Evaluation", "Measure", "TrainingCost", "evaluate"]


def __dir__() -> list[str]:
    """What users may call."""
    return [*__all__]
