"""systemctl(1): the state of units, many in one call, and what can be done to one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from agent import places
from agent.hosts import Host, HostFault, Kind

TIMEOUT_S: Final = 300.0
SUFFIX: Final = ".service"
STARTED: Final = "/run/systemd/units"
_GROUPS: Final = (f"{places.CGROUPS}/unified", f"{places.CGROUPS}/systemd", places.CGROUPS)
"""Where systemd has its control groups: beside those of version 1, among them, or alone."""
_ENABLED: Final = ("/etc/systemd/system", "/run/systemd/system")
_FILES: Final = ("/usr/lib/systemd/system", "/lib/systemd/system")
_MEMO: Final = "systemctl"
_PROPERTIES: Final = ("LoadState", "ActiveState", "UnitFileState", "NeedDaemonReload")
_PER_CALL: Final = 200


class Unit(NamedTuple):
    """What systemd knows of one unit, in its own words."""

    load: str
    """loaded, not-found, masked, error ..."""
    active: str
    """active, reloading, inactive, failed, activating, deactivating"""
    file: str
    """enabled, disabled, static, masked ...; empty when there is no unit file"""
    outdated: bool
    """Its file has changed since systemd read it."""


def booted(host: Host) -> bool:
    """Whether systemd runs the host: sd_booted(3)."""
    stat = host.lstat("/run/systemd/system")
    return stat is not None and stat.kind is Kind.DIRECTORY


def load(host: Host, names: Iterable[str]) -> None:
    """Read these units into the memo, those that it lacks, in one call."""
    known: dict[str, Unit] = host.memo.setdefault(_MEMO, {})
    lacking = sorted(set(names) - known.keys())
    for start in range(0, len(lacking), _PER_CALL):
        known.update(_show(host, lacking[start : start + _PER_CALL]))


def unit(host: Host, name: str) -> Unit:
    """One unit, from the memo if it is there.

    Raises:
        HostFault: systemd does not answer.
    """
    load(host, [name])
    found: Unit = host.memo[_MEMO][name]
    return found


def shown_in(host: Host, name: str) -> Sequence[str]:
    """Where it shows that a unit is started, stopped, enabled or masked: `agent.places`.

    systemd keeps a link for each unit that is not inactive (unit_export_invocation_id() in src/core/unit.c), and the
    kernel tells when a control group has lost its last process.
    """
    slices = "system.slice"
    template, _, instance = name.partition("@")
    if instance:
        escaped = template.replace("-", r"\x2d")
        slices += f"/system-{escaped}.slice"
    groups = next((each for each in _GROUPS if host.lstat(each) is not None), _GROUPS[-1])
    unit_files = (f"{directory}/{name}" for directory in _FILES)
    return [
        f"{STARTED}/invocation:{name}",
        f"{groups}/{slices}/{name}/cgroup.events",
        *unit_files,
        *(places.below(directory) for directory in _ENABLED),
    ]


def act(host: Host, verb: str, *names: str) -> None:
    """`systemctl VERB NAMES`, to its end.

    Raises:
        HostFault: it did not succeed, with what systemctl said.
    """
    ran = host.run(
        ["systemctl", "--no-pager", "--no-ask-password", verb, *(["--", *names] if names else [])], timeout_s=TIMEOUT_S
    )
    if ran.code != 0:
        raise HostFault(f"systemctl {verb}: {ran.complaint}")


def _show(host: Host, names: Sequence[str]) -> Mapping[str, Unit]:
    argv = ["systemctl", "--no-pager", "show", f"--property={','.join(_PROPERTIES)}", "--", *names]
    ran = host.run(argv)
    if ran.code != 0:
        raise HostFault(f"systemctl show: {ran.complaint}")
    # One block of KEY=VALUE lines for each unit, in the order asked for, parted by an empty line.
    blocks = [dict(line.partition("=")[::2] for line in block.splitlines()) for block in ran.text.strip().split("\n\n")]
    if len(blocks) != len(names):
        raise HostFault(f"systemctl show answered {len(blocks)} units of {len(names)}")
    return {
        name: Unit(
            block.get("LoadState", ""),
            block.get("ActiveState", ""),
            block.get("UnitFileState", ""),
            block.get("NeedDaemonReload") == "yes",
        )
        for name, block in zip(names, blocks, strict=True)
    }
