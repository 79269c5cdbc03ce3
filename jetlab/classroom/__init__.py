"""For whoever teaches: the map of the lessons, the notebooks that participants get, and those for graders."""

from jetlab.classroom.grading import for_grading
from jetlab.classroom.lessons import paths, show, table
from jetlab.classroom.release import release

__all__ = ["for_grading", "paths", "release", "show", "table"]
