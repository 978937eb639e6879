"""How models answer to inputs that are made worse."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from tfqd.evaluation.arguments import check_answers_are_finite
from tfqd.evaluation.contenders import Contender
from tfqd.evaluation.corruptions import corruptions_for
from tfqd.evaluation.progress import track_steps
from tfqd.evaluation.scorer import Scorer
from tfqd.evaluation.task import Task


class Corrupted:
    """The same corrupted inputs for all models.

    Args:
        inputs: the clean ones, one array.
        strengths: of the corruptions, from 1 to 5.
        batch_size: examples to a call.
        seed: of the corruptions.
        verbose: whether to show progress.

    Raises:
        ValueError: for several inputs.
    """

    def __init__(
        self, inputs: Any, strengths: Sequence[int], batch_size: int, seed: int, verbose: bool
    ):
        if not isinstance(inputs, np.ndarray):
            kind = type(inputs).__name__
            raise ValueError(f"corruptions are for models of one input; got {kind}")
        self._inputs, self._strengths = inputs, strengths
        self._batch_size, self._seed, self._verbose = batch_size, seed, verbose

    def scores(
        self,
        contenders: Mapping[str, Contender],
        tasks: Mapping[str, Task],
        scorer: Scorer,
    ) -> dict[str, dict[str, float]]:
        """name -> corruption -> score, the mean of the strengths.

        Args:
            contenders: the models.
            tasks: as each has it.
            scorer: of the clean answers.
        """
        changes = corruptions_for(self._inputs)
        found: dict[str, dict[str, list[float]]] = {
            name: {change: [] for change in changes} for name in contenders
        }
        pairs = [(change, strength) for change in changes for strength in self._strengths]
        # From 1: the generator of [seed, 0] is that of the plain seed, which may have made the
        # data.
        for place, (change, strength) in enumerate(
            track_steps(pairs, "Corruptions", self._verbose), 1
        ):
            generator = np.random.default_rng([self._seed, place])
            worse = changes[change](self._inputs, strength, generator)
            given = {
                name: each.answers(worse, self._batch_size) for name, each in contenders.items()
            }
            check_answers_are_finite(given)
            for name, each in given.items():
                found[name][change].append(scorer.score(each, tasks[name]))
        return {
            name: {change: float(np.mean(each)) for change, each in by_change.items()}
            for name, by_change in found.items()
        }
