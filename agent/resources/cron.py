"""A periodic job: a file of its own, `/etc/cron.d/vigo-JOB`, whole. See `CronSpec`.

`%` in a command is what it is in a shell: cron's own reading of it (a line break) is escaped away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, Kind, Stat
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import ownership
from agent.tools.ownership import Ownership
from schema.resources.cron import CronSpec

DIRECTORY: Final = "/etc/cron.d"
MODE: Final = 0o644  # cron refuses a file that others may write
_MAX_BYTES: Final = 64 * 1024


class CronState(NamedTuple):
    """The job's file as it was found."""

    stat: Stat | None
    content: bytes | None
    desired: Ownership
    names: tuple[str, str]

    @property
    def note(self) -> str:
        """See `Observed`."""
        return self.desired.note


def check(host: Host, spec: CronSpec) -> CronState:
    """See `ResourceType`."""
    place = path(spec)
    stat = host.lstat(place)
    desired = ownership.resolve(host, "root", "root")
    if stat is None:
        return CronState(None, None, desired, ("", ""))
    readable = stat.kind is Kind.FILE and stat.size <= _MAX_BYTES
    return CronState(stat, host.read(place) if readable else None, desired, ownership.names(host, desired, stat))


def diff(spec: CronSpec, state: CronState) -> Sequence[Change]:
    """See `ResourceType`."""
    stat = state.stat
    if spec.state == "absent":
        return () if stat is None else (Change("state", "present", "absent"),)
    if stat is None:
        return (Change("state", "absent", "present"), Change("job", None, text(spec)))
    if stat.kind is not Kind.FILE:
        return (Change("state", stat.kind, Kind.FILE),)
    found = []
    if state.content != text(spec):
        found.append(Change("job", state.content, text(spec)))
    if stat.mode != MODE:
        found.append(Change("mode", f"{stat.mode:04o}", f"{MODE:04o}"))
    return [*found, *ownership.changes(state.desired, stat, state.names)]


def apply(host: Host, spec: CronSpec, state: CronState) -> None:
    """One write, whatever differs."""
    if state.stat is not None and state.stat.kind is Kind.DIRECTORY:
        raise ResourceFailed(f"{path(spec)} is a directory: it is left alone")
    if spec.state == "absent":
        host.remove(path(spec))
    else:
        host.write(path(spec), text(spec), mode=MODE, uid=state.desired.uid, gid=state.desired.gid)


def action(spec: CronSpec, state: CronState) -> str:
    """See `ResourceType`."""
    if spec.state == "absent":
        return "remove"
    return "create" if state.stat is None else "update"


def path(spec: CronSpec) -> str:
    """Where the job is kept. The schema allows no character in a job's name that cron would skip the file for."""
    return f"{DIRECTORY}/vigo-{spec.job}"


def text(spec: CronSpec) -> bytes:
    """The job as crontab(5) has it."""
    lines = ["# Kept by vigo: changes made here are undone."]
    lines += [f"{name}={_quoted(value)}" for name, value in spec.environment.items()]
    lines.append(f"{spec.schedule} {spec.user} {spec.command}".replace("%", r"\%"))
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


def paths(spec: CronSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (path(spec),)


CRON: Final = ResourceType(
    spec=CronSpec, check=check, diff=diff, apply=apply, action=action, paths=paths, confinable=True, of_machine=True
)


def _quoted(value: str) -> str:
    """Crontab knows both quotes and no escape; the schema refuses a value with both."""
    quote = "'" if '"' in value else '"'
    return f"{quote}{value}{quote}"
