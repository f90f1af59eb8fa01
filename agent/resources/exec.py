"""A command, for what no other type covers. See `ExecSpec`.

Guards decide whether it is needed and are trusted to change nothing: they run in a dry run too. A command that has run
and whose guard still asks for it has failed: else it would run for ever, and nobody would know.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, reach
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import shell
from schema.resources.exec import ExecSpec

GUARD_TIMEOUT_S: Final = 60.0


class ExecState(NamedTuple):
    """Whether the guards ask for the command."""

    needed: bool
    note: str = ""


def check(host: Host, spec: ExecSpec) -> ExecState:
    """See `ResourceType`. The cheapest guard first; the first that says no is enough."""
    if spec.creates is not None and host.lstat(spec.creates) is not None:
        return ExecState(needed=False)
    if spec.removes is not None and host.lstat(spec.removes) is None:
        return ExecState(needed=False)
    if spec.onlyif is not None and not _holds(host, spec, spec.onlyif):
        return ExecState(needed=False)
    return ExecState(needed=spec.unless is None or not _holds(host, spec, spec.unless))


def diff(spec: ExecSpec, state: ExecState) -> Sequence[Change]:
    """See `ResourceType`."""
    return (Change("command", None, spec.command),) if state.needed else ()


def apply(host: Host, spec: ExecSpec, _state: ExecState) -> None:
    """See `ResourceType`."""
    with reach.declared(spec.network):
        ran = shell.run(
            host,
            spec.command,
            timeout_s=spec.timeout_s,
            env=spec.environment,
            cwd=spec.cwd,
            user=spec.user,
            umask=spec.umask,
        )
    if ran.timed_out or ran.code not in spec.returns:
        raise ResourceFailed(f"the command ended with {ran.complaint}")


def action(_spec: ExecSpec, _state: ExecState) -> str:
    """See `ResourceType`."""
    return "run"


def is_act(spec: ExecSpec) -> bool:
    """See `ResourceType`: with `refreshonly` a guard may go on asking."""
    return spec.refreshonly


def shows_in(_host: Host, spec: ExecSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return [path for path in (spec.creates, spec.removes) if path is not None]


EXEC: Final = ResourceType(
    spec=ExecSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    is_act=is_act,
    needs_network=True,
    shows_in=shows_in,
    unseen="what onlyif and unless ask",
)


def _holds(host: Host, spec: ExecSpec, guard: str) -> bool:
    with reach.declared(spec.network):
        ran = shell.run(host, guard, timeout_s=GUARD_TIMEOUT_S, env=spec.environment, cwd=spec.cwd, user=spec.user)
    if ran.timed_out:
        raise ResourceFailed(f"a guard did not end within {GUARD_TIMEOUT_S:.0f} s")
    return ran.code == 0
