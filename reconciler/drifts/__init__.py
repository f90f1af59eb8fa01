"""Drifts: what somebody changed on hosts by hand, made a change of the config.

    proposals = propose(graph, group, hostnames, cache)

Pure: a graph, what agents told, the names of hosts. What is proposed has been compiled, and covers what it says it
covers because the compiled result says so. Owns no rows, asks nobody and writes nothing.
"""

from __future__ import annotations

from reconciler.drifts.inverses import Inverse as Inverse
from reconciler.drifts.inverses import invert as invert
from reconciler.drifts.proposing import Drifted as Drifted
from reconciler.drifts.proposing import Proposal as Proposal
from reconciler.drifts.proposing import Proposed as Proposed
from reconciler.drifts.proposing import merged as merged
from reconciler.drifts.proposing import propose as propose
