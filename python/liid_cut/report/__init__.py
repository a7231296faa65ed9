"""A report of a result: one HTML page with everything inside, to look at and to send on.

Modules in the order of the work: ``inputs`` (arguments, checked), ``changes`` (what the cut changed
and why), ``images`` (pictures, crops, outlines), ``payload`` (what the page's script needs),
``charts`` and ``sections`` (what needs no script), ``page`` (all in one file). The script and the
style sheet are in ``assets``.
"""

from liid_cut.report.images import ReportImage
from liid_cut.report.page import write_report

__all__ = ["ReportImage", "write_report"]
