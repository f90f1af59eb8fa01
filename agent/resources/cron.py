"""A periodic job: a file of its own, `/etc/cron.d/vigo-JOB`, whole. See `CronSpec`.

`%` in a command is what it is in a shell: cron's own reading of it (a line break) is escaped away.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from agent.tools import owned_file
from agent.tools.owned_file import HEADER, OwnedFile
from schema.resources.cron import CronSpec

DIRECTORY: Final = "/etc/cron.d"


def check(host: Host, spec: CronSpec) -> OwnedFile:
    """See `ResourceType`."""
    return owned_file.read(host, path(spec))


def diff(spec: CronSpec, state: OwnedFile) -> Sequence[Change]:
    """See `ResourceType`."""
    return owned_file.changes(state, text(spec), field="job")


def apply(host: Host, spec: CronSpec, state: OwnedFile) -> None:
    """One write, whatever differs; cron refuses a file that others may write."""
    owned_file.put(host, path(spec), state, text(spec))


def action(spec: CronSpec, state: OwnedFile) -> str:
    """See `ResourceType`."""
    return owned_file.action(state, text(spec))


def path(spec: CronSpec) -> str:
    """Where the job is kept. The schema allows no character in a job's name that cron would skip the file for."""
    return f"{DIRECTORY}/vigo-{spec.job}"


def text(spec: CronSpec) -> bytes | None:
    """The job as crontab(5) has it; None when it is to be absent."""
    if spec.state == "absent":
        return None
    lines = [f"# {spec.comment}"] if spec.comment else []
    lines += [f"{name}={_quoted(value)}" for name, value in spec.environment.items()]
    lines.append(f"{spec.schedule} {spec.user} {spec.command}".replace("%", r"\%"))
    return (HEADER + "\n".join(lines) + "\n").encode("utf-8", "surrogateescape")


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
