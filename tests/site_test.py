"""Every page of the site is in its table of contents, and all Python on the pages is run."""

import re

import pytest
from draw_figures import FIGURES, draw
from page_examples import EXAMPLE, examples_of
from source_tree import ROOT

import tfqd
import tfqd.distillation

DOCS = ROOT / "docs"
PAGES = {page.relative_to(DOCS).as_posix(): page for page in sorted(DOCS.rglob("*.md"))}
TESTS = "\n".join(
    path.read_text(encoding="utf-8") for path in sorted((ROOT / "tests").rglob("*.py"))
)


def test_every_page_has_its_place():
    nav = (ROOT / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")[2]
    assert sorted(re.findall(r"([\w/]+\.md)$", nav, re.MULTILINE)) == sorted(PAGES)


@pytest.mark.parametrize("page", PAGES)
def test_a_test_runs_the_python_of_the_page(page):
    if any(not not_run for not_run, _ in EXAMPLE.findall(PAGES[page].read_text(encoding="utf-8"))):
        assert f'"docs/{page}"' in TESTS


def test_the_quick_start_ends_in_files_and_a_page(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(examples_of("docs/index.md", 1), {})
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"report.html", "serving", "small.tflite", "small.tfqd"}


def test_every_spec_of_the_table_quantizes(capsys):
    exec(examples_of("docs/choosing.md", 1), {})
    ratios = capsys.readouterr().out.split()
    assert len(ratios) == 10
    assert all(float(ratio) > 2 for ratio in ratios)


def test_the_figures_are_those_that_the_examples_draw(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    drawn = [figure.name for figure in draw()]
    assert drawn == sorted(figure.name for figure in FIGURES.iterdir())
    page = (DOCS / "how_it_works.md").read_text(encoding="utf-8")
    assert sorted(re.findall(r"\(figures/(.+?)\)", page)) == drawn


def test_the_api_has_all_that_users_may_call():
    text = "\n".join(page.read_text(encoding="utf-8") for page in (DOCS / "api").glob("*.md"))
    shown = {*re.findall(r"^::: (.+)$", text, re.MULTILINE)}
    called = {
        f"{module.__name__}.{name}"
        for module in (tfqd, tfqd.callbacks, tfqd.distillation, tfqd.layers, tfqd.plot)
        for name in dir(module)
        if not name.startswith("_") and callable(getattr(module, name))
    }
    assert called - shown == {"tfqd.distillation.Distiller"}  # `tfqd.Distiller`
    assert {"tfqd.export", "tfqd.presets"} <= shown  # with all that is in them
