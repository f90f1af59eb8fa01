"""Programs end, whatever they do: in time, with bounded output, and with nothing of ours in their hands."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import pytest

from agent.hosts import HostFault, RealHost
from agent.hosts.host import MAX_OUTPUT_BYTES, OUTPUT_CUT


@pytest.fixture
def host() -> RealHost:
    return RealHost("/")


def test_it_returns_what_the_program_said(host: RealHost) -> None:
    ran = host.run(["sh", "-c", "cat; echo oops >&2; exit 3"], input=b"hello")
    assert (ran.code, ran.stdout, ran.stderr, ran.timed_out) == (3, b"hello", b"oops\n", False)
    assert ran.complaint == "exit 3: oops"


def test_a_program_sees_nothing_of_our_environment(host: RealHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VIGO_SECRET", "x")
    ran = host.run(["env"], env={"ADDED": "1"})
    names = {line.partition("=")[0] for line in ran.text.splitlines()}
    assert names == {"PATH", "LANG", "LC_ALL", "HOME", "ADDED"}


def test_a_program_inherits_no_descriptor(host: RealHost) -> None:
    reader, writer = os.pipe()
    os.set_inheritable(writer, True)
    ran = host.run(["sh", "-c", "ls /proc/$$/fd"])
    os.close(reader)
    os.close(writer)
    assert set(ran.text.split()) <= {"0", "1", "2"}


def test_arguments_are_not_read_by_a_shell(host: RealHost) -> None:
    hostile = ["; touch /tmp/vigo-injected", "$(id)", "`id`", "a\nb", "--", "'\""]
    ran = host.run(["printf", r"%s\0", *hostile])
    assert ran.stdout.decode().split("\0")[:-1] == hostile


def test_endless_output_is_cut_and_the_program_still_ends(host: RealHost) -> None:
    ran = host.run(["sh", "-c", "head -c 3000000 /dev/zero; exit 4"])
    assert ran.code == 4
    assert len(ran.stdout) == MAX_OUTPUT_BYTES + len(OUTPUT_CUT)
    assert ran.stdout.endswith(OUTPUT_CUT)


def test_a_program_that_does_not_end_is_killed_with_its_children(host: RealHost) -> None:
    # Time to say the number of its child; ended by itself it would have said none of this.
    ran = host.run(["sh", "-c", "trap '' TERM; sleep 61 & echo $!; wait; sleep 62"], timeout_s=2.0)
    assert ran.timed_out
    assert ran.complaint.startswith("timed out")
    child = int(ran.stdout)
    for _ in range(3_000):
        try:
            state = Path(f"/proc/{child}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            break
        if state == "Z":
            break
        time.sleep(0.01)
    else:
        pytest.fail(f"process {child} outlived its group")


def test_a_daemon_that_keeps_the_pipe_is_not_waited_for(host: RealHost) -> None:
    begun = time.monotonic()
    ran = host.run(["sh", "-c", "setsid sleep 30 & echo $!"], timeout_s=60)
    assert ran.code == 0
    os.kill(int(ran.stdout), signal.SIGKILL)
    assert time.monotonic() - begun < 20


def test_closed_pipes_do_not_hide_a_program_that_goes_on(host: RealHost) -> None:
    ran = host.run(["sh", "-c", "exec >&- 2>&-; sleep 60"], timeout_s=0.2)
    assert ran.timed_out


def test_input_that_nobody_reads_is_no_error(host: RealHost) -> None:
    assert host.run(["true"], input=b"x" * 1_000_000).code == 0


def test_a_program_that_is_not_there_is_a_fault(host: RealHost) -> None:
    with pytest.raises(HostFault, match="no program no-such-program"):
        host.run(["no-such-program"])
    with pytest.raises(HostFault, match=r"cannot run /.*/true"):
        host.run(["true"], cwd="/no/such/directory")


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root: becomes another user")
def test_another_user_has_that_users_groups_and_home(host: RealHost) -> None:
    ran = host.run(["sh", "-c", "id -un; id -Gn; echo $HOME $USER"], user="nobody")
    assert ran.text.splitlines()[0] == "nobody"
    assert "root" not in ran.text
    with pytest.raises(HostFault, match="no user"):
        host.run(["true"], user="no-such-user")
