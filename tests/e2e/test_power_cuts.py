"""Power cuts: whatever a disk may hold after one, the server or the agent opens it, and nothing promised is gone."""

from __future__ import annotations

import random
import sys
from pathlib import Path

import pytest

from tests.effort import SOAK, tries
from tests.factories import accepted, power, writes
from tests.factories.kills import needs_strace

WORKLOADS = tries(1, 200)
DISKS = tries(40, 120)
KINDS = {"as it was", "without all that was not synced", "without one call", "in another order", "torn at 512"}


def _recorded(tmp_path: Path, seed: int, synchronous: str = "") -> power.Recording:
    directory = tmp_path / f"data{seed}{synchronous}"
    directory.mkdir(mode=0o700)
    count = random.Random(seed).randrange(2, 9)
    command = [sys.executable, "-m", "tests.factories.writes", str(directory), str(seed), str(count), synchronous]
    return power.record([each for each in command if each], directory)


@needs_strace
def test_what_was_acknowledged_survives_a_power_cut_at_any_call(tmp_path: Path) -> None:
    seeds = range(WORKLOADS) if SOAK else [random.randrange(2**32)]
    for seed in seeds:
        print(f"seed {seed}")
        recording = _recorded(tmp_path, seed)
        chance = random.Random(seed)
        drawn = {image.what for image in power.images(recording, random.Random(seed), DISKS)}
        assert drawn >= KINDS
        wrong = power.each_disk(recording, tmp_path / f"disks{seed}", chance, DISKS, writes.complaint)
        assert not wrong, f"seed {seed}: {wrong}"
    print(f"0 of {WORKLOADS * DISKS} disks lost a write: at most {3 / (WORKLOADS * DISKS):.2%} (95 %)")


@needs_strace
def test_the_same_cuts_find_a_database_that_does_not_sync(tmp_path: Path) -> None:
    recording = _recorded(tmp_path, 7, "OFF")
    wrong = power.each_disk(recording, tmp_path / "disks", random.Random(7), 12, writes.complaint)
    assert any("is gone" in each or "Database" in each or "integrity" in each for each in wrong)


@needs_strace
@pytest.mark.parametrize("fault", ["error=EIO", "error=ENOSPC", "signal=KILL"])
def test_a_system_call_that_fails_or_kills_loses_nothing_acknowledged(tmp_path: Path, fault: str) -> None:
    points = [("fsync", number) for number in range(1, 25)] + [("pwrite64", number) for number in range(1, 250)]
    for number, (call, when) in enumerate(points if SOAK else [random.choice(points)]):
        directory = tmp_path / f"faulty{number}"
        directory.mkdir(mode=0o700)
        command = [sys.executable, "-m", "tests.factories.writes", str(directory), "3", "4"]
        code, said = power.run_with_fault(command, call, when, fault)
        where = f"{fault} at {call} {when}, ended with {code}"
        assert not (wrong := writes.complaint(directory, said)), f"{where}: {wrong}"
        assert code in ({0, 1, writes.FATAL} if fault != "signal=KILL" else {0, -9, 137}), where


@needs_strace
def test_an_agent_keeps_its_promises_through_a_power_cut_at_any_call(tmp_path: Path) -> None:
    disk = accepted.prepare(tmp_path)
    recording = power.record([sys.executable, "-m", "tests.factories.accepted", str(tmp_path)], disk)
    assert recording.said(len(recording.ops))[-1] == f"reported {accepted.GENERATIONS}"
    seed = random.randrange(2**32)
    print(f"seed {seed}")
    count = tries(40, 5_000)
    wrong = power.each_disk(recording, tmp_path / "disks", random.Random(seed), count, accepted.complaint)
    assert not wrong, f"seed {seed}: {wrong}"
