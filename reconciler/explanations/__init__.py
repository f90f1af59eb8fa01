"""Explanations: answers about a graph that end in lines of the config.

Why a host has something or has it not, what makes two hosts differ, which lines matter to nobody. Pure functions of
graphs, host names and traits; who is enrolled, what hosts reported and who committed a line is handed in.
"""

from __future__ import annotations

from reconciler.explanations.causes import Host as Host
from reconciler.explanations.causes import causes as causes
from reconciler.explanations.coverage import coverage as coverage
from reconciler.explanations.subjects import names_nothing as names_nothing
from reconciler.explanations.why import why as why
