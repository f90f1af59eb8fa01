"""A kind of thing that no other type covers, by an executor in any language. See `CustomSpec`.

An executor that has applied is asked again: one that says it is done and is not has failed, as any other type.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import executor_program
from agent.tools.executor_program import Answer
from schema.resources.custom import CustomSpec


class CustomState(NamedTuple):
    """What the executor said."""

    answer: Answer

    @property
    def note(self) -> str:
        """See `Observed`."""
        return self.answer.note


def check(host: Host, spec: CustomSpec) -> CustomState:
    """See `ResourceType`. An executor's check is trusted to change nothing: it runs in a dry run too."""
    return CustomState(
        executor_program.ask(
            host, spec.executor, "check", name=spec.custom, spec=spec.spec, state=None, timeout_s=spec.timeout_s
        )
    )


def diff(_spec: CustomSpec, state: CustomState) -> Sequence[Change]:
    """See `ResourceType`."""
    if state.answer.in_desired_state:
        return ()
    return state.answer.changes or (Change("state", None, "as the spec says"),)


def apply(host: Host, spec: CustomSpec, state: CustomState) -> None:
    """See `ResourceType`."""
    done = executor_program.ask(
        host,
        spec.executor,
        "apply",
        name=spec.custom,
        spec=spec.spec,
        state=state.answer.state,
        timeout_s=spec.timeout_s,
    )
    if not done.in_desired_state:
        raise ResourceFailed(f"the executor has not reached the desired state{': ' if done.note else ''}{done.note}")


CUSTOM: Final = ResourceType(
    spec=CustomSpec,
    check=check,
    diff=diff,
    apply=apply,
    of_machine=True,
    needs_network=True,
    unseen="only its program knows",
)
