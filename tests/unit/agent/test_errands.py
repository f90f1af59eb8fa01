"""Programs that another process starts for the executor: they run as any other, and end with nobody's help."""

from __future__ import annotations

import os
import select
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent import errands
from agent.errands import Errands, Runner
from agent.hosts import HostFault, RealHost, process, reach

ENV = {"PATH": process.PATH}


class Bench:
    """Both ends in threads of this process."""

    def __init__(self) -> None:
        theirs, ours = errands.channel()
        self.links: list[socket.socket] = []
        self.ready = threading.Event()
        self.errands = Errands(ours, self.links.append)
        self._runner = Runner(theirs, self.ready.set)
        self._ends = (theirs, ours)
        self._threads = [threading.Thread(target=each) for each in (self.errands.serve, self._supervise)]
        for thread in self._threads:
            thread.start()

    def _supervise(self) -> None:
        theirs = self._ends[0]
        while True:
            if select.select([theirs], [], [], 0.005)[0] and not self._runner.take():
                return
            self._runner.reap()

    def link(self) -> None:
        one, other = socket.socketpair()
        errands.send(self._ends[0], {"link": 1}, (one.fileno(),))
        one.close()
        other.close()

    def close(self) -> None:
        for end in self._ends:
            end.shutdown(socket.SHUT_RDWR)
        for thread in self._threads:
            thread.join(10)
            assert not thread.is_alive()
        for end in (*self._ends, *self.links):
            end.close()

    def run(self, *argv: str, stdin: bytes = b"", timeout_s: float = 20.0) -> process.Ran:
        return process.run(
            argv, stdin=stdin, timeout_s=timeout_s, env=ENV, cwd=None, identity=None, start=self.errands.start
        )


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench()
    yield made
    made.close()


def test_it_has_input_output_and_a_code(bench: Bench) -> None:
    ran = bench.run("/bin/sh", "-c", "cat; echo bad >&2; exit 3", stdin=b"hello\n" * 100_000)
    assert (ran.code, ran.stdout, ran.stderr) == (3, b"hello\n" * 100_000, b"bad\n")
    assert bench.run("/bin/sh", "-c", "read line || echo none").stdout == b"none\n"
    assert bench.run("/bin/sh", "-c", "kill -9 $$").code == -signal.SIGKILL


def test_it_has_a_session_of_its_own_and_nothing_of_ours(bench: Bench) -> None:
    words = bench.run("/bin/sh", "-c", "echo $$; ls /proc/$$/fd; env | grep -v '^PWD\\|^_=\\|^SHLVL'; pwd").text.split()
    assert words[1:] == ["0", "1", "2", f"PATH={process.PATH}", "/"]
    assert os.getsid(0) != int(words[0])


def test_what_cannot_be_started_says_so(bench: Bench) -> None:
    with pytest.raises(HostFault, match="cannot run /no/such"):
        bench.run("/no/such")
    with pytest.raises(HostFault, match="more than"):
        bench.run("/bin/true", "x" * errands.MAX_PACKET_BYTES)
    assert bench.run("/bin/true").code == 0


def test_at_its_timeout_the_whole_group_ends(bench: Bench, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    script = f"trap '' TERM; (sleep 1.1; trap '' TERM; sleep 30; touch {mark}) & echo $$; sleep 30"
    ran = bench.run("/bin/sh", "-c", script, timeout_s=1.0)
    assert ran.timed_out
    assert ran.code == -signal.SIGKILL
    group = int(ran.stdout)
    deadline = time.monotonic() + 60
    while _group(group):
        assert time.monotonic() < deadline
        time.sleep(0.01)
    assert not mark.exists()


def _group(number: int) -> bool:
    try:
        os.killpg(number, 0)
    except ProcessLookupError:
        return False
    return not all(
        _ended(int(each.name)) for each in Path("/proc").iterdir() if each.name.isdigit() and _in(each, number)
    )


def _in(entry: Path, group: int) -> bool:
    try:
        return int((entry / "stat").read_text().rpartition(") ")[2].split()[2]) == group
    except OSError:
        return False


def _ended(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2][0] == "Z"
    except OSError:
        return True


def test_many_run_at_once(bench: Bench) -> None:
    found: list[bytes] = []

    def one(number: int) -> None:
        found.append(bench.run("/bin/sh", "-c", f"sleep 0.1; echo {number}").stdout)

    threads = [threading.Thread(target=one, args=(number,)) for number in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert sorted(found, key=int) == [f"{number}\n".encode() for number in range(12)]


def test_sockets_of_links_and_readiness_cross_too(bench: Bench) -> None:
    bench.errands.tell({"ready": True})
    assert bench.ready.wait(60)
    bench.link()
    deadline = time.monotonic() + 60
    while not bench.links:
        assert time.monotonic() < deadline
        time.sleep(0.005)
    assert bench.links[0].family is socket.AF_UNIX


def test_a_host_has_programs_started_elsewhere_only_where_they_declare_the_network(bench: Bench) -> None:
    host = RealHost("/")
    host.errands = bench.errands
    whose = ["/bin/sh", "-c", "echo $PPID; sleep 0.05"]
    started: list[int] = []
    before = bench.errands._next
    for needed in (False, True):
        with reach.declared(needed):
            started.append(int(host.run(whose).stdout))
    assert bench.errands._next == before + 1
    assert not reach.network()
    assert started == [os.getpid(), os.getpid()]  # both ends are this process
    host.close()
