"""The parts of a report: one HTML page that needs nothing else, on a phone or a wide screen, by day or night."""

from __future__ import annotations

import base64
import html
import re

from .._runtime.info import info
from ..plotting._canvas import encoded, night

# Inches of a panel, and dots per inch: sharp on dense screens too. Two panels stand side by side on a wide page.
PANEL, DENSE = (4.8, 3.6), 160
# Columns of a table that a phone has room for; a wider one is laid out there as a list for every row.
NARROW = 3
NAMES = {"drop_na": "rows with missing cells left out", "header": "header line", "n_init": "starts"}
ENDINGS = re.compile(r"(\.(csv|tsv|txt|npy|npz|gz|bz2|xz|zip|parquet|feather|xlsx?))+$", re.IGNORECASE)

STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --soft: #555; --line: #ccc; --paper: #fff; --box: #f3f3f3 }
@media (prefers-color-scheme: dark) {
  :root { --ink: #d8dade; --soft: #a0a4aa; --line: #44484e; --paper: #16181c; --box: #24272c } }
* { box-sizing: border-box }
body { font: 16px/1.5 system-ui, sans-serif; max-width: 66rem; margin: 2rem auto; padding: 0 1rem;
  color: var(--ink); background: var(--paper) }
h1, h2 { line-height: 1.2; overflow-wrap: anywhere } h2 { margin-top: 2.2rem; border-bottom: 1px solid var(--line) }
p { max-width: 46rem; overflow-wrap: anywhere } .wide { overflow-x: auto }
table { border-collapse: collapse; margin: 1rem 0 }
td, th { padding: .25rem .8rem; text-align: right; white-space: nowrap; font-variant-numeric: tabular-nums }
th { border-bottom: 2px solid var(--soft) } td:first-child, th:first-child { text-align: left }
.words td, .words th { text-align: left; white-space: normal; overflow-wrap: break-word; vertical-align: top }
.chosen td { font-weight: bold; background: var(--box) } .chosen td:first-child { box-shadow: inset 4px 0 #009E73 }
figure { margin: 1rem 0 } figcaption { color: var(--soft); font-size: .9rem; max-width: 60rem }
.panels { display: grid; gap: .5rem 1rem; grid-template-columns: repeat(auto-fit, minmax(min(100%, 24rem), 1fr)) }
.alone { grid-template-columns: 100% } .alone img { max-width: 60rem; min-width: 36rem }
img { display: block; width: 100%; height: auto }
code, pre { background: var(--box); padding: .1rem .3rem }
pre { padding: .8rem; white-space: pre-wrap; overflow-wrap: anywhere }
.warning { border-left: 4px solid #D55E00; padding-left: .8rem }
.fine { border-left: 4px solid #009E73; padding-left: .8rem }
@media (max-width: 40rem) {
  body { margin-top: 1rem } td, th { padding: .2rem .5rem } th, td:first-child { white-space: normal }
  .list thead { display: none } .list, .list tbody, .list tr { display: block }
  .list tr { border-bottom: 1px solid var(--line); padding: .4rem 0 }
  .list td { display: flex; justify-content: space-between; gap: 1rem }
  .list td::before { content: attr(data-name); color: var(--soft) }
  .list td:first-child { font-weight: bold } .list td:first-child::before { content: none } }
"""


def table_of(head, body, chosen: int | None = None, words: bool = False) -> str:
    """A table; the chosen row is marked and says so; words: the cells are sentences, which may be broken."""
    if chosen is not None:
        head = [*head, ""]
        body = [[*cells, "\N{CHECK MARK} taken" if i == chosen else ""] for i, cells in enumerate(body)]
    names = [html.escape(str(name)) for name in head]
    lines = []
    for i, cells in enumerate(body):
        own = "".join(
            f'<td data-name="{name}">{html.escape(str(cell))}</td>'
            for name, cell in zip(names, cells, strict=True)
        )
        mark = ' class="chosen"' if i == chosen else ""
        lines.append(f"<tr{mark}>{own}</tr>")
    top = "".join(f"<th>{name}</th>" for name in names)
    kind = ' class="list"' if len(names) > NARROW and chosen is None else ' class="words"' if words else ""
    return f'<div class="wide"><table{kind}><thead><tr>{top}</tr></thead><tbody>{"".join(lines)}</tbody></table></div>'


def pictures(sheets, text: str) -> str:
    """Figures beside each other where there is room, below each other on a phone, each by day and by night."""
    words = html.escape(text)

    def data(sheet):
        return "data:image/png;base64," + base64.b64encode(encoded(sheet, dpi=DENSE)).decode("ascii")

    out = ""
    for sheet in sheets:
        day = data(sheet)
        night(sheet)
        dark = f'<source media="(prefers-color-scheme: dark)" srcset="{data(sheet)}">'
        out += f'<picture>{dark}<img alt="{words}" src="{day}"></picture>'
    # A picture of many cells is no use at the width of a phone: it is as wide as it must be, to be pushed about.
    alone = " alone wide" if len(sheets) == 1 else ""
    return f'<figure><div class="panels{alone}">{out}</div><figcaption>{words}</figcaption></figure>'


def warnings_of(facts) -> list[str]:
    """What the diagnostics said, a paragraph each."""
    lines = [f'<p class="warning">{html.escape(w)}</p>' for w in facts["warnings"]]
    lines += [f'<p class="warning">Not checked: {html.escape(w)}</p>' for w in facts["not_checked"]]
    return lines or ['<p class="fine">No diagnostic raised a warning.</p>']


def settings_of(facts) -> list[str]:
    """How to repeat a fit: the command, its settings and the machine."""
    machine = info()
    words = {True: "yes", False: "no", None: "-"}
    settings = [
        [
            NAMES.get(k, k.replace("_", " ")),
            words[v]
            if v is None or isinstance(v, bool)
            else ", ".join(map(str, v))
            if isinstance(v, list)
            else v,
        ]
        for k, v in facts["settings"].items()
    ]
    settings += [["fastebm", machine["version"]], ["instruction set", machine["isa"]]]
    return [
        "<h2>Settings and seed</h2>",
        f"<pre>{html.escape(facts['command'])}</pre>",
        table_of(["setting", "value"], settings),
        "<p>The same seed gives the same bytes on every instruction set and for any number of threads.</p>",
    ]


def title_of(source: str) -> str:
    """What the page is about: the name of the file, without folders and endings."""
    name = re.split(r"[\\/]", source)[-1]
    return ENDINGS.sub("", name) or name or source


def page(source, parts) -> str:
    """The parts as one page."""
    title = html.escape(f"Density of {title_of(source)}")
    return (
        f'<!DOCTYPE html>\n<html lang="en"><head><meta charset="utf-8"><title>{title}</title>'
        f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head>\n'
        f"<body><h1>{title}</h1>\n" + "\n".join(parts) + "\n</body></html>\n"
    )
