"""systemctl(1): the state of units, many in one call, and what can be done to one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Final, NamedTuple

from agent.hosts import Host, HostFault, Kind

TIMEOUT_S: Final = 300.0
SUFFIX: Final = ".service"
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
