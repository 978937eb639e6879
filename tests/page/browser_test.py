"""In Chromium the page fits telephones and desks, in light and in dark, without complaint."""

import html
import json
import pathlib
import re
import shutil
import subprocess

import pytest
from example_page import write_example

from tfqd.charts.chart import Radar, Ring
from tfqd.evaluation import MEASURES
from tfqd.page.elements import document, element
from tfqd.page.style import style
from tfqd.page.svg import figure

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDTHS = (1280, 400)
SCHEMES = ("light", "dark")

# What is looked at in each frame: how wide the page is, which boxes leave the window, which
# texts leave their drawings, and the colours of the ground and the text.
LOOK = """
const seen = [...document.querySelectorAll("iframe")].map(frame => {
  const page = frame.contentDocument, root = page.documentElement, style = e =>
    frame.contentWindow.getComputedStyle(e);
  const outside = [...page.querySelectorAll("main *")].filter(e => !e.closest(".wide, svg"))
    .filter(e => e.getBoundingClientRect().right > frame.width || e.scrollWidth > e.clientWidth + 1
      && e.clientWidth > 0 && style(e).overflowX != "auto" && style(e).display != "inline");
  const cut = [...page.querySelectorAll("svg text")].filter(text => {
    const box = text.getBBox(), all = text.ownerSVGElement.viewBox.baseVal;
    return box.x < -1 || box.x + box.width > all.width + 1 || box.y < -1
      || box.y + box.height > all.height + 1;
  });
  return {
    scheme: frame.style.colorScheme,
    width: +frame.width,
    scrolls: root.scrollWidth > root.clientWidth,
    outside: outside.map(e => `${e.tagName} ${e.textContent.slice(0, 60)}`),
    cut: cut.map(e => e.textContent),
    texts: page.querySelectorAll("svg text").length,
    ground: style(page.body).backgroundColor,
    text: style(page.body).color,
  };
});
document.body.replaceChildren(Object.assign(document.createElement("pre"),
  {textContent: JSON.stringify(seen)}));
"""

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is no package of Python")


def frames(page: str) -> str:
    """A page that shows another one in every width and colour scheme, and looks at it."""
    source = html.escape(page)
    shown = "".join(
        f'<iframe style="color-scheme: {scheme}" width="{width}" height="900" srcdoc="{source}">'
        "</iframe>"
        for width in WIDTHS
        for scheme in SCHEMES
    )
    script = f"<script>onload = () => {{ {LOOK} }}</script>"
    return f"<!DOCTYPE html><title>frames</title><body>{shown}{script}"


def look(page: str, folder: pathlib.Path) -> tuple[list[dict], list[str]]:
    """What Chromium made of a page: what was looked at, and the messages of its console."""
    file = folder / "frames.html"
    file.write_text(frames(page), encoding="utf-8")
    # The sandbox needs rights that a container has not.
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000"]
    flags += ["--enable-logging=stderr", f"--user-data-dir={folder / 'profile'}"]
    command = [CHROMIUM, *flags, "--dump-dom", file.as_uri()]
    run = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    (seen,) = re.findall(r"<pre>(.+?)</pre>", run.stdout)
    return json.loads(html.unescape(seen)), re.findall(r".*CONSOLE.*", run.stderr)


@pytest.fixture(scope="module")
def opened(tmp_path_factory):
    folder = tmp_path_factory.mktemp("browser")
    return look(write_example(folder, "s.tfqd").page.read_text(encoding="utf-8"), folder)


def test_the_console_stays_silent(opened):
    assert opened[1] == []


def test_nothing_is_cut_off(opened):
    seen, _ = opened
    assert [(each["width"], each["scheme"]) for each in seen] == [
        (width, scheme) for width in WIDTHS for scheme in SCHEMES
    ]
    for each in seen:
        assert each["texts"] > 80
        assert (each["scrolls"], each["outside"], each["cut"]) == (False, [], [])


def test_no_title_of_a_measure_is_cut_off_wherever_it_stands(tmp_path):
    titles = sorted({measure.title for measure in MEASURES.values()})
    turned = [titles[i:] + titles[:i] for i in range(len(titles))]
    radars = [
        figure(Radar("measures", spokes, [Ring("a", [1] * len(spokes))])) for spokes in turned
    ]
    page = element("html", element("style", style()), element("body", element("main", radars)))
    seen, _ = look(document(page), tmp_path)
    for each in seen:
        assert each["texts"] >= len(titles) ** 2
        assert each["cut"] == []


def test_dark_is_light_on_dark(opened):
    for each in opened[0]:
        ground, text = (
            sum(map(int, re.findall(r"\d+", each[part])[:3])) for part in ("ground", "text")
        )
        assert (ground < 100 < 600 < text) == (each["scheme"] == "dark")
        assert (text < 100 < 600 < ground) == (each["scheme"] == "light")
