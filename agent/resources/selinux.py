"""What SELinux is told. See `SelinuxSpec`.

What holds after the next boot is told before what holds now. Labels of files are looked at where an expression begins:
walking a whole tree at each check would cost more than all else.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple

from agent.hosts import Host
from agent.resources.types import Change, ResourceFailed, ResourceType
from agent.tools import parts, selinux
from agent.tools.parts import Whole
from schema.resources.selinux import SelinuxSpec


class SelinuxState(NamedTuple):
    """The setting as it was found."""

    now: str | None
    kept: str | None
    """After the next boot; of a context: what was told."""
    config: Whole = Whole(None)
    mislabelled: bool = False
    note: str = ""


def check(host: Host, spec: SelinuxSpec) -> SelinuxState:
    """See `ResourceType`."""
    if spec.kind == "mode":
        now, kept = selinux.mode(host), selinux.setting(host, "SELINUX")
        later = "disabled" in (now, spec.value) and now != spec.value
        note = "SELinux is turned on and off by a boot: until then all is as it was" if later else ""
        return SelinuxState(now, kept, parts.read(host, selinux.CONFIG), note=note)
    if spec.kind == "boolean":
        return SelinuxState(*selinux.boolean(host, spec.selinux))
    kept = selinux.context(host, spec.selinux)
    wrong = selinux.mode(host) != "disabled" and selinux.mislabelled(host, selinux.beginning(spec.selinux))
    return SelinuxState(None, kept, mislabelled=wrong)


def diff(spec: SelinuxSpec, state: SelinuxState) -> Sequence[Change]:
    """See `ResourceType`."""
    wanted = None if spec.state == "absent" else spec.value
    found = [Change("kept", state.kept, wanted)] if state.kept != wanted else []
    if spec.kind == "context":
        # What was told and what the files have: the first alone would leave the files as they are.
        return [*found, *([Change("labels", "other", "restored")] if state.mislabelled else [])]
    switched = spec.kind == "mode" and "disabled" in (state.now, spec.value)
    if state.now != wanted and not switched:
        found.append(Change("now", state.now, wanted))
    return found


def apply(host: Host, spec: SelinuxSpec, state: SelinuxState) -> None:
    """See `ResourceType`."""
    differing = {change.field for change in diff(spec, state)}
    if spec.kind == "mode":
        if "kept" in differing:
            lines = [line for line in state.config.lines if not line.startswith("SELINUX=")]
            parts.write(host, selinux.CONFIG, state.config, state.config.joined([*lines, f"SELINUX={spec.value}"]))
        if "now" in differing:
            host.poke(f"{selinux.KERNEL}/enforce", b"1" if spec.value == "enforcing" else b"0")
    elif spec.kind == "boolean":
        if state.now is None:
            raise ResourceFailed(f"the policy has no boolean {spec.selinux}, or SELinux is disabled")
        assert spec.value is not None
        selinux.set_boolean(host, spec.selinux, spec.value)
    else:
        if "kept" in differing and spec.value is not None and spec.state == "present":
            selinux.set_context(host, spec.selinux, spec.value, known=state.kept is not None)
        elif "kept" in differing:
            selinux.remove_context(host, spec.selinux)
        if selinux.mode(host) != "disabled":
            selinux.relabel(host, selinux.beginning(spec.selinux))


def paths(spec: SelinuxSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return (selinux.CONFIG.path,) if spec.kind == "mode" else ()


def shows_in(host: Host, spec: SelinuxSpec) -> Sequence[str]:
    """See `ResourceType`."""
    return selinux.shown_in(host, spec.kind, spec.selinux)


SELINUX: Final = ResourceType(
    spec=SelinuxSpec,
    check=check,
    diff=diff,
    apply=apply,
    paths=paths,
    unsupported=selinux.lacking,
    of_machine=True,
    shows_in=shows_in,
    unseen="labels of files",
)
