"""The plots, each a figure of one kind of charts."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from tfqd.callbacks import TrainingRecord
from tfqd.charts import evaluations, models, trainings
from tfqd.charts.sources import chosen, source_of
from tfqd.evaluation import Evaluation
from tfqd.plot.drawing import figure_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def tradeoff(results: Mapping[str, tuple[float, float]], *, metric: str = "accuracy") -> "Figure":
    """Scores against bytes, on a logarithmic axis.

    Args:
        results: (bytes, score) by name.
        metric: what the score is called.

    Raises:
        ValueError: when there are no results.
        ModuleNotFoundError: without matplotlib, as all functions here.

    Example:

    >>> figure = tfqd.plot.tradeoff({"float": (39_208, 0.977), "4 bits": (6_976, 0.983)})
    >>> figure.savefig("tradeoff.png")
    """
    if not results:
        raise ValueError("results must hold (bytes, score) of at least one model; got none")
    return figure_of([models.tradeoff(results, metric)])


def radar(evaluation: Evaluation) -> "Figure":
    """All that was measured of every model, each measure as a share of the best.

    Args:
        evaluation: of `tfqd.evaluate`, with three measures at least that differ.

    Raises:
        ValueError: when there are fewer.

    Example:

    >>> import numpy as np
    >>> x, y = np.random.rand(64, 8), np.arange(64) % 4
    >>> found = tfqd.evaluate({"float": model, "4 bits": quantized}, (x, y))
    >>> figure = tfqd.plot.radar(found)
    """
    chart = evaluations.radar(evaluation)
    if chart is None:
        raise ValueError("evaluation must have three measures that differ between its models")
    return figure_of([chart])


def bits(model: Any) -> "Figure":
    """Bits per weight of each quantized tensor, and their entropy.

    Args:
        model: a quantized model of Keras 3 or tf_keras, of a Distiller its student, or a
            `tfqd.CompressedModel`.

    Raises:
        TypeError: when `model` is neither.
        ValueError: when it is not quantized.

    Example:

    >>> figure = tfqd.plot.bits(quantized)
    """
    return figure_of([models.bits(source_of(model).compressed)])


def sizes(model: Any) -> "Figure":
    """Bytes of each quantized tensor in the archive, and of what stayed float.

    Args:
        model: as for `bits`, with its errors.

    Example:

    >>> figure = tfqd.plot.sizes(quantized)
    """
    return figure_of([models.sizes(source_of(model).compressed)])


def weights(model: Any, paths: str | Sequence[str] | None = None) -> "Figure":
    """Histograms of weights, with the levels that occur drawn in.

    The weights of a tensor with several buckets are drawn where they would lie in one of
    the mean scale, so that all buckets have the same levels.

    Args:
        model: as for `bits`, with its errors. Of a `tfqd.CompressedModel` the quantized
            weights are counted, as it has no others.
        paths: of the variables, or of one; None for the twelve with most weights.

    Raises:
        ValueError: when a path is that of no quantized variable.

    Example:

    >>> figure = tfqd.plot.weights(quantized)
    """
    source = source_of(model)
    tensors = source.compressed.quantized
    drawn = chosen({path: tensor.size for path, tensor in tensors.items()}, paths)
    charts = [models.histogram(path, tensors[path], source.weights.get(path)) for path in drawn]
    return figure_of(charts)


def levels(record: TrainingRecord, paths: str | Sequence[str] | None = None) -> "Figure":
    """How levels move from epoch to epoch: the points of a codebook, or a step's grid.

    Args:
        record: was among the callbacks of `fit`.
        paths: of the variables, or of one; None for the first twelve.

    Raises:
        ValueError: when a path is that of no quantized variable, or nothing was recorded.

    Example:

    >>> record = tfqd.callbacks.TrainingRecord()
    >>> quantized.compile("sgd", "mse")
    >>> data = keras.ops.ones((32, 8)), keras.ops.ones((32, 4))
    >>> _ = quantized.fit(*data, epochs=2, callbacks=[record], verbose=0)
    >>> figure = tfqd.plot.levels(record)
    """
    _check_recorded(record)
    drawn = chosen(dict.fromkeys(record.paths, 1), paths)
    return figure_of([trainings.levels(record.epochs, path) for path in drawn])


def flips(record: TrainingRecord) -> "Figure":
    """The share of weights that changed their code, epoch by epoch.

    Args:
        record: was among the callbacks of `fit`.

    Raises:
        ValueError: when nothing was recorded.

    Example:

    >>> record = tfqd.callbacks.TrainingRecord()
    >>> quantized.compile("sgd", "mse")
    >>> data = keras.ops.ones((32, 8)), keras.ops.ones((32, 4))
    >>> _ = quantized.fit(*data, epochs=2, callbacks=[record], verbose=0)
    >>> figure = tfqd.plot.flips(record)
    """
    _check_recorded(record)
    return figure_of([trainings.flips(record.epochs)])


def losses(record: TrainingRecord) -> "Figure":
    """The loss and its terms, epoch by epoch.

    Args:
        record: was among the callbacks of `fit`.

    Raises:
        ValueError: when nothing was recorded.

    Example:

    >>> record = tfqd.callbacks.TrainingRecord()
    >>> quantized.compile("sgd", "mse")
    >>> data = keras.ops.ones((32, 8)), keras.ops.ones((32, 4))
    >>> _ = quantized.fit(*data, epochs=2, callbacks=[record], verbose=0)
    >>> figure = tfqd.plot.losses(record)
    """
    _check_recorded(record)
    return figure_of([trainings.losses(record.epochs)])


def _check_recorded(record: TrainingRecord) -> None:
    if not record.epochs:
        raise ValueError("record holds no epoch; give it to fit as one of the callbacks")
