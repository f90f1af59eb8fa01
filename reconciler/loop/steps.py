"""The steps of a reconcile, by name: what the status of the loop calls them."""

from __future__ import annotations

from typing import Final, NamedTuple

from reconciler.loop.commits import Stage
from reconciler.loop.effects import Abandon, Assign, Compile, Effect, Push, PutInForce, RecordFailure, WakeAt


class Step(NamedTuple):
    """One step on the way from a commit to a converged host."""

    name: str
    does: str
    of: str
    """What it is done for: the project, or each envoy."""


FETCH: Final = Step("fetch", "bring a remote's commits here, and see which one the tracked ref names", "project")
COMPILE: Final = Step(
    "compile", "see that the commit descends from the one in force, and make profiles and catalogs of it", "project"
)
PUBLISH: Final = Step("publish", "sign the catalogs, have them at hand, and record the commit as in force", "project")
REFUSE: Final = Step("refuse", "record why a commit does not come into force; what is in force stays", "project")
ASSIGN: Final = Step(
    "assign", "where an envoy's catalog or secrets differ: seal, sign and store its assignment", "envoy"
)
PUSH: Final = Step("push", "hand a connected envoy its assignment; one that is not gets it with its welcome", "envoy")
CONVERGE: Final = Step("converge", "on the host: check, diff, apply, report", "envoy")
JUDGE: Final = Step("judge", "from its last report: converged, degraded, failed or no data", "envoy")

STEPS: Final = (FETCH, COMPILE, PUBLISH, REFUSE, ASSIGN, PUSH, CONVERGE, JUDGE)
"""All of them, in the order in which a good commit takes them; `refuse` is where a bad one ends."""


def step_of(effect: Effect) -> Step | None:
    """The step that an effect performs; None for `WakeAt`."""
    match effect:
        case Compile() | Abandon():
            return COMPILE
        case PutInForce():
            return PUBLISH
        case RecordFailure():
            return REFUSE
        case Assign():
            return ASSIGN
        case Push():
            return PUSH
        case WakeAt():
            return None


def step_of_stage(stage: Stage) -> Step:
    """The step that a commit is at."""
    return COMPILE if stage is Stage.COMPILE else PUBLISH
