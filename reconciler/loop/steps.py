"""The steps of a reconcile, by name: what the status of the loop calls them."""

from __future__ import annotations

from typing import Final, NamedTuple

from reconciler.loop.commits import Stage
from reconciler.loop.effects import (
    Abandon,
    Assign,
    CheckHealth,
    Compile,
    Effect,
    GoBack,
    KeepRollout,
    PlanRollout,
    Probe,
    Push,
    PutInForce,
    Recall,
    RecordFailure,
    Retain,
    WakeAt,
)


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
PLAN: Final = Step(
    "plan", "where the commit says how it is rolled out: which hosts it changes, and in which waves", "project"
)
RELEASE: Final = Step("release", "write down how far the rollout is; a wave reaches nobody before that", "project")
PROBE: Final = Step("probe", "ask behind a wave, and on each of its hosts, whether all is well", "project")
RETREAT: Final = Step("retreat", "take back, by a commit, a change that failed", "project")
RECALL: Final = Step("recall", "have a commit from before at hand, for those who are still released to it", "project")
ASSIGN: Final = Step(
    "assign", "where an envoy's catalog or secrets differ: seal, sign and store its assignment", "envoy"
)
PUSH: Final = Step("push", "hand a connected envoy its assignment; one that is not gets it with its welcome", "envoy")
CONVERGE: Final = Step("converge", "on the host: check, diff, apply, report", "envoy")
JUDGE: Final = Step("judge", "from its last report: converged, degraded, failed or no data", "envoy")

STEPS: Final = (
    FETCH,
    COMPILE,
    PUBLISH,
    REFUSE,
    PLAN,
    RELEASE,
    ASSIGN,
    PUSH,
    CONVERGE,
    JUDGE,
    PROBE,
    RETREAT,
    RECALL,
)
"""All of them, in the order in which a good commit takes them; `refuse` is where a bad one ends, and `retreat` one that
its hosts do not bear."""


def step_of(effect: Effect) -> Step | None:
    """The step that an effect performs; None for `WakeAt` and `Retain`."""
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
        case PlanRollout():
            return PLAN
        case KeepRollout():
            return RELEASE
        case CheckHealth() | Probe():
            return PROBE
        case GoBack():
            return RETREAT
        case Recall():
            return RECALL
        case WakeAt() | Retain():
            return None


def step_of_stage(stage: Stage) -> Step:
    """The step that a commit is at."""
    return COMPILE if stage is Stage.COMPILE else PUBLISH
