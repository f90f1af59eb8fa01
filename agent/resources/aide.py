"""Rules of AIDE, its database, and when it checks. See `AideSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault, Kind
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import aide, owned_file, parts
from agent.tools.aide import Databases, Layout
from agent.tools.owned_file import OwnedFile
from agent.tools.parts import Whole
from schema.resources.aide import AideSpec
from schema.resources.base import PartSpec

MODE: Final = 0o600


class AideState(NamedTuple):
    """The rules as they were found."""

    layout: Layout
    file: OwnedFile
    job: OwnedFile
    config: Whole
    databases: Databases | None
    initialized: bool
    note: str = ""


def check(host: Host, spec: AideSpec) -> AideState:
    """See `ResourceType`."""
    layout = aide.layout(host)
    config = parts.read(host, PartSpec(path=layout.config))
    where = aide.databases(config.text)
    file = owned_file.read(host, f"{layout.directory}/{spec.aide}")
    job = owned_file.read(host, _job_path(spec))
    return AideState(
        layout, file, job, config, where, where is not None and host.lstat(where.held) is not None, file.note
    )


def diff(spec: AideSpec, state: AideState) -> Sequence[Change]:
    """See `ResourceType`."""
    found = owned_file.changes(state.file, _rules(spec), field="rules", mode=MODE)
    if _lacks_include(spec, state):
        found.append(Change("included", "no", "yes"))
    for change in owned_file.changes(state.job, _job(spec, state.layout), field="schedule"):
        found.append(change._replace(field="schedule") if change.field == "state" else change)
    if spec.init and not state.initialized:
        found.append(Change("database", "absent", "present"))
    return found


def apply(host: Host, spec: AideSpec, state: AideState) -> None:
    """See `ResourceType`."""
    if state.config.stat is None:
        raise ResourceFailed(f"there is no configuration at {aide.DEBIAN.config} or {aide.OTHER.config}")
    if _lacks_include(spec, state):
        lines = [*state.config.lines, aide.INCLUDE]
        if host.lstat(state.layout.directory) is None:
            host.mkdir(state.layout.directory, mode=0o755)
        parts.write(host, PartSpec(path=state.layout.config), state.config, state.config.joined(lines))
    if owned_file.changes(state.file, _rules(spec), field="rules", mode=MODE):
        _put_rules(host, spec, state)
    if owned_file.changes(state.job, _job(spec, state.layout), field="schedule"):
        owned_file.put(host, _job_path(spec), state.job, _job(spec, state.layout))
    if spec.init and not state.initialized:
        if state.databases is None:
            raise ResourceFailed(f"{state.layout.config} names no files for the database")
        aide.init(host, state.layout.config, state.databases)


def action(spec: AideSpec, state: AideState) -> str:
    """See `ResourceType`."""
    return owned_file.action(state.file, _rules(spec))


def paths(spec: AideSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return [f"{layout.directory}/{spec.aide}" for layout in (aide.DEBIAN, aide.OTHER)] + [_job_path(spec)]


def unsupported(host: Host) -> str | None:
    """See `ResourceType`."""
    return None if host.which("aide") else "needs aide, which this host does not have"


AIDE: Final = ResourceType(
    spec=AideSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    unsupported=unsupported,
    of_machine=True,
    unseen="that the database is gone",
)


def _put_rules(host: Host, spec: AideSpec, state: AideState) -> None:
    """Write them, and take them back when the configuration cannot be read with them: else no check would run."""
    stat, place = state.file.stat, f"{state.layout.directory}/{spec.aide}"
    if stat is not None and stat.kind is not Kind.FILE:
        raise ResourceFailed(f"{place} is a {stat.kind}: it is left alone")
    owned_file.put(host, place, state.file, _rules(spec), mode=MODE)
    try:
        aide.check(host, state.layout.config)
    except HostFault:
        owned_file.put(host, place, owned_file.read(host, place), state.file.content, mode=MODE)
        raise


def _lacks_include(spec: AideSpec, state: AideState) -> bool:
    return spec.state == "present" and not state.layout.includes and aide.INCLUDE not in state.config.lines


def _rules(spec: AideSpec) -> bytes | None:
    if spec.state == "absent":
        return None
    return (owned_file.HEADER + "".join(f"{rule}\n" for rule in spec.rules)).encode("utf-8", "surrogateescape")


def _job_path(spec: AideSpec) -> str:
    return f"/etc/cron.d/vigo-aide-{spec.aide}"


def _job(spec: AideSpec, layout: Layout) -> bytes | None:
    """The check, for cron: its own exit says what it found, and its words go out as mail."""
    if not spec.schedule:
        return None
    path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return f"{owned_file.HEADER}PATH={path}\n{spec.schedule} root aide --check --config={layout.config}\n".encode()
