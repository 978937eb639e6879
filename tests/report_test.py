"""Size reports as dicts and tables."""

import io
import json
import types

import numpy as np
import pytest
from rich.console import Console

from tfqd.compressed import CompressedModel, QuantizedTensor
from tfqd.compressed.sizes import model_size, tensor_size
from tfqd.quantizers import quantizer_for
from tfqd.report import sizes_of, variables_table
from tfqd.spec import Codebook, Uniform
from tfqd.spec.bucketing import Bucketing

LONG_PATH = "encoder/" + "transformer_block/" * 12 + "attention/query/kernel"
PATHS = ["dense/kernel", "blocks[0]/[bold]dense:1/kernel", LONG_PATH]


def tensor(rows=10):
    random = np.random.default_rng(rows)
    bucketing = Bucketing((rows, 100))
    scale = np.ones(bucketing.count, np.float32)
    codes = random.integers(0, 16, bucketing.shape, np.uint8)
    return QuantizedTensor(codes, 4, 16, bucketing, scale, scale)


@pytest.fixture
def model():
    quantized = {path: tensor(10 * index) for index, path in enumerate(PATHS, start=1)}
    return CompressedModel(quantized | {"dense/bias": np.zeros(30, np.float32)})


def test_report_holds_the_sizes_of_tensors_rest_and_model(model):
    report = sizes_of(model)
    assert list(report.variables) == PATHS
    assert report.variables[LONG_PATH] == tensor_size(model.tensors[LONG_PATH])
    assert report.total == model_size(model)
    rest = report.rest
    assert (rest.weights, rest.bits) == (30, 32)
    assert rest.float_bytes == rest.fixed_bytes == rest.paper_bytes == 120


def test_the_paper_counts_no_moving_statistics(model):
    statistics = np.zeros(8, np.float32)
    rest = sizes_of(CompressedModel({**model.tensors, "norm/moving_mean": statistics})).rest
    assert (rest.fixed_bytes, rest.paper_bytes) == (152, 120)


def test_parts_add_up_to_the_total(model):
    report = sizes_of(model)
    for part in ("weights", "float_bytes", "fixed_bytes"):
        parts = [*report.variables.values(), report.rest]
        assert sum(getattr(size, part) for size in parts) == getattr(report.total, part)


def test_dict_survives_json(model):
    values = sizes_of(model).to_dict()
    assert json.loads(json.dumps(values, allow_nan=False)) == values
    assert set(values) == {"variables", "rest", "total", "archive_bytes", "bytes_at_bits"}
    assert values["total"]["ratio"] == model_size(model).ratio
    assert values["variables"]["dense/kernel"]["bits"] == 4


def test_printed_table_holds_every_path_and_the_totals_bytes(model):
    table = str(sizes_of(model))
    for path in PATHS:
        assert path in table
    assert f"{model_size(model).fixed_bytes:,}" in table


def test_what_was_counted_of_archives_is_in_the_table_too(model):
    assert "the .tfqd file" not in str(sizes_of(model))
    line = next(row for row in str(sizes_of(model, 1234)).splitlines() if ".tfqd" in row)
    assert [cell.strip() for cell in line.split("│")[6:10]] == ["", "1,234", "", "19.55"]
    floats = CompressedModel({"dense/kernel": np.zeros((10, 100), np.float32)})
    report = sizes_of(floats, bytes_at_bits={8: 1000, 4: 500})
    rows = [[cell.strip() for cell in row.split("│")[1:4]] for row in str(report).splitlines()]
    assert ["float", "4,000", ""] in rows
    assert ["4 bits", "500", "8.00"] in rows
    assert report.to_dict()["bytes_at_bits"] == {"8": 1000, "4": 500}


def test_a_narrow_console_folds_paths_and_drops_no_letter(model):
    console = Console(width=100, file=io.StringIO())
    console.print(sizes_of(model))
    first_cells = [
        line.split("│")[1].strip()
        for line in console.file.getvalue().splitlines()
        if line.count("│") > 1
    ]
    assert LONG_PATH in "".join(first_cells)


def test_a_model_without_a_float_variable_reports_too():
    report = sizes_of(CompressedModel({"dense/kernel": tensor()}))
    assert report.rest.ratio == 1
    assert json.dumps(report.to_dict(), allow_nan=False)
    assert "dense/kernel" in str(report)


def test_variables_table_says_the_bytes_by_hand():
    variable = types.SimpleNamespace(shape=(10, 100))
    uniform = types.SimpleNamespace(
        path=LONG_PATH, variable=variable, quantizer=quantizer_for(Uniform(bits=4))
    )
    codebook = types.SimpleNamespace(
        path="dense/kernel",
        variable=variable,
        quantizer=quantizer_for(
            Codebook(bits=2, layout="channel", bucket_size=None, scaling="symmetric")
        ),
    )
    table = variables_table([uniform, codebook])
    first, second = (line for line in table.splitlines() if "kernel" in line)
    assert LONG_PATH in first
    for cell in ("(10, 100)", "uniform", " 4 ", "4,000", str(500 + 4 * 8)):
        assert cell in first
    for cell in ("dense/kernel", "codebook", " 2 ", "4,000", str(250 + 100 * 4 + 4 * 4)):
        assert cell in second
