"""Unit files below /etc/systemd/system: verified before they are put in place, and what systemd makes of them.

See systemd.unit(5) for the places, systemd-analyze(1) for `verify`.
"""

from __future__ import annotations

from typing import Final

from agent.hosts import Host, HostFault
from agent.tools import systemctl
from agent.tools.difference import Change
from agent.tools.systemctl import Unit

DIRECTORY: Final = "/etc/systemd/system"
LACKING: Final = "needs systemd, which does not run this host"
RUNNING: Final = frozenset({"active", "reloading"})
STOPPED: Final = frozenset({"inactive", "failed"})
ENABLED: Final = frozenset({"enabled", "alias"})
NEITHER: Final = frozenset({"static", "indirect", "generated", "transient"})
"""Started by something else: such a unit has nothing that could be enabled or disabled."""
_TIMEOUT_S: Final = 60.0
# systemd-analyze wants a file by the unit's own name, in a directory that it looks into.
_VERIFY: Final = """
place=$(mktemp -d) || exit 125
trap 'rm -rf "$place"' EXIT
mkdir -p "$(dirname "$place/$2")" && cp "$1" "$place/$2" && chmod 0644 "$place/$2" || exit 125
SYSTEMD_UNIT_PATH="$place:" systemd-analyze verify --man=no --recursive-errors=no "$3"
"""
_LATER: Final = " is not executable: No such file or directory"
_TOO_OLD: Final = "unrecognized option"


def base(name: str) -> str:
    """The unit that a file below `DIRECTORY` is of: of a drop-in, the one it is dropped in."""
    return name.partition(".d/")[0]


def verify(host: Host, candidate: str, name: str) -> None:
    """Nothing, when systemd can read the file, or nobody is there to say. A program that is not there yet may come.

    Args:
        candidate: where the file is now.
        name: where it is to be, below `DIRECTORY`.

    Raises:
        HostFault: with what systemd-analyze says.
    """
    if host.which("systemd-analyze") is None:
        return
    ran = host.run(["/bin/sh", "-c", _VERIFY, "verify", candidate, name, base(name)], timeout_s=_TIMEOUT_S)
    if ran.code == 0 or (_TOO_OLD in ran.complaint):
        return
    said = [line for line in ran.stderr.decode("utf-8", "replace").splitlines() if line.strip()]
    if said and all(line.endswith(_LATER) for line in said):
        return
    raise HostFault(f"systemd refuses it: {'; '.join(said[:6])[:1500] or ran.complaint}")


def changes(unit: Unit, *, enabled: bool | None, running: bool | None) -> list[Change]:
    """How a unit differs from what is desired of it; None is left as it is."""
    found = []
    if enabled is True and unit.file not in ENABLED | NEITHER:
        found.append(Change("enabled", unit.file or "no", "yes"))
    if enabled is False and unit.file in (*ENABLED, "enabled-runtime"):
        found.append(Change("enabled", unit.file, "no"))
    if running is not None and unit.active not in (RUNNING if running else STOPPED):
        found.append(Change("running", unit.active, "yes" if running else "no"))
    return found


def make_so(host: Host, name: str, *, enabled: bool | None, running: bool | None) -> None:
    """Enable or disable, start or stop, whatever differs now.

    Raises:
        HostFault: systemd does not.
    """
    fields = {change.field for change in changes(systemctl.unit(host, name), enabled=enabled, running=running)}
    if "enabled" in fields:
        systemctl.act(host, "enable" if enabled else "disable", name)
    if "running" in fields:
        systemctl.act(host, "start" if running else "stop", name)
