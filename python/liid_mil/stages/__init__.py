"""The stages of a run in their order; see :mod:`liid_mil.stages.stage` for what one is."""

from __future__ import annotations

from liid_mil.stages.cutting import CUT
from liid_mil.stages.learning import CAM, EXTRACTION, MIL, PROPOSALS, SCORES
from liid_mil.stages.results import EVALUATION, EXPORT, REPORTING
from liid_mil.stages.stage import Stage

_ORDER = (PROPOSALS, CAM, SCORES, MIL, EXTRACTION, CUT, EXPORT, EVALUATION, REPORTING)
STAGES: dict[str, Stage] = {stage.name: stage for stage in _ORDER}
