"""Rules of the kernel's audit: a file of its own, merged with the others and loaded. See `AuditdRuleSpec`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault, Kind
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import auditctl, owned_file
from agent.tools.owned_file import OwnedFile
from schema.resources.auditd_rule import AuditdRuleSpec

DIRECTORY: Final = "/etc/audit/rules.d"
MODE: Final = 0o640


class AuditdRuleState(NamedTuple):
    """The rules as they were found."""

    file: OwnedFile
    merged: bool
    """Whether the file that is loaded at boot has them."""
    loaded: bool
    """Whether the kernel has them; it is not asked where it can take none."""
    locked: bool
    note: str = ""


def check(host: Host, spec: AuditdRuleSpec) -> AuditdRuleState:
    """See `ResourceType`."""
    lines, key = _lines(spec), spec.auditd_rule
    locked = auditctl.locked(host)
    return AuditdRuleState(
        owned_file.read(host, path(spec)),
        merged=auditctl.merged(host, key) == lines,
        loaded=locked or auditctl.loaded(host, key) == len(lines),
        locked=locked,
        note="audit is locked until the next boot: what is changed here is in force then" if locked else "",
    )


def diff(spec: AuditdRuleSpec, state: AuditdRuleState) -> Sequence[Change]:
    """See `ResourceType`."""
    found = owned_file.changes(state.file, text(spec), field="rules", mode=MODE)
    if not state.merged:
        found.append(Change("merged", "no", "yes"))
    if not state.loaded:
        found.append(Change("loaded", "no", "yes"))
    return found


def apply(host: Host, spec: AuditdRuleSpec, state: AuditdRuleState) -> None:
    """See `ResourceType`."""
    file = state.file
    if file.stat is not None and file.stat.kind is not Kind.FILE:
        raise ResourceFailed(f"{path(spec)} is a {file.stat.kind}: it is left alone")
    written = bool(owned_file.changes(file, text(spec), field="rules", mode=MODE))
    if written:
        owned_file.put(host, path(spec), file, text(spec), mode=MODE)
    try:
        auditctl.merge(host, load=not state.locked)
    except HostFault:
        if written:  # a rule that the kernel refuses keeps all that come after it from being loaded
            owned_file.put(host, path(spec), owned_file.read(host, path(spec)), file.content, mode=MODE)
            auditctl.merge(host, load=not state.locked)
        raise


def action(spec: AuditdRuleSpec, state: AuditdRuleState) -> str:
    """See `ResourceType`."""
    return owned_file.action(state.file, text(spec))


def text(spec: AuditdRuleSpec) -> bytes | None:
    """What the file should hold; None: it is to be absent."""
    if spec.state == "absent":
        return None
    return (owned_file.HEADER + "".join(f"{line}\n" for line in _lines(spec))).encode("utf-8", "surrogateescape")


def path(spec: AuditdRuleSpec) -> str:
    """Where it is kept."""
    return f"{DIRECTORY}/{spec.auditd_rule}.rules"


def paths(spec: AuditdRuleSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (path(spec),)


AUDITD_RULE: Final = ResourceType(
    spec=AuditdRuleSpec,
    check=check,
    diff=diff,
    apply=apply,
    action=action,
    paths=paths,
    unsupported=auditctl.lacking,
    of_machine=True,
    unseen="what the kernel has loaded",
)


def _lines(spec: AuditdRuleSpec) -> list[str]:
    return [] if spec.state == "absent" else [f"{rule} -k {spec.auditd_rule}" for rule in spec.rules]
