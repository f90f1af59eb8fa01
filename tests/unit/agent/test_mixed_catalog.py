"""A catalog of many types asks each tool once: programs, and not resources, are what a check takes its time with."""

from __future__ import annotations

import json
from typing import Any

from agent import converge
from agent.journal import Journal
from schema.ids import new_id
from schema.protocol.reports import Outcome, Trigger
from tests.strategies import catalogs, programs
from tests.strategies.catalogs import Ticking
from tests.strategies.machines import machine

FILES, PACKAGES, SERVICES, USERS, SYSCTLS, CRONS = 300, 50, 40, 30, 50, 30


def resources() -> list[dict[str, Any]]:
    return [
        *({"name": f"f{n}", "type": "file", "path": f"/srv/{n}", "content": f"{n}\n"} for n in range(FILES)),
        *({"name": f"p{n}", "type": "package", "package": f"p{n}"} for n in range(PACKAGES)),
        *({"name": f"s{n}", "type": "service", "service": f"s{n}", "state": "running"} for n in range(SERVICES)),
        *({"name": f"u{n}", "type": "user", "user": f"u{n}", "create_home": False} for n in range(USERS)),
        *({"name": f"k{n}", "type": "sysctl", "key": f"vm.k{n}", "value": str(n)} for n in range(SYSCTLS)),
        *(
            {"name": f"c{n}", "type": "cron", "job": f"c{n}", "schedule": "@daily", "command": "/bin/true"}
            for n in range(CRONS)
        ),
    ]


def test_five_hundred_resources_of_six_types_are_checked_by_two_programs() -> None:
    listed = "".join(f"p{n} 1\n" for n in range(PACKAGES))
    units = {f"s{n}.service": {"active": "inactive", "file": "enabled"} for n in range(SERVICES)}
    host = machine(
        {
            programs.LISTS: listed,
            programs.MIRROR: listed,
            programs.STATUS: "",
            programs.UNITS: json.dumps(units),
            "/run/systemd/system": {"directory": True},
            "/srv": {"directory": True},
            **{f"/proc/sys/vm/k{n}": "7" for n in range(SYSCTLS)},
        },
        programs.ALL,
    )
    desired, journal, clock = catalogs.state(catalogs.crate("mixed", resources())), Journal(None), Ticking()

    def run() -> list[Outcome]:
        host.runs.clear()
        report = converge.run(
            desired, host, traits={}, journal=journal, trigger=Trigger.INTERVAL, ids=new_id, clock=clock
        )
        assert not report.error, report.error
        assert [each.error for each in report.resources if each.error] == []
        return [each.outcome for each in report.resources]

    assert set(run()) == {Outcome.CHANGED}
    assert set(run()) == {Outcome.UNCHANGED}
    assert sorted(argv[0] for argv in host.runs) == ["dpkg-query", "systemctl"]
