"""A results file in JSON that several processes may add to."""

import json
import pathlib
import statistics
from collections.abc import Sequence
from typing import Any

from locks import alone_in
from whole_files import new_file


class ResultsFile:
    """One row for each finished run, below what is true of all of them.

    Args:
        path: made with the first row, its folder too.
        facts: JSON values that every row shares: the command, the data. Rows are added only
            to a file of the same ``data``.

    Raises:
        ValueError: when the file holds results on other data, or is no results file.
    """

    def __init__(self, path: pathlib.Path, facts: dict[str, Any]):
        self._path = path
        self._facts = facts
        found = self._read()["data"]
        if found != facts["data"]:
            raise ValueError(
                f"{path} holds results on {found!r}, not on {facts['data']!r}; give another "
                "--results or --output"
            )

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The rows as they are now: another process may have added to them."""
        return self._read()["rows"]

    def find(self, key: dict[str, Any]) -> dict[str, Any] | None:
        """The row that says all that `key` says; None where there is none."""
        return _find(self.rows, key)

    def add(self, row: dict[str, Any], key: dict[str, Any] | None = None) -> bool:
        """Adds a row under a lock; the file is the old one or the new one.

        Args:
            row: JSON values by name.
            key: what the row alone says; None where it may stand there several times.

        Returns:
            Whether it was added: not where another process has added a row of that key.
        """
        with alone_in(self._path):
            content = self._read()
            if key is not None and _find(content["rows"], key) is not None:
                return False
            content["rows"].append(row)
            with new_file(self._path) as temporary:
                temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        return True

    def _read(self) -> dict[str, Any]:
        if not self._path.exists():
            return {**self._facts, "rows": []}
        try:
            content = json.loads(self._path.read_text(encoding="utf-8"))
        except ValueError as error:
            raise ValueError(f"{self._path} is no JSON: {error}") from error
        if not _is_results(content):
            raise ValueError(
                f"{self._path} is no results file: it must be an object with data and rows, "
                "which are a list of objects"
            )
        return content


def _is_results(content: Any) -> bool:
    if not isinstance(content, dict) or "data" not in content:
        return False
    rows = content.get("rows")
    return isinstance(rows, list) and all(isinstance(row, dict) for row in rows)


def _find(rows: list[dict[str, Any]], key: dict[str, Any]) -> dict[str, Any] | None:
    return next((row for row in rows if row.items() >= key.items()), None)


def seeds_of(values: Sequence[str]) -> list[int]:
    """The numbers that `--seeds` lists.

    Raises:
        ValueError: for what is no whole number from 0 on, and for none at all.
    """
    if not values or not all(value.strip().isdecimal() for value in values):
        raise ValueError(f"--seeds must be whole numbers from 0 on; got {list(values)}")
    return [int(value) for value in values]


def mean_and_deviation(percents: Sequence[float]) -> str:
    """The mean of several seeds, and their standard deviation where there are several."""
    spread = f" ± {statistics.stdev(percents):.2f}" if len(percents) > 1 else ""
    return f"{statistics.mean(percents):.2f}{spread} %"
