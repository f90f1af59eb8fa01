"""Accounts whose making, change or end was killed at any system call of the real programs: the next run finishes them."""

from __future__ import annotations

import random
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from agent.hosts import Ran, RealHost
from agent.resources import TYPES
from agent.tools import unfinished
from schema.protocol.reports import Outcome
from tests.effort import SOAK
from tests.factories.undoing import undone
from tests.roots import Rooted, debian, lacking, needs_debian

pytestmark = [needs_debian, lacking("strace")]

CALLS = "rename,link,unlink,unlinkat,mkdir,chown,fchown,chmod,openat,rmdir"
FEW = 1
"""Kills of each story in a test run; of a soak, all."""
ETC = ("passwd", "shadow", "group", "gshadow", "subuid", "subgid")
JANE: dict[str, Any] = {"user": "jane", "groups": ["adm"], "shell": "/bin/sh"}
MOVED = {**JANE, "uid": 3001, "home": "/srv/jane", "move_home": True, "groups": ["www-data"]}


class Killing(Rooted):
    """Kills a program of the suite just before its n-th call that changes something; `at` None only counts."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.program, self.at, self.count = "", 0, 0

    def run(self, argv: Sequence[str], **options: Any) -> Ran:
        if argv[0] != self.program:
            return super().run(argv, **options)
        self.program = ""
        inject = ["-e", f"inject={CALLS}:signal=KILL:when={self.at}"] if self.at else []
        trace = self.root / "trace"
        traced = ["strace", "-o", str(trace), "-e", f"trace={CALLS}", *inject]
        ran = self._machine.run([*traced, "chroot", str(self.root), str(self.which(argv[0])), *argv[1:]], **options)
        self.count = len(re.findall(r"^\w+\(", trace.read_text(), re.MULTILINE))
        trace.unlink()
        # strace ends as what it traced does.
        return ran._replace(code=-9) if ran.code in (-9, 137) else ran


class Story(NamedTuple):
    """What is done before, and what is killed."""

    program: str
    type: str
    spec: dict[str, Any]
    before: tuple[dict[str, Any], ...] = ()


STORIES = {
    "a user made": Story("useradd", "user", JANE),
    "a user changed": Story("usermod", "user", MOVED, ({**JANE, "uid": 3000},)),
    "a user removed": Story("userdel", "user", {"user": "jane", "state": "absent", "remove_home": True}, (JANE,)),
    "a group made": Story("groupadd", "group", {"group": "ops", "gid": 4000}),
    "a group changed": Story("groupmod", "group", {"group": "ops", "gid": 4001}, ({"group": "ops", "gid": 4000},)),
    "members changed": Story("gpasswd", "group", {"group": "ops", "members": ["games"]}, ({"group": "ops"},)),
    "a group removed": Story("groupdel", "group", {"group": "ops", "state": "absent"}, ({"group": "ops"},)),
}


@pytest.fixture(scope="module")
def given(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A Debian, all of whose lives begin with the same /etc."""
    root = debian(tmp_path_factory.mktemp("debian"))
    shutil.copytree(root / "etc", root / "given", symlinks=True)
    return root


@pytest.mark.parametrize("name", STORIES)
def test_what_was_killed_is_finished(name: str, given: Path) -> None:
    story = STORIES[name]

    def anew() -> Killing:
        for place in ("etc", "home", "srv", "var/lib/vigo-agent"):
            shutil.rmtree(given / place, ignore_errors=True)
        shutil.copytree(given / "given", given / "etc", symlinks=True)
        (given / "home").mkdir()
        (given / "srv").mkdir()
        host = Killing(given)
        for spec in story.before:
            assert converge(host, story.type, spec) == Outcome.CHANGED
        return host

    whole = anew()
    whole.program = story.program
    converge(whole, story.type, story.spec)
    expected, calls = told(whole), whole.count
    assert calls > 5
    points = list(range(1, calls + 1))
    for at in points if SOAK else sorted(random.Random().sample(points, FEW)):
        host = anew()
        host.program, host.at = story.program, at
        converge(host, story.type, story.spec, fine=False)
        again = converge(host, story.type, story.spec, fine=False)
        assert again in (Outcome.CHANGED, Outcome.UNCHANGED), (at, again)
        assert told(host) == expected, at
        assert converge(host, story.type, story.spec) == Outcome.UNCHANGED, at
        assert unfinished.found(host, story.type, "jane") is None
        host.close()
    whole.close()


def converge(host: RealHost, name: str, spec: dict[str, Any], *, fine: bool = True) -> Outcome:
    kind = TYPES[name]
    host.memo.clear()
    result = kind.converge(host, kind.spec.model_validate(spec), dry_run=False)
    assert not fine or result.outcome is not Outcome.FAILED, result.error
    return result.outcome


def told(host: RealHost) -> dict[str, Any]:
    """What the files say of accounts, in whatever order, and what is in the homes, and whose it is."""
    found: dict[str, Any] = {
        name: sorted(re.sub(r":\d{5}:0:", ":day:0:", line) for line in host.read(f"/etc/{name}").decode().splitlines())
        for name in ETC
    }
    for top in ("home", "srv"):
        for path in sorted((host.root / top).rglob("*")):
            status = path.lstat()
            found[str(path.relative_to(host.root))] = (status.st_uid, status.st_gid, status.st_size)
    return found


def test_a_lock_of_one_that_is_gone_is_no_lock(given: Path) -> None:
    host = Killing(given)
    (given / "etc/passwd.lock").write_bytes(b"1\0")  # there is a process 1, after any boot
    (given / "etc/group.lock").write_bytes(b"")
    assert converge(host, "group", {"group": "locked"}) == Outcome.CHANGED
    assert converge(host, "user", {"user": "locked", "create_home": False}) == Outcome.CHANGED
    host.close()


def test_an_account_that_a_run_removed_has_its_own_group_again(
    given: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    host = Killing(given)
    converge(host, "user", {"user": "joe", "groups": ["adm"], "uid": 4500})
    before = told(host)
    gone = {"user": "joe", "state": "absent"}
    assert undone(host, "user", gone, tmp_path_factory.mktemp("state")) == {"user joe": ""}
    after = told(host)
    assert {name: after[name] for name in ("passwd", "group")} == {name: before[name] for name in ("passwd", "group")}
    said = undone(host, "user", {**gone, "remove_home": True}, tmp_path_factory.mktemp("state"))
    assert said == {"user joe": "the account is back; /home/joe went with it, and was not kept"}
    host.close()
