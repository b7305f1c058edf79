"""Sphinx settings. Build with the command in CONTRIBUTING.md."""

import sys
from pathlib import Path

import fastebm

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE / "_code")]

project = "fastebm"
copyright = "the fastebm developers, BSD-3-Clause"
version = release = fastebm.__version__

extensions = ["sphinx.ext.autodoc", "numpydoc", "executed", "mathml"]
html_math_renderer = "mathml"
exclude_patterns = ["_build", "truth_table.rst"]

html_theme = "alabaster"
html_title = f"fastebm {release}"
html_theme_options = {
    "description": "Energy-based models on an ordinary CPU",
    "fixed_sidebar": True,
    "page_width": "1100px",
    "body_max_width": "800px",
    "show_powered_by": False,
}
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sourcelink = False

autodoc_member_order = "groupwise"
numpydoc_show_class_members = False
