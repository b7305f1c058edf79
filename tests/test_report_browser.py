"""The HTML report as a browser shows it: headless Chromium loads it, reads its text and takes a picture."""

import os
import re
import shutil
import signal
import subprocess
from html.parser import HTMLParser

import numpy as np
import pytest

from fastebm import cli
from fastebm.datasets import load_old_faithful
from fastebm.plotting._canvas import BLUE, INK, ORANGE, PAPER

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
if BROWSER is None:
    pytest.skip("report in a browser: no chromium on this machine", allow_module_level=True)
image = pytest.importorskip("matplotlib.image", reason="report in a browser: no matplotlib")

FLAGS = (
    "--headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking "
    "--disable-component-update --disable-sync --hide-scrollbars --disable-dev-shm-usage --enable-logging=stderr"
).split()
SECTIONS = [
    "Data",
    "Density and energy landscape",
    "Training curves",
    "Chains",
    "Diagnostics",
    "Settings and seed",
]

# Added to a copy of the page, never part of a report: what the browser made of it, written where --dump-dom shows it.
PROBE = """<script>addEventListener('load', () => {
  for (const i of document.images) {
    i.dataset.size = i.naturalWidth + 'x' + i.clientWidth
    i.dataset.left = i.getBoundingClientRect().left
  }
  for (const e of document.querySelectorAll('h1, h2, p, pre, table, img')) {
    const r = e.getBoundingClientRect(), box = e.closest('.wide')
    const right = box ? box.getBoundingClientRect().right : r.right
    const fits = box || e.scrollWidth <= e.clientWidth
    e.dataset.seen = r.width > 0 && r.height > 0 && r.left >= 0 && right <= innerWidth && !!fits
  }
  document.body.dataset.wide = document.scrollingElement.scrollWidth
})</script>"""


class Dom(HTMLParser):
    """Attributes of every element, in order, and the text of the page."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts, self.headings, self.inside = [], [], [], None
        self.feed(text)
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attributes):
        self.inside = tag
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        if self.inside not in ("style", "script"):
            self.texts.append(data)
        if self.inside == "h2":
            self.headings.append(data)

    def handle_endtag(self, tag):
        self.inside = None

    def all(self, name):
        return [attributes for tag, attributes in self.tags if tag == name]


def browse(folder, page, *flags):
    """Load a page; return what the browser printed and its console messages."""
    profile = folder / f"profile{len(os.listdir(folder))}"
    profile.mkdir()
    process = subprocess.Popen(
        [BROWSER, *FLAGS, f"--user-data-dir={profile}", *flags, page.as_uri()],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=os.environ | {"HOME": str(folder)},
        start_new_session=True,
    )
    try:
        out, err = process.communicate(timeout=120)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise
    assert process.returncode == 0, err
    return out, [line for line in err.splitlines() if "CONSOLE" in line]


def probed(folder, text, width):
    page = folder / f"probed{width}.html"
    page.write_text(text.replace("</body>", PROBE + "</body>"))
    out, console = browse(folder, page, f"--window-size={width},1000", "--dump-dom")
    return Dom(out), console


def share(picture, colour, within=12):
    """Share of the pixels that have this colour."""
    near = True
    for channel, wanted in enumerate(int(colour[i : i + 2], 16) for i in (1, 3, 5)):
        near = near & (np.abs(picture[:, :, channel] - wanted) <= within)
    return float(near.mean())


def shoot(folder, page, *flags):
    """Every other column of a picture of the whole page, values 0 to 255, shape (height, width / 2, 3)."""
    target = folder / (page.stem + ".png")
    _, console = browse(folder, page, "--window-size=1000,2900", f"--screenshot={target}", *flags)
    assert not console
    return np.rint(255.0 * image.imread(target)[:, ::2, :3]).astype(np.int16)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("browser")


@pytest.fixture(scope="module")
def report(folder):
    data, page = folder / "data.csv", folder / "report.html"
    np.savetxt(data, load_old_faithful(), delimiter=",", header="eruptions,waiting", comments="")
    assert cli.main(["fit", str(data), "--wells", "2", "--seed", "1", "--report", str(page)]) == 0
    return page


def test_the_browser_shows_the_text(report, folder):
    out, console = browse(folder, report, "--dump-dom")
    dom = Dom(out)
    assert not console
    assert dom.headings == SECTIONS and "Density of data" in dom.text
    assert not dom.all("script") and not dom.all("link")
    for words in (
        "272 rows of 2 columns",
        "nats per row",
        "eruptions: mean ± width",
        "No diagnostic raised a warning",
        "accepted",
        "--wells 2 --seed 1",
        "instruction set",
    ):
        assert words in dom.text
    # Nothing that was meant to be a number or a word came out as something else.
    assert not re.search(r"\b(nan|inf|None|undefined|object at)\b", dom.text.replace("None: the fit", ""))


@pytest.mark.parametrize("width", [1200, 500])
def test_every_picture_is_rendered_and_nothing_is_cut_off(report, folder, width):
    dom, console = probed(folder, report.read_text(), width)
    assert not console
    pictures = [[int(n) for n in i["data-size"].split("x")] for i in dom.all("img")]
    assert len(pictures) == 6
    # Side by side on a wide page, below each other on a narrow one.
    beside = 2 if width > 900 else 1
    lefts = {round(float(i["data-left"])) for i in dom.all("img")}
    assert len(lefts) == beside
    for natural, shown in pictures:
        assert natural > 700 and 0.8 * min(width, 1056) < beside * shown <= width
    seen = [a["data-seen"] for tag, a in dom.tags if "data-seen" in a]
    assert len(seen) > 15 and set(seen) == {"true"}
    assert int(dom.all("body")[0]["data-wide"]) <= width


def test_the_picture_of_the_page_has_the_colours_of_its_plots(report, folder):
    picture = shoot(folder, report)
    # Mostly paper; black text; the curves of both phases; the bright end of the energy's colours.
    assert 0.5 < share(picture, "#ffffff") < 0.95
    assert share(picture, "#1a1a1a") > 0.002
    assert share(picture, BLUE) > 2e-4 and share(picture, ORANGE) > 2e-4
    assert share(picture, "#fee838", 20) > 0.004
    # Text or pictures in every band of the page down to its end.
    used = np.flatnonzero((picture < 128).any(axis=(1, 2)))
    assert used[0] < 150 and np.diff(used).max() < 150 and used[-1] > 2000


def test_a_dark_page_is_dark_with_its_pictures(report, folder):
    picture = shoot(folder, report, "--blink-settings=preferredColorScheme=0")
    assert 0.5 < share(picture, PAPER) < 0.95 and share(picture, "#ffffff") < 0.02
    assert share(picture, INK) > 0.002 and share(picture, ORANGE) > 2e-4


def test_a_broken_page_is_seen(report, folder):
    text = report.read_text()
    # Pictures cut short, a line too long for the page, a script that fails.
    broken = re.sub(r"base64,[^\"]{40}", "base64,", text)
    broken = broken.replace("<h2>Data</h2>", '<h2 style="white-space: nowrap">' + "Data " * 200 + "</h2>")
    dom, console = probed(folder, broken.replace("<body>", "<body><script>missing()</script>"), 1000)
    assert any("missing is not defined" in line for line in console)
    assert all(i["data-size"].startswith("0x") for i in dom.all("img"))
    assert "false" in [a.get("data-seen") for _, a in dom.tags]
    assert int(dom.all("body")[0]["data-wide"]) > 1000
    blank = folder / "blank.html"
    blank.write_text("<!DOCTYPE html><title>blank</title>")
    picture = shoot(folder, blank)
    assert share(picture, "#ffffff") == 1.0 and share(picture, BLUE) == 0.0
