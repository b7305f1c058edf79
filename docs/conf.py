"""Sphinx settings. Build with the command in CONTRIBUTING.md."""

import sys
from pathlib import Path

import fastebm

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE / "_code")]

project = "fastebm"
copyright = "the fastebm developers, BSD-3-Clause"
version = release = fastebm.__version__

extensions = [
    "sphinx.ext.autodoc",
    "numpydoc",
    "sphinx_copybutton",
    "sphinx_design",
    # Ours.
    "commands",
    "executed",
    "languages",
    "mathml",
    "warning_codes",
]
html_math_renderer = "mathml"
exclude_patterns = ["_build", "truth_table.rst"]

html_theme = "furo"
smartquotes = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
html_title = "fastebm"
html_theme_options = {
    "light_css_variables": {"color-brand-primary": "#0069a3", "color-brand-content": "#0069a3"},
    "dark_css_variables": {"color-brand-primary": "#5bb8f0", "color-brand-content": "#5bb8f0"},
}
html_static_path = ["_static"]
html_css_files = ["pages.css"]
html_show_sourcelink = False
html_copy_source = False

# A name in single quotes is a link where the reference has it. Roles must lead somewhere, but for other projects.
default_role = "py:obj"
nitpicky = True
nitpick_ignore_regex = [
    ("py:obj", "(?s).*"),
    ("py:class", r"(np|numpy|collections|sklearn|pandas|matplotlib)\..*|.*\[.*"),
    # Told in prose: what settings hold, lists of warnings, the parts of a preprocessing.
    ("py:class", r"fastebm\.[a-z_]+\..*"),
]

autodoc_member_order = "groupwise"
numpydoc_show_class_members = False
