"""Pruned forms of ResNet-8, on a few digits."""

import json

from example_modules import run_here


def test_smoke_prunes_trains_in_two_phases_and_goes_on(tmp_path):
    arguments = ["prune_resnet8.py", "--smoke", f"--output={tmp_path}"]
    first = run_here(*arguments)
    assert first.end is None
    (row,) = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert row["run"] == "mutual_80_2bit"
    assert row["zeros"] >= 0.799
    (archive,) = tmp_path.glob("*.tfqd")
    assert row["bytes"] == archive.stat().st_size
    assert "teacher_loss" in first.stdout
    again = run_here(*arguments)
    assert again.end is None
    assert "teacher_loss" not in again.stdout  # it is in the results


def test_bad_arguments_end_with_one_line():
    end = run_here("prune_resnet8.py", "--runs=labels_70_2bit").end
    assert end.startswith("prune_resnet8: --runs: no run called 'labels_70_2bit'")
    assert "\n" not in end
