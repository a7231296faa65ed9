"""Settings of the documentation site, which Sphinx builds: ``nox -s docs``.

Input: every Markdown file of docs/ and benchmarks/, and those of the root that are named below;
they are read where they lie, so that links between them work in a clone as on the site. Output:
HTML that needs no network: formulas are MathML, fonts are the system's.
"""

from __future__ import annotations

import sys
from pathlib import Path

import liid_cut

DOCS = Path(__file__).parent
sys.path.insert(0, str(DOCS / "_ext"))

project = "liid-cut"
author = "the liid-cut developers"
version = release = liid_cut.__version__

# The source folder is the clone's root (docs/../).
root_doc = "docs/index"
include_patterns = ["docs/**", "benchmarks/*.md", "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]
exclude_patterns = [".*", "build", "dist", "cpp", "python", "tests", "**/__pycache__", "docs/_*"]
source_suffix = {".md": "markdown"}

extensions = [
    "command_reference",  # docs/_ext
    "docstrings",
    "math_as_mathml",
    "myst_parser",
    "sphinx.ext.autodoc",
    "sphinx.ext.autosummary",
    "sphinx.ext.napoleon",
]
myst_enable_extensions = ["colon_fence", "deflist", "dollarmath"]
myst_heading_anchors = 3

default_role = "code"
autosummary_generate = False
autodoc_typehints = "none"  # docstrings tell shapes and types
autodoc_member_order = "bysource"
napoleon_numpy_docstring = True
napoleon_google_docstring = False
napoleon_use_rtype = False
napoleon_use_ivar = True

nitpicky = False
html_math_renderer = "mathml"
html_theme = "furo"
html_title = "liid-cut"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_extra_path = ["_site"]
html_show_sourcelink = False
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
smartquotes = False  # help texts hold commands to copy
