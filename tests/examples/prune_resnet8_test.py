"""Pruned forms of ResNet-8, on a few digits."""

import json

from example_modules import run_here


def test_smoke_prunes_trains_in_two_phases_keeps_to_bytes_and_goes_on(tmp_path):
    arguments = ["prune_resnet8.py", "--smoke", f"--output={tmp_path}"]
    first = run_here(*arguments)
    assert first.end is None
    pruned, rival = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert (pruned["run"], rival["run"]) == ("mutual_80_2bit", "bytes_23300")
    assert pruned["zeros"] >= 0.799
    assert 0.98 * 23_300 < rival["bytes"] <= 23_300
    for row in (pruned, rival):
        (archive,) = tmp_path.glob(f"*{row['run']}*.tfqd")
        assert row["bytes"] == archive.stat().st_size
    assert "teacher_loss" in first.stdout
    again = run_here(*arguments)
    assert again.end is None
    assert "teacher_loss" not in again.stdout  # it is in the results


def test_bad_arguments_end_with_one_line():
    end = run_here("prune_resnet8.py", "--runs=labels_70_2bit").end
    assert end.startswith("prune_resnet8: --runs: no run called 'labels_70_2bit'")
    assert "\n" not in end
