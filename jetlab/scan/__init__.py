"""Scans: many networks that differ in a few knobs, trained on one laptop or on a batch farm, and compared."""

from jetlab.scan.running import Control, run
from jetlab.scan.space import Range, ScanError, Space
from jetlab.scan.study import Point, Study
from jetlab.scan.table import Table, in_words, spread
from jetlab.scan.testing import look
from jetlab.scan.trial import Outcome

__all__ = [
    "Control",
    "Outcome",
    "Point",
    "Range",
    "ScanError",
    "Space",
    "Study",
    "Table",
    "in_words",
    "look",
    "run",
    "spread",
]
