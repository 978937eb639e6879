"""Charts of what came of `tfqd.evaluate`."""

from tfqd.charts.chart import Marks, Radar, Ring
from tfqd.charts.models import tradeoff
from tfqd.evaluation import SIDES, Evaluation, Measure


def pareto(evaluation: Evaluation) -> Marks | None:
    """Scores against bytes, of the archive or else the TFLite file; None without any bytes."""
    score = "accuracy" if evaluation.classes else "error"
    results = {}
    for name, values in evaluation.values.items():
        size = values.get("archive_bytes", values.get("tflite_bytes"))
        if size is not None:
            results[name] = (size, values[score])
    return tradeoff(results, score) if results else None


def radar(evaluation: Evaluation) -> Radar | None:
    """All that was measured of every model, each measure as a share of the best.

    A measure of which less is better counts as the least over the value; where the least is
    0, as of shares that were lost, as the share that was not. None where fewer than three
    are known of all models.
    """
    measures = [
        measure
        for side in SIDES
        for measure in evaluation.measures(side)
        if all(measure.key in values for values in evaluation.values.values())
        and _differs(evaluation, measure)
    ]
    if len(measures) < 3:
        return None
    rings = [
        Ring(name, [_share(evaluation, measure, values[measure.key]) for measure in measures])
        for name, values in evaluation.values.items()
    ]
    return Radar("Shares of the best", [measure.title for measure in measures], rings)


def _values(evaluation: Evaluation, measure: Measure) -> list[float]:
    return [values[measure.key] for values in evaluation.values.values()]


def _differs(evaluation: Evaluation, measure: Measure) -> bool:
    """Whether a share of the best says something.

    It says nothing where more is better and the reference is at 0, as of what was gained,
    and where less is better and the best is 0 of something without an upper end.
    """
    found = _values(evaluation, measure)
    if measure.more_is_better:
        return max(found) > min(found) and evaluation.values[evaluation.reference][measure.key] > 0
    return max(found) > min(found) and (min(found) > 0 or measure.share)


def _share(evaluation: Evaluation, measure: Measure, value: float) -> float:
    found = _values(evaluation, measure)
    if measure.more_is_better:
        return value / max(found)
    return min(found) / value if min(found) > 0 else 1 - value
