"""Without a server: the last good target for ever, said to be stale, and every report within the spool's 64 MiB."""

from __future__ import annotations

from pathlib import Path

import pytest

from agent.boundary import Ran, Spooled
from agent.executor import LocalExecutor
from agent.hosts import RealHost
from agent.spool import MAX_BYTES, Spool
from agent.state import State
from schema.protocol.reports import Report
from schema.time import DAY
from tests.factories.agents import enrolled
from tests.factories.gateway import Authority
from tests.factories.targets import NOW, Signer, raw

YEARS = 10 * 365 * DAY


class Clock:
    """A clock to set."""

    def __init__(self) -> None:
        self.wall = NOW

    def now(self) -> int:
        return self.wall

    def monotonic(self) -> float:
        return self.wall / 1e6


@pytest.fixture
def root(tmp_path: Path) -> Path:
    made = tmp_path / "root"
    (made / "etc").mkdir(parents=True)
    return made


def test_ten_years_after_its_expiry_a_target_is_still_kept_and_said_to_be_stale(tmp_path: Path, root: Path) -> None:
    signer, clock = Signer(), Clock()
    state = enrolled(tmp_path / "state", Authority(), signer, gateway_url="wss://localhost:1/agent/v1", root=root)
    crate = signer.crate("base", [{"name": "motd", "type": "file", "path": "/etc/motd", "content": "good"}])
    target = signer.target([crate])
    executor = LocalExecutor(state, RealHost(root), RealHost(root), clock=clock)
    executor.offer(raw(target))
    for data in signer.objects.values():
        executor.store(data)
    executor.offer(raw(target))
    assert Ran.model_validate_json(executor.converge(b"apply")).status == "converged"
    executor.close()

    clock.wall = NOW + YEARS
    again = LocalExecutor(State.open(state.path), RealHost(root), RealHost(root), clock=clock)
    (root / "etc/motd").write_text("damaged")
    assert Ran.model_validate_json(again.converge(b"drift")).changed == 1
    assert (root / "etc/motd").read_text() == "good"
    spooled = Spooled.model_validate_json(again.reports(b"0"))
    assert [Report.model_validate_json(each.report).stale for each in spooled.reports] == [False, True]
    again.close()


def test_a_spool_of_64_mib_loses_nothing_within_it_and_then_the_oldest(tmp_path: Path) -> None:
    size, count = 4 * 1024 * 1024, MAX_BYTES // (4 * 1024 * 1024)
    reports = {f"r{number}": bytes([number]) * size for number in range(count)}
    spool = Spool(tmp_path)
    for name, data in reports.items():
        spool.put(name, data)
    assert (spool.size_bytes, spool.dropped) == (MAX_BYTES, 0)
    again = Spool(tmp_path)
    found, after = {}, 0
    while entries := again.read(after, limit=8, limit_bytes=1)[0]:
        found.update({entry.id: entry.data for entry in entries})
        after = entries[-1].sequence
    assert found == reports
    again.put("one-more", b"x")
    assert again.dropped == 1
    assert again.read(0, limit=1, limit_bytes=1)[0][0].id == "r1"
