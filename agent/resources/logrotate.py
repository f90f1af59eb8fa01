"""Rotation of log files: a file of its own, `/etc/logrotate.d/NAME`. See `LogrotateSpec`.

The form is that of logrotate(8). Where logrotate is installed it reads the candidate (`-d` changes nothing) before that
replaces anything.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from agent.hosts import Host
from agent.resources.types import Change, ResourceType
from agent.tools import logrotate, owned_file
from agent.tools.owned_file import HEADER, OwnedFile
from schema.resources.logrotate import LogrotateSpec

DIRECTORY: Final = "/etc/logrotate.d"


def check(host: Host, spec: LogrotateSpec) -> OwnedFile:
    """See `ResourceType`."""
    return owned_file.read(host, path(spec))


def diff(spec: LogrotateSpec, state: OwnedFile) -> Sequence[Change]:
    """See `ResourceType`."""
    return owned_file.changes(state, text(spec), field="rotation")


def apply(host: Host, spec: LogrotateSpec, state: OwnedFile) -> None:
    """One write, of what logrotate can read."""
    owned_file.put(host, path(spec), state, text(spec), check=lambda candidate: logrotate.verify(host, candidate))


def action(spec: LogrotateSpec, state: OwnedFile) -> str:
    """See `ResourceType`."""
    return owned_file.action(state, text(spec))


def path(spec: LogrotateSpec) -> str:
    """Where it is kept. The schema allows no character in a name that logrotate would skip the file for."""
    return f"{DIRECTORY}/{spec.rotation}"


def text(spec: LogrotateSpec) -> bytes | None:
    """The file; None when it is to be absent."""
    if spec.state == "absent":
        return None
    words = [
        spec.frequency,
        f"rotate {spec.rotate}",
        spec.size and f"size {spec.size}",
        spec.min_size and f"minsize {spec.min_size}",
        spec.max_size and f"maxsize {spec.max_size}",
        spec.max_age_days and f"maxage {spec.max_age_days}",
        "compress" if spec.compress else "nocompress",
        spec.compress and ("delaycompress" if spec.delay_compress else "nodelaycompress"),
        "missingok" if spec.missing_ok else "nomissingok",
        "ifempty" if spec.if_empty else "notifempty",
        spec.copy_truncate and "copytruncate",
        spec.date_ext and "dateext",
        spec.create and f"create {spec.create}",
        spec.su and f"su {spec.su}",
        "sharedscripts" if spec.shared_scripts else "nosharedscripts",
    ]
    for name, script in (("prerotate", spec.prerotate), ("postrotate", spec.postrotate)):
        words += [name, *(f"    {line}" for line in script), "endscript"] if script else []
    places = "\n".join(f'"{place}"' for place in spec.paths)
    body = "\n".join(f"    {word}" for word in words if word)
    return f"{HEADER}{places} {{\n{body}\n}}\n".encode("utf-8", "surrogateescape")


def paths(spec: LogrotateSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (path(spec),)


LOGROTATE: Final = ResourceType(
    spec=LogrotateSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    confinable=True,
    of_machine=True,
)
