"""The agent of a whole machine is two processes, and neither can do what the other is for.

As an ordinary user, or where the kernel lets nobody become another, the same story is told by one process.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import stat
from datetime import timedelta
from pathlib import Path

import pytest

from agent import separation
from agent.state import IDENTITY_FILES
from schema.protocol.messages import RENEW
from tests.e2e.site import Agent, Process, Site, until
from tests.factories.agents import enrolled
from tests.factories.gateway import Authority, Gateway
from tests.factories.targets import Signer

FIRST, SECOND, THIRD = (f"web0{number}.example.com" for number in (1, 2, 3))


def whole_machine(site: Site, hostname: str, *options: str) -> Agent:
    """An agent whose root is the machine's: what it manages lies in the site's own directory all the same."""
    agent = site.agent(hostname)
    agent.root = Path("/")
    done = agent.enrol()
    assert done.returncode == 0, done.stderr
    log = site.path / "logs" / f"{agent.name}.log"
    agent.process = Process(hostname, ["-m", "agent", "run", "--state", str(agent.state), *options], log)
    site.processes.append(agent.process)
    return agent


def crate(place: Path, text: str, more: str = "") -> dict[str, str]:
    return {
        "configcrates/motd.vgo": f"""
name: motd
resources:
  - {{name: dir, type: directory, path: {place}}}
  - name: motd
    type: file
    path: {place}/motd
    content: "{text}\\n"
    depends_on: [dir]
{more}"""
    }


def halves(agent: Agent) -> tuple[int, int]:
    """The process ids of executor and link."""
    assert agent.process is not None
    supervisor = agent.process.pid
    told = agent.call("status", "--json")
    assert told.returncode == 0, told.stderr
    executor = int(json.loads(told.stdout)["processes"]["executor"])
    (link,) = [pid for pid in children(supervisor) if pid != executor]
    return executor, link


def children(pid: int) -> list[int]:
    return [int(each) for each in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def of_status(pid: int, name: str) -> list[str]:
    (line,) = [each for each in Path(f"/proc/{pid}/status").read_text().splitlines() if each.startswith(f"{name}:")]
    return line.split()[1:]


def sockets(pid: int) -> dict[str, str]:
    """Inode → family of each socket that a process holds."""
    found = {}
    for descriptor in Path(f"/proc/{pid}/fd").iterdir():
        with contextlib.suppress(OSError):
            target = str(descriptor.readlink())
            if target.startswith("socket:"):
                found[target[8:-1]] = "other"
    for family in ("unix", "tcp", "tcp6", "udp", "udp6", "raw", "packet", "netlink"):
        path = Path(f"/proc/{pid}/net/{family}")
        for line in path.read_text().splitlines()[1:] if path.exists() else ():
            for field in line.split():
                if field in found:
                    found[field] = family
    return found


def two_are_possible() -> bool:
    try:
        separation.ids(confined=False)
    except separation.Impossible:
        return False
    return True


needs_two = pytest.mark.skipif(not two_are_possible(), reason="needs root, and another user to become")


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Where the managed files lie."""
    return tmp_path / "managed"


@needs_two
def test_each_half_has_given_up_what_the_other_is_for(shared_site: Site, place: Path) -> None:
    site = shared_site
    tries = "python3 -c 'import socket; socket.socket()' 2>/dev/null && echo open > {0} || echo shut > {0}"
    more = f"""
  - name: declared
    type: exec
    command: "{tries.format(place / "declared")}"
    creates: {place}/declared
    depends_on: [dir]
  - name: closed
    type: exec
    network: false
    command: "{tries.format(place / "closed")}"
    creates: {place}/closed
    depends_on: [dir]
"""
    commit = site.commit(crate(place, "hello", more), "a managed directory")
    web = whole_machine(site, FIRST)
    site.converged(web, commit)
    assert (place / "motd").read_text() == "hello\n"
    assert (place / "declared").read_text() == "open\n"
    assert (place / "closed").read_text() == "shut\n"
    executor, link = halves(web)

    assert of_status(executor, "Uid") == ["0"] * 4
    assert set(sockets(executor).values()) <= {"unix", "netlink"}
    assert of_status(executor, "Seccomp") == ["2"]

    ids = separation.ids(confined=False)
    assert set(of_status(link, "Uid")) == {str(ids.uid)} or ids.name == str(ids.uid)
    assert "0" not in of_status(link, "Uid") + of_status(link, "Gid") + of_status(link, "Groups")
    assert {of_status(link, name)[0].strip("0") for name in ("CapEff", "CapPrm", "CapInh", "CapAmb")} == {""}
    assert of_status(link, "NoNewPrivs") == ["1"]
    assert of_status(link, "Seccomp") == ["2"]
    assert "tcp" in sockets(link).values()
    opened = {str(each.readlink()) for each in Path(f"/proc/{link}/fd").iterdir()}
    assert not [path for path in opened if path.startswith(str(web.state))]
    uid = int(of_status(link, "Uid")[0])
    for name in ("tls.key", "ed25519.key", "x25519.key", "journal.jsonl", "target.json", "identity.json"):
        found = (web.state / name).stat()
        assert (found.st_uid, stat.S_IMODE(found.st_mode) & 0o077) == (0, 0), name
        assert uid != found.st_uid
    memory = Path(f"/proc/{link}/mem")
    secrets = [(web.state / name).read_text().splitlines()[1] for name in ("ed25519.key", "x25519.key")]
    assert not [each for each in secrets if holds(memory, link, each.encode())]


def holds(memory: Path, pid: int, needle: bytes) -> bool:
    """Whether a process has these bytes anywhere in its memory."""
    with memory.open("rb", 0) as file:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights = line.split()[:2]
            if not rights.startswith("rw"):
                continue
            begin, end = (int(each, 16) for each in span.split("-"))
            with contextlib.suppress(OSError, ValueError, OverflowError):
                file.seek(begin)
                if needle in file.read(end - begin):
                    return True
    return False


@needs_two
def test_a_killed_link_costs_nothing_and_a_killed_executor_ends_both(shared_site: Site, place: Path) -> None:
    site = shared_site
    commit = site.commit(crate(place, "one"), "one")
    web = whole_machine(site, SECOND)
    site.converged(web, commit)
    executor, link = halves(web)
    slow = f"""
  - name: slow
    type: exec
    command: "touch {place}/begun; while [ ! -e {place}/go ]; do sleep 0.05; done; echo done > {place}/done"
    creates: {place}/done
    depends_on: [dir]
"""
    commit = site.commit(crate(place, "two", slow), "two, slowly")
    until("the run is under way", lambda: (place / "begun").exists())
    os.kill(link, signal.SIGKILL)
    until("another link is there", lambda: set(children(web.process.pid)) - {executor, link})  # type: ignore[union-attr]
    (place / "go").touch()
    site.converged(web, commit)
    assert (place / "done").read_text() == "done\n"
    assert [run["status"] for run in site.runs(SECOND)][:1] == ["converged"]
    applied = [run for run in site.runs(SECOND) if run["commit"] == commit and run["trigger"] == "apply"]
    assert len(applied) == 1
    assert halves(web)[0] == executor

    assert web.process is not None
    os.kill(executor, signal.SIGKILL)
    assert web.process.wait() == 1
    until("nothing of it is left", lambda: not alive(halves_of=web, pids=(executor, link)))
    assert web.call("status").stdout.count("does not run") >= 1


def alive(*, halves_of: Agent, pids: tuple[int, ...]) -> list[int]:
    assert halves_of.process is not None
    return [pid for pid in (*pids, halves_of.process.pid) if Path(f"/proc/{pid}").exists() and not zombie(pid)]


def zombie(pid: int) -> bool:
    with contextlib.suppress(OSError):
        return of_status(pid, "State")[0] == "Z"
    return True


@needs_two
def test_a_certificate_is_renewed_across_the_boundary(tmp_path: Path) -> None:
    authority, signer = Authority(), Signer()
    gateway = Gateway(authority, signer, tmp_path, capabilities=[RENEW])
    state = enrolled(
        tmp_path / "state", authority, signer, gateway_url=gateway.url, root=Path("/"), left=timedelta(days=8)
    )  # of 30: it is due from two thirds of its life on, spread over a twentieth, which is at 8.5 days at the latest
    before = {name: state.file(name).read_bytes() for name in IDENTITY_FILES}
    agent = Process("renewing", ["-m", "agent", "run", "--state", str(state.path)], tmp_path / "log")
    try:
        gateway.until(lambda: len(gateway.shown) >= 2, timeout_s=30.0)
        after = {name: state.file(name).read_bytes() for name in IDENTITY_FILES}
        assert {name for name in IDENTITY_FILES if before[name] != after[name]} == {"cert.pem", "tls.key"}
        state.identity()
        assert {state.file(name).stat().st_uid for name in IDENTITY_FILES} == {0}
    finally:
        agent.end()
        gateway.close()
    assert "is renewed" in (tmp_path / "log").read_text()


def test_as_one_process_it_does_the_same_and_says_so(shared_site: Site, place: Path) -> None:
    site = shared_site
    commit = site.commit(crate(place, "hello"), "a managed directory")
    web = whole_machine(site, THIRD, "--one-process")
    site.converged(web, commit)
    assert (place / "motd").read_text() == "hello\n"
    assert "one process" in web.call("status").stdout
    assert "one process" in web.log
    assert web.process is not None
    assert children(web.process.pid) == []
    assert web.process.end() == 0
