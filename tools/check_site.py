"""Look at a built site: do its links lead somewhere, and does it load anything from another host?

python tools/check_site.py docs/_build
"""

from __future__ import annotations

import re
import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

# What a browser fetches by itself; a link to another host is only followed when somebody wants it.
LOADED = {"img": "src", "script": "src", "link": "href", "source": "src", "iframe": "src", "video": "src"}
# A relation of a link element that nobody fetches.
NAMED = {"canonical", "next", "prev", "index", "search", "author", "copyright", "license"}


class Page(HTMLParser):
    """Anchors, links and loaded files of a page."""

    def __init__(self, text: str):
        super().__init__()
        self.anchors, self.links, self.loaded = {""}, [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        values = dict(attributes)
        if "id" in values:
            self.anchors.add(values["id"])
        if tag == "a" and values.get("name"):
            self.anchors.add(values["name"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        found = values.get(LOADED.get(tag, ""))
        if found and not (tag == "link" and set((values.get("rel") or "").split()) & NAMED):
            self.loaded.append(found)


def faults(folder: Path) -> list[str]:
    """What is wrong with the pages below the folder, a line each."""
    pages = {path.resolve(): Page(path.read_text(encoding="utf-8")) for path in folder.rglob("*.html")}
    found = [] if pages else [f"{folder} holds no page"]
    for path, page in pages.items():
        name = path.relative_to(folder.resolve())
        for target in page.links + page.loaded:
            parts = urlsplit(target)
            if parts.scheme in ("data", "mailto") or target.startswith("javascript:"):
                continue
            if parts.netloc:
                if target in page.loaded:
                    found.append(f"{name} loads {target}")
                continue
            there = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not there.is_file():
                found.append(f"{name}: there is no {target}")
            elif there in pages and unquote(parts.fragment) not in pages[there].anchors:
                found.append(f"{name}: there is no anchor {target}")
    for path in folder.rglob("*.css"):
        text = re.sub(r"/\*.*?\*/", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        found += [
            f"{path.relative_to(folder)} loads {url}"
            for url in re.findall(r"""(?:url\(\s*|@import\s+)["']?((?:https?:)?//[^"')\s]+)""", text)
        ]
    return sorted(set(found))


if __name__ == "__main__":
    wrong = faults(Path(sys.argv[1]))
    print("\n".join(wrong) or "every link leads somewhere, and nothing comes from another host")
    sys.exit(bool(wrong))
