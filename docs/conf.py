"""How the docs are built."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE / "_ext"))

import generate  # noqa: E402  (beside this file, in _ext)

project = "twsloop"
author = "the twsloop authors"
copyright = "2026, the twsloop authors"

extensions = [
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.doctest",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["colon_fence", "deflist"]
myst_heading_anchors = 3
exclude_patterns = ["_build", "_ext", "generated", "tables", "decisions/README.md"]
html_theme = "furo"
html_title = "twsloop"
html_static_path: list[str] = []

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_class_signature = "separated"
# Other projects' objects cannot be looked up without a network: their names are not checked.
nitpick_ignore_regex = [(r"py:.*", r".*")]

generate.everything(HERE / "generated")
