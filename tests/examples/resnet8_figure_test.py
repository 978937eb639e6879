"""The figure of the ResNet-8 students shows what the committed results say."""

import json
import xml.etree.ElementTree as ET

import example_modules  # noqa: F401
from bytes_figure import draw
from resnet8_figure import COLOURS, ENDS, FIGURE, RESULTS, marks

SVG = "{http://www.w3.org/2000/svg}"


def drawn():
    circles = ET.fromstring(FIGURE.read_text(encoding="utf-8")).findall(f".//{SVG}circle")
    return {circle.find(f"{SVG}title").text: circle for circle in circles}


def test_the_figure_is_that_of_the_committed_results():
    assert FIGURE.read_text(encoding="utf-8") == draw(list(marks()), COLOURS, ENDS, 2)


def test_every_student_above_the_bottom_has_a_mark_with_its_accuracy_and_bytes():
    tips = list(drawn())
    rows = json.loads((RESULTS / "cifar10_resnet8_bytes.json").read_text())["rows"]
    assert len(rows) > 1
    for row in rows:
        (tip,) = (tip for tip in tips if tip.startswith(f"{row['run']}, seed {row['seed']}:"))
        assert tip.endswith(f"{row['accuracy']:.2f} % in {row['bytes']:,}")


def test_better_is_higher_and_larger_further_to_the_right():
    found = []
    for tip, circle in drawn().items():
        accuracy, size = tip.split(": ")[1].split(" % in ")
        place = float(circle.get("cx")), -float(circle.get("cy"))
        found.append((float(accuracy), int(size.replace(",", "")), *place))
    heights = [height for *_, height in sorted(found)]
    assert heights == sorted(heights)
    rights = [right for _, _, right, _ in sorted(found, key=lambda each: each[1])]
    assert rights == sorted(rights)
    assert len(set(rights)) > 10
