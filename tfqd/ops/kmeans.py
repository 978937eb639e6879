"""k-means on a line, with weights (Lloyd's algorithm on sorted values)."""

import numpy as np

_MAX_ITERATIONS = 300


def kmeans(values: np.ndarray, weights: np.ndarray, count: int) -> np.ndarray:
    """Centers c that make sum_i weights_i min_j (values_i - c_j)^2 small.

    A cluster is a run of the sorted values, so that its sum is a difference of
    two cumulative sums, and an iteration costs count searches. The start is at
    the weighted quantiles (j + 1/2) / count.

    Args:
        values: [N], finite.
        weights: [N], not negative; where all are 0, all count the same.
        count: number of centers.

    Returns:
        float64 [count], ascending. Where there are no more different values than
        centers, they are the centers, the last one repeated. A center without values
        stays where it was.
    """
    order = np.argsort(values)
    values = np.asarray(values, np.float64)[order]
    weights = np.asarray(weights, np.float64)[order]
    different = values[np.append(True, np.diff(values) > 0)]
    if len(different) <= count:
        return different[np.minimum(np.arange(count), len(different) - 1)]
    if not weights.any():
        weights = np.ones_like(values)
    mass = np.concatenate([[0.0], np.cumsum(weights)])
    moment = np.concatenate([[0.0], np.cumsum(weights * values)])
    wanted = (np.arange(count) + 0.5) / count * mass[-1]
    centers = values[np.minimum(np.searchsorted(mass[1:], wanted), len(values) - 1)]
    ends: np.ndarray | None = None
    for _ in range(_MAX_ITERATIONS):
        before = ends
        ends = np.searchsorted(values, (centers[:-1] + centers[1:]) / 2)
        if before is not None and np.array_equal(ends, before):
            break
        bounds = np.concatenate([[0], ends, [len(values)]])
        total = np.diff(mass[bounds])
        means = np.divide(np.diff(moment[bounds]), total, out=centers.copy(), where=total > 0)
        centers = np.maximum.accumulate(means)
    return centers
