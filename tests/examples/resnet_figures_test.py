"""The figures of the ResNet students show what the committed results say."""

import json
import xml.etree.ElementTree as ET

import example_modules  # noqa: F401
import pytest
from resnet_figures import FIGURES, RESULTS, path_of

SVG = "{http://www.w3.org/2000/svg}"


def drawn(name):
    circles = ET.fromstring(path_of(name).read_text(encoding="utf-8")).findall(f".//{SVG}circle")
    return {circle.find(f"{SVG}title").text: circle for circle in circles}


@pytest.mark.parametrize("name", FIGURES)
def test_a_figure_is_that_of_the_committed_results(name):
    assert path_of(name).read_text(encoding="utf-8") == FIGURES[name].drawing()


@pytest.mark.parametrize(
    ("name", "file", "percent"),
    [
        ("resnet8", "cifar10_resnet8_bytes.json", 1),
        ("resnet8", "prune_resnet8.json", 100),
        ("resnet8_pruned", "prune_resnet8.json", 100),
        ("resnet20", "prune_resnet20.json", 100),
    ],
)
def test_every_student_above_the_bottom_has_a_mark_with_its_accuracy_and_bytes(name, file, percent):
    tips = list(drawn(name))
    rows = json.loads((RESULTS / file).read_text())["rows"]
    high = [row for row in rows if percent * row["accuracy"] >= FIGURES[name].ends[0]]
    assert len(high) > 1
    for row in high:
        end = f"seed {row['seed']}: {percent * row['accuracy']:.2f} % in {row['bytes']:,}"
        assert sum(tip.startswith(row["run"]) and tip.endswith(end) for tip in tips) == 1


@pytest.mark.parametrize("name", FIGURES)
def test_better_is_higher_and_larger_further_to_the_right(name):
    found = []
    for tip, circle in drawn(name).items():
        accuracy, size = tip.split(": ")[1].split(" % in ")
        place = float(circle.get("cx")), -float(circle.get("cy"))
        found.append((float(accuracy), int(size.replace(",", "")), *place))
    heights = [height for *_, height in sorted(found)]
    assert heights == sorted(heights)
    rights = [right for _, _, right, _ in sorted(found, key=lambda each: each[1])]
    assert rights == sorted(rights)
    assert len(set(rights)) > 10
