"""What a process has given up it has given up, and so has what it starts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from agent import separation

ROOT = Path(__file__).parents[3]
_TRY = """
import errno, os, socket, subprocess, sys, ctypes
from agent import confinement
def opens(family, kind=socket.SOCK_DGRAM):
    try:
        socket.socket(family, kind).close()
    except OSError as error:
        return errno.errorcode[error.errno]
    return "opens"
"""


def told(script: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _TRY + script], cwd=ROOT, capture_output=True, text=True, timeout=30, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.split()


PREPARED = "" if os.geteuid() == 0 else "confinement.no_new_privileges()\n"


def test_only_sockets_of_this_host_are_opened_and_children_open_no_others() -> None:
    script = """
refused = confinement.refuse_sockets()
print(refused.replace(" ", "_") or "refuses")
for family in (socket.AF_UNIX, socket.AF_NETLINK, socket.AF_INET, socket.AF_INET6, socket.AF_PACKET):
    print(opens(family))
one, other = socket.socketpair()
child = "import socket; socket.socket()"
print(subprocess.run([sys.executable, "-c", child], stderr=subprocess.DEVNULL).returncode)
print(ctypes.CDLL(None, use_errno=True).syscall(425, 1, 0), errno.errorcode[ctypes.get_errno()])
"""
    found = told(PREPARED + script)
    if found[0] != "refuses":
        pytest.skip(found[0])
    assert found == ["refuses", "opens", "opens", *["EAFNOSUPPORT"] * 3, "1", "-1", "EPERM"]


def test_a_link_opens_sockets_and_starts_no_program() -> None:
    script = """
print(confinement.refuse_sockets(confinement.LINKED, acts=True).replace(" ", "_") or "refuses")
print(opens(socket.AF_INET), opens(socket.AF_INET6), opens(socket.AF_PACKET))
try:
    os.execv("/bin/true", ["true"])
except OSError as error:
    print(errno.errorcode[error.errno])
"""
    found = told(PREPARED + script)
    if found[0] != "refuses":
        pytest.skip(found[0])
    assert found == ["refuses", "opens", "opens", "EAFNOSUPPORT", "EPERM"]


def test_what_it_does_not_need_is_closed_and_others_come_first() -> None:
    script = """
kept, other = os.open("/dev/null", os.O_RDONLY), os.open("/dev/null", os.O_RDONLY)
confinement.close_all_but([kept])
print(sorted(int(each) for each in os.listdir("/proc/self/fd") if os.path.exists(f"/proc/self/fd/{each}")) == [0, 1, 2, kept])
confinement.be_patient()
confinement.be_small()
confinement.give_back()
print(os.getpriority(os.PRIO_PROCESS, 0) >= confinement.NICE)
print(subprocess.run(["/bin/sh", "-c", "nice"], capture_output=True, text=True).stdout)
"""
    first, second, inherited = told(script)
    assert (first, second) == ("True", "True")
    assert int(inherited) >= 5


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another")
def test_who_has_become_another_is_nothing_else_and_looked_into_by_nobody() -> None:
    script = """
confinement.become(61530, 61530)
print(os.getresuid(), os.getresgid(), os.getgroups())
print([line.split()[1] for line in open("/proc/self/status") if line[:6] in ("CapPrm", "CapEff", "NoNewP")])
try:
    os.setuid(0)
except PermissionError:
    print("stays")
print(os.stat("/proc/self/mem").st_uid)
"""
    assert " ".join(told(script)) == (
        "(61530, 61530, 61530) (61530, 61530, 61530) [] ['0000000000000000', '0000000000000000', '1'] stays 0"
    )


def test_two_processes_are_for_root_and_a_whole_machine(tmp_path: Path) -> None:
    with pytest.raises(separation.Impossible, match="one-process"):
        separation.ids(confined=False, wanted=False)
    with pytest.raises(separation.Impossible, match="directory"):
        separation.ids(confined=True)
    if os.geteuid() != 0:
        with pytest.raises(separation.Impossible, match="root"):
            separation.ids(confined=False)
    assert not separation.whole(tmp_path)
    for text, whole in (
        ('{"root": "/"}', True),
        ('{"root": "/srv"}', False),
        ("{}", False),
        ("[]", False),
        ("{", False),
    ):
        (tmp_path / "identity.json").write_text(text)
        assert separation.whole(tmp_path) is whole


def test_code_that_was_let_go_of_comes_back_as_it_was() -> None:
    script = """
import sys, threading
from importlib import import_module
import pydantic
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from agent import confinement

def mapped():
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) for line in file if line.startswith("RssFile"))

def writable():
    with open("/proc/self/maps") as file:
        for area, rights in (line.split()[:2] for line in file):
            if "w" in rights:
                yield [int(end, 16) for end in area.split("-")]

key, code, before = Ed25519PrivateKey.generate(), confinement.Code(), mapped()
kept = list(writable())
assert code.segments
assert not [(begin, end) for begin, end in code.segments if any(begin < high and low < end for low, high in kept)]
loading = threading.Thread(target=lambda: [import_module(name) for name in ("ssl", "sqlite3", "xml.etree.ElementTree")])
loading.start()
for _ in range(200):
    code.let_go()
loading.join()
code.let_go()
after = mapped()
key.public_key().verify(key.sign(b"x"), b"x")
Thing = pydantic.create_model("Thing", a=(int, ...))
assert Thing.model_validate_json('{"a": 1}').a == 1
print(before - after > 1024)
"""
    ran = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert (ran.stdout, ran.stderr) == ("True\n", "")
