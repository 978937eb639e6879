"""The page is whole, stands alone, and shows the numbers of the model that it is about."""

import html
import html.parser
import pathlib
import re

import numpy as np
import pytest
import tensorflow as tf
import tf_keras
from example_page import LONG, RESULTS, TITLE, X, write_example

import tfqd
from tfqd.compressed.records import payload_bytes

VOID = {"meta", "br", "link"}


class Parser(html.parser.HTMLParser):
    """The elements of a page: (tag, attributes, text), in the order of their ends."""

    def __init__(self, text):
        super().__init__()
        self.found, self._open = [], []
        self.feed(text)
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        if tag not in VOID:
            self._open.append((tag, dict(attrs), []))

    def handle_data(self, data):
        for _, _, texts in self._open:
            texts.append(data)

    def handle_endtag(self, tag):
        opened, attributes, texts = self._open.pop()
        assert opened == tag
        self.found.append((tag, attributes, "".join(texts)))

    def texts(self, tag, **attributes):
        return [text for _, text in self.elements(tag, **attributes)]

    def elements(self, tag, **attributes):
        return [
            (own, text)
            for name, own, text in self.found
            if name == tag and attributes.items() <= own.items()
        ]


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    folder = tmp_path_factory.mktemp("page")
    return write_example(folder, "s.tfqd", "s.tflite", "s.keras", "serving")


@pytest.fixture(scope="module")
def parser(example):
    return Parser(example.page.read_text(encoding="utf-8"))


def test_the_page_needs_nothing_else(example):
    text = example.page.read_text(encoding="utf-8")
    assert not re.search(r"\b(src|href|@import|url\()", text.replace("prefers-color-scheme", ""))
    assert "<script" not in text
    assert "://" not in text
    assert len(text) < 150_000


def test_what_users_named_is_text_and_nothing_else(parser):
    assert parser.texts("title")[0] == TITLE
    assert parser.texts("h1") == [TITLE]
    assert parser.texts("script") == []
    assert [*RESULTS][1] in parser.texts("td")


def test_every_part_is_there(parser):
    made = ["Results", "Evaluation", "Files"]
    holds = ["Bits and bytes", "Training", "Weights and levels", "Tensors"]
    assert parser.texts("h2") == made + holds


def test_an_evaluation_has_a_table_a_side_and_a_ring_a_model(parser):
    assert {"performance", "reliability", "efficiency"} <= {*parser.texts("th")}
    rings = [text for text in parser.texts("polygon") if text]
    assert [text.partition(":")[0] for text in rings] == ["float", "small", "<i>compressed</i>"]
    shares = [[float(share) for share in re.findall(r" (\d\.\d\d)", ring)] for ring in rings]
    for spoke in zip(*shares, strict=True):
        assert 0 < min(spoke) <= max(spoke) == 1


def test_the_table_has_every_tensor_with_its_bytes(example, parser):
    compressed = tfqd.compress(example.model)
    rows = [text for text in parser.texts("tr") if text.startswith("small/")]
    assert len(rows) == len(compressed.tensors)
    for path, tensor in compressed.quantized.items():
        (row,) = [row for row in rows if row.startswith(f"{path}{tensor.shape[0]}x")]
        assert row.endswith(f"{payload_bytes(tensor):,}")


def test_bars_are_as_long_as_their_bits(example, parser):
    (_, bars), *_ = [
        (attributes, text)
        for attributes, text in parser.elements("svg")
        if attributes["aria-label"] == "Bits by tensor"
    ]
    assert bars.count("entropy") == 2 * len(tfqd.compress(example.model).quantized)
    widths = {float(bar["width"]) for bar, _ in parser.elements("rect", **{"class": "fill0"})}
    assert {200.0, 400.0} <= widths


def test_levels_are_drawn_where_they_are_and_as_they_moved(example, parser):
    tensor = tfqd.compress(example.model).quantized[f"small/{LONG}/kernel"]
    rules = {float(text) for text in parser.texts("title")[1:] if re.match(r"-?\d", text)}
    for level in np.unique(tensor.dequantize()):
        assert min(abs(rule - level) for rule in rules) < 1e-3
    moved = [line for line, text in parser.elements("polyline") if text.startswith("level ")]
    assert {len(line["points"].split()) for line in moved} == {len(example.record.epochs)}


def test_losses_and_flips_have_a_line_each(parser):
    lines = parser.texts("polyline")
    assert {"loss", "all weights", f"small/{LONG}/kernel"} <= {*lines}


def test_every_file_is_verified_and_loads_as_the_page_says(example, parser):
    codes = parser.texts("pre")
    assert len(codes) == 4
    assert parser.texts("span", **{"class": "good"}) == ["verified: "] * 4
    expected = np.asarray(tfqd.strip_quantization(example.model)(X[:1]))
    (name,) = tfqd.load(example.folder / "s.tfqd", "compressed").probes.inputs
    for code in codes:
        scope = {"inputs": {name: tf.constant(X[:1])}}
        exec(code, scope)
        (output,) = scope["outputs"].values() if "outputs" in scope else [scope["model"](X[:1])]
        np.testing.assert_allclose(output, expected, rtol=0.05, atol=0.01)


def test_a_file_is_said_to_answer_as_the_model_that_it_was_made_from(example, tmp_path):
    other = tf_keras.Sequential([tf_keras.layers.Input((6,)), tf_keras.layers.Dense(3)])
    tfqd.save(tfqd.quantize_model(other, 4), tmp_path / "other.tfqd")
    tfqd.html_report(example.model, tmp_path / "r.html", files=[tmp_path / "other.tfqd"])
    page = Parser((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert "1files, each run and held against the answers in it" in page.texts("div")
    (said,) = [text for text in page.texts("p") if text.startswith("Each was run")]
    assert "the model that it was made from" in said


@pytest.mark.parametrize("as_given", [str, pathlib.Path])
def test_a_file_alone_is_taken_as_one(as_given, example, tmp_path):
    tfqd.html_report(example.model, tmp_path / "r.html", files=as_given(example.folder / "s.tfqd"))
    page = Parser((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert len(page.texts("span", **{"class": "good"})) == 1


def test_a_file_that_tfqd_has_not_exported_is_refused(example, tmp_path):
    with pytest.raises(ValueError, match=r"report\.html"):
        tfqd.html_report(example.model, tmp_path / "r.html", files=[example.page])
    assert not (tmp_path / "r.html").exists()


def test_a_compressed_model_and_one_of_tf_keras_have_pages_too(tmp_path):
    model = tf_keras.Sequential([tf_keras.layers.Input((6,)), tf_keras.layers.Dense(3)])
    quantized = tfqd.quantize_model(model, "codebook2")
    for each in (quantized, tfqd.compress(quantized)):
        tfqd.html_report(each, tmp_path / "r.html")
        found = Parser((tmp_path / "r.html").read_text(encoding="utf-8"))
        assert found.texts("h2") == ["Bits and bytes", "Weights and levels", "Tensors"]
    with pytest.raises(TypeError, match="model"):
        tfqd.html_report("small.tfqd", tmp_path / "r.html")
