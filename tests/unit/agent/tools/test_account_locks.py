"""Locks of the account files: who is at work is waited for, and only a lock that nobody will ever give back is removed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

import pytest

from agent.hosts import HostFault, MemoryHost, Ran
from agent.tools import shadow

LOCK: Final = "/etc/passwd.lock"
REFUSED: Final = Ran(1, b"", b"useradd: cannot lock /etc/passwd; try again later.\n")


def host_with(lock: bytes | None, processes: dict[int, str]) -> MemoryHost:
    made = MemoryHost()
    made.mkdir("/etc", mode=0o755)
    made.mkdir("/proc", mode=0o755)
    made.symlink("/proc/self", "1")
    for number, name in processes.items():
        made.mkdir(f"/proc/{number}", mode=0o755)
        made.write(f"/proc/{number}/comm", f"{name}\n".encode(), mode=0o644)
    if lock is not None:
        made.write(LOCK, lock, mode=0o600)
    return made


def added(host: MemoryHost, program: Callable[[MemoryHost, int], Ran]) -> int:
    """How many times useradd was run."""
    calls: list[None] = []

    def useradd(*_: object) -> Ran:
        calls.append(None)
        return program(host, len(calls))

    host.programs["useradd"] = useradd
    shadow.add_user(host, "jane", [])
    return len(calls)


def refuses_while_locked(host: MemoryHost, _: int) -> Ran:
    return Ran(0, b"", b"") if host.lstat(LOCK) is None else REFUSED


@pytest.mark.parametrize("lock", [b"1\0", b"", b"garbage"])
def test_a_lock_that_nobody_will_give_back_goes(lock: bytes) -> None:
    # Somebody else's program is at work for another machine meanwhile: that is not who has this lock.
    assert added(host_with(lock, {1: "systemd", 9: "useradd"}), refuses_while_locked) == 2


@pytest.mark.parametrize("processes", [{7: "usermod"}, {}], ids=["at work", "that ends as we look"])
def test_a_lock_of_who_is_at_work_is_left_alone(processes: dict[int, str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shadow, "_POLL_S", 0.0)
    host = host_with(b"7\0", processes)

    def given_back(host: MemoryHost, call: int) -> Ran:
        if call == 4:
            host.remove(LOCK)  # by who has it, and by nobody else
        return refuses_while_locked(host, call)

    assert added(host, given_back) == 4


def test_a_lock_that_was_given_back_meanwhile_does_not_fail_the_change() -> None:
    assert added(host_with(None, {}), lambda _, call: REFUSED if call == 1 else Ran(0, b"", b"")) == 2


def test_what_no_lock_explains_is_not_tried_for_ever() -> None:
    with pytest.raises(HostFault, match="cannot lock"):
        added(host_with(None, {}), lambda *_: REFUSED)
