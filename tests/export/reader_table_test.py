"""The table of readers in docs/tflite.md is what benchmarks/readers.py found."""

import json
import sys

from source_tree import ROOT

sys.path.append(str(ROOT / "benchmarks"))
from reader_table import table

RESULTS = json.loads((ROOT / "benchmarks/results/readers.json").read_text())


def test_the_page_has_the_table_of_the_results():
    text = (ROOT / "docs/tflite.md").read_text(encoding="utf-8")
    assert table(RESULTS) in text
    differences = [row["difference"] for row in RESULTS["rows"] if "difference" in row]
    assert f"(the largest is {max(differences)})" in text


def test_thirteen_networks_were_tried_by_six_readers():
    assert len({(row["network"], row["reader"]) for row in RESULTS["rows"]}) == 13 * 6


def test_refusals_have_their_reasons_below():
    row = {"network": "LSTM", "weights": 3, "floats": 0}
    rows = [{**row, "reader": each} for each in ("LiteRT", "tf.lite", "LiteRT.js", "OpenVINO")]
    rows.append({**row, "reader": "ai-edge-quantizer", "floats": 2})
    rows.append({**row, "reader": "tflite-micro", "refused": "no WHILE"})
    cells = ["LSTM", *["agrees"] * 4, "agrees, 2 of 3 weights float32", "refused (1)"]
    end = f"| {' | '.join(cells)} |\n\n(1) no WHILE\n"
    assert table({"rows": rows}).endswith(end)
