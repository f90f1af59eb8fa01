"""What the kernel says in files of its own is heard: when it says so, or within seconds."""

from __future__ import annotations

import itertools
import json
import math
import subprocess
import sys
from pathlib import Path

import pytest

from agent.hosts.beneath import Beneath
from agent.soundings import MAX_SAMPLED, SAMPLE_S, Soundings
from agent.watch import Known
from tests.factories.namespaces import ROOT, as_root

_SEEN = """
import json, subprocess, sys, threading
from agent.places import lines
from agent.watch import Watch, WatchedHost
told, said = set(), threading.Event()
def notify(paths):
    told.update(paths or ()); said.set()
host = WatchedHost("/")
watch = Watch(host, notify)
here = lines("/proc/self/mountinfo", "/mnt")
watch.follow([], frozenset({here, lines("/proc/self/mountinfo", "/elsewhere"), "/proc/sys/kernel/hostname"}))
seen = []
for argv in (["mount", "-t", "tmpfs", "none", "/mnt"], ["umount", "/mnt"], ["hostname", "another"]):
    subprocess.run(argv, check=True)
    said.wait(20); said.clear()
    seen.append(sorted(told)); told.clear()
host.poke("/proc/sys/kernel/hostname", b"ours\\n")
seen.append(said.wait(0.3))
print(json.dumps(seen))
"""


class Ground:
    """A directory that stands for the machine, with files of the kernel's."""

    def __init__(self, root: Path) -> None:
        self.root, self.read = root, 0
        (root / "proc/sys").mkdir(parents=True)
        self.beneath = Beneath(str(root))
        self.known = Known(self.beneath)
        self.soundings = Soundings(self.beneath, self.note)

    def note(self, place: str) -> bool:
        self.read += 1
        return self.known.note(place)

    def say(self, name: str, text: str) -> str:
        (self.root / "proc/sys" / name).write_text(text)
        return f"/proc/sys/{name}"


@pytest.fixture
def ground(tmp_path: Path) -> Ground:
    return Ground(tmp_path)


def test_what_cannot_be_waited_for_is_compared_every_few_seconds(ground: Ground) -> None:
    place = ground.say("a", "1")
    ground.known.note(place)
    assert ground.soundings.follow([place], 0.0)
    assert ground.soundings.due() == SAMPLE_S
    ground.say("a", "2")
    assert ground.soundings.changed([], 1.0) == set()
    assert ground.soundings.changed([], SAMPLE_S) == {place}
    assert ground.soundings.changed([], 10 * SAMPLE_S) == set()
    assert ground.soundings.due() >= 11 * SAMPLE_S


def test_nothing_to_compare_is_nothing_to_wake_up_for(ground: Ground) -> None:
    ground.soundings.follow([ground.say("a", "1")], 0.0)
    ground.soundings.follow([], 1.0)
    assert ground.soundings.due() == math.inf


def test_what_takes_long_to_read_is_read_more_seldom(ground: Ground, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter([1.0, 1.5])
    monkeypatch.setattr("agent.soundings.thread_time", lambda: next(times))
    ground.soundings.follow([ground.say("a", "1")], 0.0)
    ground.soundings.changed([], SAMPLE_S)
    assert ground.soundings.due() == SAMPLE_S + 2500.0


def test_what_is_waited_for_is_read_when_it_has_spoken_and_not_each_time(
    ground: Ground, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = itertools.count(step=0.005)
    monkeypatch.setattr("agent.soundings.thread_time", lambda: next(times))
    (ground.root / "proc/self").mkdir()
    (ground.root / "proc/self/mountinfo").write_text("1 2 3:4 / /mnt rw\n")
    place = "/proc/self/mountinfo\n/mnt"
    ground.known.note(place)
    ground.soundings.follow([place], 0.0)
    (descriptor,) = ground.soundings.descriptors
    (ground.root / "proc/self/mountinfo").write_text("1 2 3:4 / /mnt ro\n")
    assert ground.soundings.changed([], 1.0) == set()
    assert ground.soundings.changed([descriptor], 2.0) == {place}
    for tenth in range(1, 10):
        assert ground.soundings.changed([descriptor], 2.0 + tenth / 10) == set()
    assert ground.read == 1
    (ground.root / "proc/self/mountinfo").write_text("1 2 3:4 / /elsewhere ro\n")
    assert ground.soundings.due() == pytest.approx(3.0)
    assert ground.soundings.changed([], 3.1) == {place}
    ground.soundings.close()
    assert ground.soundings.descriptors == []


def test_lines_that_others_have_in_a_file_are_no_news(ground: Ground) -> None:
    path = ground.say("table", "1 /mnt rw\n2 /mnt/below rw\n")
    assert ground.known.note(f"{path}\n/mnt")
    ground.say("table", "1 /mnt rw\n3 /other rw\n")
    assert not ground.known.note(f"{path}\n/mnt")
    ground.say("table", "3 /other rw\n")
    assert ground.known.note(f"{path}\n/mnt")


def test_there_is_a_most_to_what_is_compared(ground: Ground) -> None:
    assert not ground.soundings.follow([f"/proc/sys/{number}" for number in range(MAX_SAMPLED + 1)], 0.0)
    ground.soundings.changed([], SAMPLE_S)
    assert ground.read == MAX_SAMPLED


@as_root
def test_a_real_kernel_tells_of_a_mount_and_of_a_name() -> None:
    ran = subprocess.run(
        ["unshare", "-mu", sys.executable, "-c", _SEEN], cwd=ROOT, capture_output=True, check=True, timeout=60
    )
    mounted = ["/proc/self/mountinfo\n/mnt"]
    assert json.loads(ran.stdout) == [mounted, mounted, ["/proc/sys/kernel/hostname"], False]
