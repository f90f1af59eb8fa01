"""A mixed catalog of 500 resources, found right by a running agent: each tool is asked once for all that it knows.

The machine is a Debian made by debootstrap, in a directory, whose programs are run there by chroot(8). No init system
runs in it: a program answers as systemctl does, and takes as long (`SYSTEMCTL_S`). Its `/proc/sys` are plain files with
this kernel's values. All else is real.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final

from agent import converge
from agent.fights import Fights
from agent.journal import Journal
from agent.undo import Undo
from schema.ids import new_id
from schema.protocol.reports import Report, RunStatus, Trigger
from tests.bench import peer_files
from tests.bench.desired import SystemClock
from tests.bench.figures import Figure, best
from tests.roots import DEBIAN, Rooted, debian
from tests.strategies import catalogs

FILES, PACKAGES, SERVICES, USERS, SYSCTLS, CRONS = 300, 50, 40, 30, 50, 30
ROUNDS: Final = 30
SYSTEMCTL_S: Final = 0.02
"""`systemctl show` of 40 units, here and there 10 to 25 ms."""
_SYSTEMCTL: Final = f"""#!/bin/sh
while [ "$1" != -- ]; do shift; done
shift
sleep {SYSTEMCTL_S}
for unit; do printf 'LoadState=loaded\\nActiveState=active\\nUnitFileState=enabled\\nNeedDaemonReload=no\\n\\n'; done
"""


def run() -> Iterable[Figure]:
    count = FILES + PACKAGES + SERVICES + USERS + SYSCTLS + CRONS
    name = f"{count} resources of six types, nothing to do, inside a running agent"
    if os.geteuid() != 0 or not DEBIAN.is_dir():
        yield Figure(
            name=name, value=0.0, unit="ms", note="not measured: needs root, and `just setup tests` for a Debian"
        )
        return
    with tempfile.TemporaryDirectory(prefix="vigo-bench-") as place:
        yield from _figures(Path(place), name)


def _figures(place: Path, name: str) -> Iterator[Figure]:
    root = debian(place)
    host = Rooted(root)
    desired = catalogs.state(catalogs.crate("mixed", list(_resources(root))))
    journal, clock, undo = Journal(place / "state"), SystemClock(), Undo(place / "state")
    fights = Fights(clock.monotonic)

    def once() -> Report:
        host.runs.clear()
        report = converge.run(
            desired,
            host,
            traits={},
            journal=journal,
            trigger=Trigger.INTERVAL,
            ids=new_id,
            clock=clock,
            undo=undo,
            fights=fights,
        )
        assert report.status is RunStatus.CONVERGED, [each for each in report.resources if each.error][:3]
        return report

    try:
        once()
        assert not any(each.changed for each in once().resources)
        took = best(once, times=ROUNDS)
        programs = [" ".join(each[:2]) for each in host.runs]
    finally:
        journal.close()
        host.close()
    asked = sum(
        _asked(root, argv) for argv in (["dpkg-query", "--show"], ["systemctl", "show", "--", *["x"] * SERVICES])
    )
    yield Figure(
        name=name,
        value=took * 1e3,
        unit="ms",
        target=150.0,
        peer="of it dpkg-query and systemctl alone",
        peer_value=asked * 1e3,
        note=f"systemctl answers by a program that takes {SYSTEMCTL_S * 1e3:.0f} ms; run: {', '.join(programs)}",
    )
    yield Figure(
        name="programs run for them", value=float(len(programs)), unit="", target=4.0, note="one for each tool"
    )


def _resources(root: Path) -> Iterator[dict[str, Any]]:
    """All six types, prepared for so that the first run succeeds."""
    for path, text in ((root / "usr/bin/systemctl", _SYSTEMCTL),):
        path.unlink(missing_ok=True)
        path.write_text(text)
        path.chmod(0o755)
    (root / "run/systemd/system").mkdir(parents=True)
    (root / "srv/files").mkdir()
    (root / "etc/cron.d").mkdir(exist_ok=True)
    (root / "etc/sysctl.d").mkdir(exist_ok=True)
    yield from peer_files.vigo(Path("/srv/files"), FILES)
    shown = ["chroot", str(root), "dpkg-query", "--show", "--showformat=${Package}\\n"]
    packages = subprocess.run(shown, capture_output=True, text=True, check=True, timeout=60).stdout.split()
    for package in packages[:PACKAGES]:
        yield {"name": f"p-{package}", "type": "package", "package": package}
    for number in range(SERVICES):
        service = {"service": f"bench{number}", "state": "running", "enabled": True}
        yield {"name": f"s{number}", "type": "service", **service}
    for number in range(USERS):
        user = {"user": f"bench{number}", "shell": "/bin/sh", "comment": f"bench {number}", "create_home": False}
        yield {"name": f"u{number}", "type": "user", **user}
    for key, value in _sysctls():
        path = root / "proc/sys" / key
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(value + "\n")
        yield {"name": f"k-{key.replace('/', '-')}", "type": "sysctl", "key": key.replace("/", "."), "value": value}
    for number in range(CRONS):
        job = {"job": f"bench{number}", "schedule": "15 2 * * *", "command": f"/bin/true {number}"}
        yield {"name": f"c{number}", "type": "cron", **job}


def _sysctls() -> list[tuple[str, str]]:
    """Numbers of this kernel's."""
    found = []
    for area in ("vm", "kernel", "fs"):
        for path in sorted(Path("/proc/sys", area).iterdir()):
            if path.is_file() and path.stat().st_mode & 0o444 == 0o444 and "." not in path.name:
                try:
                    value = path.read_text().strip()
                except OSError:
                    continue
                if value.isdigit():
                    found.append((f"{area}/{path.name}", value))
    assert len(found) >= SYSCTLS, len(found)
    return found[:SYSCTLS]


def _asked(root: Path, argv: list[str]) -> float:
    whole = ["chroot", str(root), *argv]
    return best(lambda: subprocess.run(whole, capture_output=True, check=True, timeout=60), times=5)
