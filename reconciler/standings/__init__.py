"""Standings: which class each host is in as to one revision, how many are in each, and when the rest will be there.

Pure: what is known of hosts comes in; nothing here reads a clock, a database or a connection.
"""

from __future__ import annotations

from reconciler.standings.board import Board, Entry
from reconciler.standings.classes import NO_COURSE, Course, Facts, Spot, WaveCourse, named, spot, why
from reconciler.standings.pace import eta

__all__ = ["NO_COURSE", "Board", "Course", "Entry", "Facts", "Spot", "WaveCourse", "eta", "named", "spot", "why"]
