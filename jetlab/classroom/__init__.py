"""For whoever teaches: the map of the lessons, and the notebooks that participants get."""

from jetlab.classroom.lessons import paths, show, table
from jetlab.classroom.release import release

__all__ = ["paths", "release", "show", "table"]
