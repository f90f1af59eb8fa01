"""Drifts: what somebody changed on hosts by hand, made a change of the config.

    proposals = propose(graph, group, hostnames, cache)

Pure: a graph, what agents told, the names of hosts. What is proposed has been compiled, and covers what it says it
covers because the compiled result says so. Owns no rows, asks nobody and writes nothing.
"""

from __future__ import annotations

from reconciler.drifts.inverses import Inverse as Inverse
from reconciler.drifts.inverses import Value as Value
from reconciler.drifts.inverses import invert as invert
from reconciler.drifts.proposing import Proposed as Proposed
from reconciler.drifts.proposing import merged as merged
from reconciler.drifts.proposing import propose as propose
from reconciler.drifts.saying import Facts as Facts
from reconciler.drifts.saying import parsed as parsed
from reconciler.drifts.saying import traits_read as traits_read
from reconciler.drifts.trying import Drifted as Drifted
from reconciler.drifts.trying import Proposal as Proposal
