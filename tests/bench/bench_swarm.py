"""A fleet of real agent cores on one server: what each costs it, how soon a commit reaches them all, and how they all come
back after a restart. Two thousand of them, unless `--full` (ten thousand) or VIGO_SWARM says another number."""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from tests.bench.figures import Figure
from tests.load import scenarios
from tests.load.sites import LoadSite, cpu_s, memory
from tests.load.swarm import Swarm

FULL = 10_000
USUAL = 2_000
PROFILES = 200
COMMITS = 3
IDLE_S = 30.0
HEARTBEAT_S = 60.0
BACK_S = 45.0
API_P99_MS = 250.0
ALONE_S = 2.0
CONTROL_PATIENCE_S = 150.0
VAIN_EACH = 1.0
"""Attempts that an agent may make in vain, those while the server is away included: what jitter is for. Admission alone
keeps the server from being buried; without jitter it does so by letting nearly everybody come again and again."""


def run() -> Iterable[Figure]:
    count = int(os.environ.get("VIGO_SWARM", USUAL))
    with tempfile.TemporaryDirectory(prefix="vigo-swarm-") as place:
        site = LoadSite(Path(place), agents=count, profiles=PROFILES)
        try:
            site.start()
            site.in_force(site.first)
            with site.swarm() as swarm:
                yield from _steady(site, swarm)
                yield from _return(site, swarm)
            with site.swarm(jitter=False) as swarm:
                yield from _without_jitter(site, swarm)
        finally:
            site.end()


def _steady(site: LoadSite, swarm: Swarm) -> Iterable[Figure]:
    assert site.server is not None
    pid, count = site.server.pid, swarm.count
    base = memory(pid)
    scenarios.connect(swarm, over_s=count / scenarios.CONNECTS_PER_S)
    yield Figure(
        name=f"server memory for each of {count:,} agents", value=(memory(pid) - base) / count / 1024, unit="KiB",
        target=64.0, note="above its base, with the first report of each",
    )  # fmt: skip
    reached = [scenarios.reach(site, swarm, f"turn {turn}") for turn in range(COMMITS)]
    swarm.until("all are at rest", lambda told: told.at_rest == count, patience_s=300)
    for word, value, target in (
        ("p50", min(one.p50_s for one in reached), 1.5),
        ("p99", min(one.p99_s for one in reached), 5.0),
    ):
        yield Figure(
            name=f"commit → applied on all of {count:,} hosts, {word}", value=value, unit="s", target=target,
            note=f"one crate of {PROFILES} profiles; {COMMITS} commits, the best; agents on the same two cores",
        )  # fmt: skip
    began = cpu_s(pid)
    time.sleep(IDLE_S)
    yield Figure(
        name="server CPU for a check-in, all that an idle server does included", value=(cpu_s(pid) - began) / (count * IDLE_S / HEARTBEAT_S) * 1e6,
        unit="µs", target=100.0 if count >= FULL else None, peer="the specification's own system", peer_value=800.0,
        note=f"in {IDLE_S:.0f} s of {count:,} idle agents; `checkins` says what one more costs",
    )  # fmt: skip
    began = cpu_s(pid)
    swarm.say("forget")
    swarm.say(f"check {count / 1_000}")
    swarm.until("all have reported", lambda told: told.counts.get("acknowledged", 0) >= count, patience_s=300)
    yield Figure(
        name="server CPU for a full check of one host, all told", value=(cpu_s(pid) - began) / count * 1e6, unit="µs",
        note=f"{site.resources} resources: its report over TLS, checked, durable, acknowledged",
    )  # fmt: skip


def _return(site: LoadSite, swarm: Swarm) -> Iterable[Figure]:
    away = scenarios.break_some(swarm)
    yield Figure(
        name=f"an agent whose connection breaks is back, of {swarm.count:,}, p99", value=scenarios.share(away, 0.99), unit="s",
        target=ALONE_S, note=f"p50 {scenarios.share(away, 0.5):.1f} s; {len(away)} of them, one after the other",
    )  # fmt: skip
    returned = scenarios.come_back(site, swarm)
    count = swarm.count
    yield Figure(
        name=f"all of {count:,} agents are back after a restart of the server", value=returned.took_s, unit="s",
        target=BACK_S, note=f"full handshakes; {returned.cpu_s:.0f} s of the server's processor",
    )  # fmt: skip
    yield Figure(
        name="attempts in vain of each agent meanwhile, and while the server was away", value=returned.in_vain / count, unit="",
        target=VAIN_EACH, note=_ends(returned),
    )  # fmt: skip
    yield Figure(
        name="the API meanwhile, p99", value=returned.api_p99_s * 1e3, unit="ms", target=API_P99_MS,
        note=f"worst {returned.api_worst_s * 1e3:.0f} ms of {sum(returned.statuses.values())} requests",
    )  # fmt: skip
    yield Figure(
        name="answers of 500 and above, or none, meanwhile", value=returned.failures, unit="", target=0,
    )  # fmt: skip


def _ends(returned: scenarios.Returned) -> str:
    vain = {
        why: times for why, times in returned.told.closed.items() if not why.startswith("closed by the server: 1001")
    }
    return ", ".join(f"{times:,} × {why}" for why, times in sorted(vain.items(), key=lambda each: -each[1])[:3])


def _without_jitter(site: LoadSite, swarm: Swarm) -> Iterable[Figure]:
    """The control: agents that each wait out the whole of their time, and so come together. It has to fail, or the figures
    above say nothing of jitter."""
    swarm.say(f"start {swarm.count / scenarios.CONNECTS_PER_S}")
    swarm.until("all are connected", lambda told: told.open == swarm.count, patience_s=300)
    try:
        returned = scenarios.come_back(site, swarm, patience_s=CONTROL_PATIENCE_S)
    except TimeoutError:
        broken, note = 4, f"not all were back within {CONTROL_PATIENCE_S:.0f} s"
    else:
        each = returned.in_vain / swarm.count
        broken = sum((
            returned.took_s > BACK_S, each > VAIN_EACH, returned.api_p99_s * 1e3 > API_P99_MS, returned.failures > 0,
        ))  # fmt: skip
        note = (
            f"all back in {returned.took_s:.0f} s, {each:.2f} attempts in vain of each,"
            f" API p99 {returned.api_p99_s * 1e3:.0f} ms, {returned.failures} failures,"
            f" {returned.cpu_s:.0f} s of the server's processor"
        )
    # Small fleets come back at once and all the same; only a large one shows it.
    yield Figure(
        name="agents without jitter keep all four limits (a control: they must not)", value=float(not broken), unit="",
        target=0.0 if swarm.count >= FULL else None, note=note,
    )  # fmt: skip
