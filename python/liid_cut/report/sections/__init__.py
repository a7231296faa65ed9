"""The parts of the page that need no script: headline, warnings, charts and tables.

Each function takes the data of a report and gives HTML, ``""`` where there is nothing to say.
"""

from liid_cut.report.sections.delta import delta_section
from liid_cut.report.sections.headline import headline, warnings_section
from liid_cut.report.sections.labels import labels_section, margins_section
from liid_cut.report.sections.parts import section
from liid_cut.report.sections.proof import about_section, proof_section

__all__ = [
    "about_section",
    "delta_section",
    "headline",
    "labels_section",
    "margins_section",
    "proof_section",
    "section",
    "warnings_section",
]
