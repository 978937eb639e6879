"""Ways to a codebook for a ResNet-20, on a few digits."""

import json

from example_modules import run_here


def test_smoke_trains_measures_says_what_is_refused_and_goes_on(tmp_path):
    arguments = ["couple_resnet20.py", "--smoke", f"--output={tmp_path}"]
    first = run_here(*arguments)
    assert first.end is None
    points, coupled = json.loads((tmp_path / "results.json").read_text())["rows"]
    assert (points["run"], coupled["run"]) == ("kmeans_2", "coupled_4000_30")
    assert points["levels"] == [4] * 10
    for form in ("post_training", "trained"):
        (archive,) = tmp_path.glob(f"*kmeans*/{form}.tfqd")
        assert points[form]["bytes"] == archive.stat().st_size
        assert 0 < points[form]["bits"] <= 2
    # Three steps are too few for clusters.
    assert "have not parted into clusters yet" in coupled["refused"]
    assert "step - loss" in first.stdout
    again = run_here(*arguments)
    assert again.end is None
    assert "step - loss" not in again.stdout  # both are in the results


def test_bad_arguments_end_with_one_line():
    for name in ("coupled_200", "kmeans_9", "gathered_2"):
        end = run_here("couple_resnet20.py", f"--runs={name}").end
        assert end.startswith(f"couple_resnet20: --runs: no run called {name!r}; runs are")
        assert "\n" not in end
