"""Users and groups by the real programs of the shadow suite, on a directory that stands for the machine."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from agent.hosts import RealHost
from agent.resources import TYPES
from schema.protocol.reports import Outcome
from tests.factories.undoing import undone
from tests.strategies.machines import ACCOUNTS

pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="needs root: the shadow suite changes accounts for root alone"),
    pytest.mark.skipif(shutil.which("useradd") is None, reason="needs the shadow suite"),
]


class Prefixed(RealHost):
    """Beneath a directory like a confined host, but with the account programs, told to work there."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.confined = False  # type: ignore[misc]

    def run(self, argv: Any, **options: Any) -> Any:
        where = ["--root" if argv[0] in ("chpasswd", "gpasswd") else "--prefix", str(self.root)]
        return super().run([argv[0], *where, *argv[1:]], **options)


@pytest.fixture
def host(tmp_path: Path) -> Prefixed:
    etc = tmp_path / "etc"
    etc.mkdir()
    for path, text in ACCOUNTS.items():
        (tmp_path / path[1:]).write_text(text)
    (etc / "shadow").write_text("root:*:1:0:99999:7:::\nweb:!:1:0:99999:7:::\n")
    return Prefixed(tmp_path)


def converge(host: RealHost, name: str, **spec: Any) -> str:
    """Converge twice; the action of the first, after which the second must find nothing to do."""
    kind = TYPES[name]
    ready = kind.spec.model_validate(spec)
    host.memo.clear()
    result = kind.converge(host, ready, dry_run=False)
    assert result.outcome is not Outcome.FAILED, result.error
    again = kind.converge(host, ready, dry_run=False)
    assert again.outcome is Outcome.UNCHANGED, again
    return result.action


def line(host: RealHost, path: str, name: str) -> str | None:
    return next((row for row in host.read(path).decode().splitlines() if row.startswith(f"{name}:")), None)


def test_a_user_from_the_beginning_to_the_end(host: Prefixed) -> None:
    spec = {
        "user": "jane",
        "uid": 2000,
        "group": "web",
        "groups": ["adm"],
        "comment": "-x Jane",
        "home": "/home/jane",
        "shell": "/bin/sh",
        "password_hash": "$6$salt$hash",
    }
    assert converge(host, "user", **spec) == "create"
    assert line(host, "/etc/passwd", "jane") == "jane:x:2000:991:-x Jane:/home/jane:/bin/sh"
    assert line(host, "/etc/group", "adm") == "adm:x:4:jane"
    shadow = line(host, "/etc/shadow", "jane")
    assert shadow is not None
    assert shadow.split(":")[1] == "$6$salt$hash"
    home = host.lstat("/home/jane")
    assert home is not None
    assert (home.uid, home.gid) == (2000, 991)

    changed = {**spec, "uid": 2001, "group": "adm", "groups": ["web", "root"], "comment": "", "shell": "/bin/bash"}
    assert converge(host, "user", **changed, create_home=True) == "update"
    assert line(host, "/etc/passwd", "jane") == "jane:x:2001:4::/home/jane:/bin/bash"
    assert line(host, "/etc/group", "root") == "root:x:0:jane"

    shutil.rmtree(host.root / "home/jane")
    assert converge(host, "user", **changed, create_home=True) == "update"
    assert (host.root / "home/jane").stat().st_uid == 2001

    assert converge(host, "user", user="jane", state="absent", remove_home=True) == "remove"
    assert line(host, "/etc/passwd", "jane") is None
    assert host.lstat("/home/jane") is None


def test_a_user_is_locked_and_expires_and_moves(host: Prefixed) -> None:
    assert converge(host, "user", user="jane", group="web", home="/home/jane", password_hash="$6$s$h") == "create"
    (host.root / "home/jane/kept").write_text("x")
    shut = {"user": "jane", "locked": True, "expires": "2027-01-31", "groups": ["adm"], "home": "/srv/jane"}
    (host.root / "srv").mkdir()
    assert converge(host, "user", **shut, move_home=True) == "update"
    assert str(line(host, "/etc/shadow", "jane")).split(":")[1::6] == ["!$6$s$h", "20849"]
    assert (host.root / "srv/jane/kept").read_text() == "x"
    opened = {"user": "jane", "locked": False, "expires": "never", "groups": ["root"], "append": True}
    assert converge(host, "user", **opened) == "update"
    assert str(line(host, "/etc/shadow", "jane")).split(":")[1::6] == ["$6$s$h", ""]
    assert line(host, "/etc/group", "adm") == "adm:x:4:jane"
    assert line(host, "/etc/group", "root") == "root:x:0:jane"


def test_a_user_whose_group_was_made_before(host: Prefixed) -> None:
    assert converge(host, "group", group="svc", system=True) == "create"
    assert converge(host, "user", user="svc", system=True, create_home=False) == "create"
    user, group = line(host, "/etc/passwd", "svc"), line(host, "/etc/group", "svc")
    assert user is not None
    assert group is not None
    assert user.split(":")[3] == group.split(":")[2]
    assert 0 < int(group.split(":")[2]) < 1000


def test_a_group_from_the_beginning_to_the_end(host: Prefixed) -> None:
    assert converge(host, "group", group="ops", gid=4000) == "create"
    assert converge(host, "group", group="ops", gid=4001) == "update"
    assert line(host, "/etc/group", "ops") == "ops:x:4001:"
    assert converge(host, "group", group="ops", members=["web", "root"]) == "update"
    assert line(host, "/etc/group", "ops") == "ops:x:4001:root,web"
    assert converge(host, "group", group="ops", members=[]) == "update"
    assert converge(host, "group", group="ops", state="absent") == "remove"
    assert line(host, "/etc/group", "ops") is None


def test_what_the_program_said_is_the_error(host: Prefixed) -> None:
    kind = TYPES["group"]
    result = kind.converge(host, kind.spec.model_validate({"group": "ops", "gid": 4}), dry_run=False)
    assert result.outcome is Outcome.FAILED
    assert result.error == "groupadd: exit 4: groupadd: GID '4' already exists"


def test_an_account_that_a_run_made_is_undone(host: Prefixed, tmp_path_factory: pytest.TempPathFactory) -> None:
    shutil.copytree("/etc/skel", host.root / "etc/skel")  # `--prefix` takes that of the machine
    spec = {"user": "jane", "uid": 2000, "group": "web", "home": "/home/jane"}
    (host.root / "home").mkdir()
    said = undone(host, "user", spec, tmp_path_factory.mktemp("state"))
    assert said == {"user jane": ""}
    assert line(host, "/etc/passwd", "jane") is None
    assert line(host, "/etc/shadow", "jane") is None
    assert host.lstat("/home/jane") is None

    def used() -> None:
        (host.root / "home/jane/work").write_text("x")

    said = undone(host, "user", spec, tmp_path_factory.mktemp("state"), then=used)
    assert said == {"user jane": "locked and expired, not removed: there is /home/jane/work"}
    assert str(line(host, "/etc/shadow", "jane")).split(":")[1][0] == "!"
    assert (host.root / "home/jane/work").exists()


def test_an_account_that_a_run_changed_or_removed_is_as_it_was(
    host: Prefixed, tmp_path_factory: pytest.TempPathFactory
) -> None:
    spec = {
        "user": "jane",
        "uid": 2000,
        "group": "adm",
        "groups": ["web"],
        "comment": "Jane",
        "home": "/home/jane",
        "shell": "/bin/sh",
    }
    converge(host, "user", **spec, password_hash="$6$salt$hash", expires="2027-01-31")
    files = ("/etc/passwd", "/etc/group")
    before = [sorted(host.read(path).splitlines()) for path in files]
    secret = str(line(host, "/etc/shadow", "jane"))
    other = {"user": "jane", "uid": 2001, "group": "root", "groups": [], "comment": "", "shell": "/bin/bash"}
    more = {"password_hash": "$6$other$hash", "locked": True, "expires": "never", "home": "/srv/jane"}
    for change in ({**other, **more}, {"user": "jane", "state": "absent"}):
        state = tmp_path_factory.mktemp("state")
        assert undone(host, "user", change, state) == {"user jane": ""}
        assert [sorted(host.read(path).splitlines()) for path in files] == before
        assert str(line(host, "/etc/shadow", "jane")).split(":")[1::6] == secret.split(":")[1::6]
        assert not any(b"$6$salt" in path.read_bytes() for path in state.rglob("*") if path.is_file())
    gone = undone(
        host, "user", {"user": "jane", "state": "absent", "remove_home": True}, tmp_path_factory.mktemp("state")
    )
    assert gone == {"user jane": ""} if host.lstat("/home/jane") else "was not kept" in gone["user jane"]


def test_a_group_that_a_run_made_changed_or_removed_is_as_it_was(
    host: Prefixed, tmp_path_factory: pytest.TempPathFactory
) -> None:
    before = host.read("/etc/group")
    assert undone(host, "group", {"group": "ops"}, tmp_path_factory.mktemp("state")) == {"group ops": ""}
    assert host.read("/etc/group") == before
    converge(host, "group", group="ops", gid=4000, members=["web"])
    for change in ({"gid": 4001, "members": ["root"]}, {"state": "absent"}):
        said = undone(host, "group", {"group": "ops", **change}, tmp_path_factory.mktemp("state"))
        assert said == {"group ops": ""}
        assert line(host, "/etc/group", "ops") == "ops:x:4000:web"


def test_what_somebody_has_changed_since_is_kept(host: Prefixed, tmp_path_factory: pytest.TempPathFactory) -> None:
    def regrouped() -> None:
        converge(host, "group", group="ops", members=["web"])

    said = undone(host, "group", {"group": "ops"}, tmp_path_factory.mktemp("state"), then=regrouped)
    assert "has changed since" in said["group ops"]
    assert line(host, "/etc/group", "ops") is not None


def test_an_account_that_has_mail_by_now_is_not_undone_together_with_it(
    host: Prefixed, tmp_path_factory: pytest.TempPathFactory
) -> None:
    shutil.copytree("/etc/skel", host.root / "etc/skel")
    (host.root / "home").mkdir()
    (host.root / "var/mail").mkdir(parents=True, exist_ok=True)
    spec = {"user": "jane", "uid": 2000, "group": "web", "home": "/home/jane"}

    def written_to() -> None:
        (host.root / "var/mail/jane").write_text("From: bob\n")

    said = undone(host, "user", spec, tmp_path_factory.mktemp("state"), then=written_to)
    assert said == {"user jane": "locked and expired, not removed: there is /var/mail/jane"}
    assert host.read("/var/mail/jane")
