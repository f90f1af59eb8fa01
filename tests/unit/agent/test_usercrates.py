"""Usercrates in a run: for whom they stand, under which ids, and what becomes of them when a user goes."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any

import pytest

from agent import managed, users
from agent.hosts import HostFault, Kind, MemoryHost, Ran, RealHost
from agent.hosts.host import Exact
from agent.hosts.memory import Node
from agent.journal import Journal
from agent.usercrates import MAX_STEPS
from schema.protocol.reports import Outcome, RunStatus
from tests.strategies import keys, machines, programs
from tests.strategies.catalogs import crate, state, usercrate
from tests.strategies.runs import Fleet, by_id, outcomes

PASSWD = """\
root:x:0:0:root:/root:/bin/bash
daemon:x:1:1:daemon:/usr/sbin:/usr/sbin/nologin
bob:x:1001:1001:Bob:/home/bob:/bin/zsh
alice:x:1000:100:Alice:/home/alice/:/bin/bash
service:x:1002:1002::/srv/service:/usr/sbin/nologin
nohome:x:1003:1003::/home/nohome:/bin/sh
nobody:x:65534:65534:nobody:/nonexistent:/bin/sh
+::::::
broken:x:abc:1::/home/broken:/bin/sh
slash:x:1004:1004::/:/bin/sh
"""
GROUP = "root:x:0:\nusers:x:100:\nbob:x:1001:\n"
HOMES: dict[str, Any] = {
    "/etc/passwd": PASSWD,
    "/etc/group": GROUP,
    "/root": {"directory": True},
    "/home/alice": {"directory": True, "uid": 1000, "gid": 100},
    "/home/bob": {"directory": True, "uid": 1001, "gid": 1001},
    "/srv/service": {"directory": True},
}


@pytest.fixture
def fleet() -> Fleet:
    return Fleet(machines.machine(HOMES, programs.ALL))


def bashrc(**more: Any) -> dict[str, Any]:
    return {
        "name": "bashrc",
        "type": "file",
        "path": "{{ user.home }}/.bashrc",
        "content": "{{ user.name }} {{ user.uid }} {{ user.gid }} {{ user.group }} {{ user.shell }} {{ vars.editor }}\n",
        **more,
    }


def shell(*more: dict[str, Any], **options: Any) -> Any:
    return usercrate("shell", [bashrc(), *more], vars={"editor": "vi"}, **options)


def at(fleet: Fleet, path: str) -> Any:
    return machines.describe(fleet.host, path)


# for whom


def test_a_usercrate_stands_once_for_each_user_who_may_log_in(fleet: Fleet) -> None:
    report = fleet.run(state(crate("web", [{"name": "a", "type": "file", "path": "/a", "content": ""}]), shell()))
    assert outcomes(report) == {
        "web/a": "changed",
        "usercrate:shell@alice/bashrc": "changed",
        "usercrate:shell@bob/bashrc": "changed",
        "usercrate:shell@nohome/bashrc": "skipped",
    }
    assert by_id(report, "usercrate:shell@nohome/bashrc").reason == "nohome has no home yet: /home/nohome"
    assert at(fleet, "/home/alice/.bashrc") == {
        "content": "alice 1000 100 users /bin/bash vi\n",
        "mode": "0644",
        "uid": 1000,
        "gid": 100,
    }
    assert at(fleet, "/home/bob/.bashrc") == {
        "content": "bob 1001 1001 bob /bin/zsh vi\n",
        "mode": "0644",
        "uid": 1001,
        "gid": 1001,
    }
    assert at(fleet, "/root/.bashrc") is None


def test_what_is_in_a_home_is_never_looked_at_together_with_the_machine_s_own_files(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked_at: list[str] = []

    def matching(_: MemoryHost, folder: str, files: Sequence[Exact]) -> Sequence[bool]:
        looked_at.extend(f"{folder}/{file.name}" for file in files)
        return [True] * len(files)

    monkeypatch.setattr(MemoryHost, "matching", matching)
    wanted = state(crate("web", [{"name": "a", "type": "file", "path": "/a", "content": ""}]), shell())
    for _ in range(3):
        report = fleet.run(wanted)
    assert set(looked_at) == {"/a"}
    assert outcomes(report)["usercrate:shell@alice/bashrc"] == "unchanged"


def test_a_second_run_changes_nothing_and_a_dry_run_writes_nothing(fleet: Fleet) -> None:
    desired = state(shell())
    shown = fleet.run(desired, dry_run=True)
    assert (fleet.host.writes, fleet.journal.entries) == (0, {})
    done = fleet.run(desired)
    assert outcomes(shown) == outcomes(done)
    assert [one.diff for one in shown.resources] == [one.diff for one in done.resources]
    writes = fleet.host.writes
    again = fleet.run(desired)
    assert set(outcomes(again).values()) == {"unchanged", "skipped"}
    assert fleet.host.writes == writes


@pytest.mark.parametrize(
    ("patterns", "include_root", "expected"),
    [
        ((), False, ["alice", "bob", "nohome"]),
        ((), True, ["alice", "bob", "nohome", "root"]),
        (("alice",), False, ["alice"]),
        (("a*", "[b]ob"), False, ["alice", "bob"]),
        (("root",), False, []),
        (("root",), True, ["root"]),
        (("service", "daemon", "nobody", "broken", "slash"), True, []),
    ],
)
def test_users_and_include_root_say_for_whom_it_is(
    fleet: Fleet, patterns: tuple[str, ...], include_root: bool, expected: list[str]
) -> None:
    found = users.chosen(users.read(fleet.host), patterns, include_root=include_root)
    assert [user.account.name for user in found] == expected


def test_the_range_of_people_is_that_of_login_defs(fleet: Fleet) -> None:
    machines.machine({}, {})
    fleet.host.nodes["/etc/login.defs"] = Node(
        Kind.FILE, data=b"# UID_MIN 1\nUID_MIN\t1001\nUID_MAX 1002 # x\nUID_MAX_X 9\n"
    )
    assert [user.account.name for user in users.read(fleet.host)] == ["bob", "root"]


def test_a_host_of_more_users_than_there_can_be_is_refused_and_nothing_is_forgotten(fleet: Fleet) -> None:
    desired = state(shell(notified := {"name": "n", "type": "exec", "command": "act n", "refreshonly": True}))
    assert notified
    fleet.run(desired)
    kept = dict(fleet.journal.entries)
    lines = "".join(f"u{number}:x:{number}:{number}::/home/u:/bin/sh\n" for number in range(1_000, 4_000))
    fleet.host.nodes["/etc/passwd"] = Node(Kind.FILE, data=lines.encode())
    report = fleet.run(desired)
    assert outcomes(report) == {"usercrate:shell": "failed"}
    assert report.status is RunStatus.FAILED
    assert by_id(report, "usercrate:shell").error == "users: more than 2000 users may log in to this host"
    assert fleet.journal.entries == kept
    del fleet.host.nodes["/etc/passwd"]
    assert by_id(fleet.run(desired), "usercrate:shell").error == "users: /etc/passwd is not there"
    assert fleet.journal.entries == kept


def test_a_root_that_knows_no_users_at_all_is_skipped_and_nothing_is_forgotten() -> None:
    fleet = Fleet(machines.machine(HOMES, programs.ALL, confined=True))
    desired = state(shell())
    fleet.run(desired)
    kept = dict(fleet.journal.entries)
    assert kept
    passwd = fleet.host.nodes.pop("/etc/passwd")
    report = fleet.run(desired)
    assert (outcomes(report), report.status) == ({"usercrate:shell": "skipped"}, RunStatus.CONVERGED)
    assert fleet.journal.entries == kept
    fleet.host.nodes["/etc/passwd"] = passwd
    assert "changed" not in outcomes(fleet.run(desired)).values()


def test_what_all_users_have_together_is_bounded(fleet: Fleet) -> None:
    lines = "".join(f"u{number}:x:{number}:{number}::/home/u:/bin/sh\n" for number in range(1_000, 2_000))
    fleet.host.nodes["/etc/passwd"] = Node(Kind.FILE, data=lines.encode())
    many = [{"name": f"f{n}", "type": "file", "path": "/x{{ user.name }}"} for n in range(MAX_STEPS // 1_000 + 1)]
    report = fleet.run(state(usercrate("many", many)))
    assert (
        by_id(report, "usercrate:many").error
        == f"users: usercrates stand for more than {MAX_STEPS} resources on this host"
    )


# order


def test_a_user_made_by_the_same_run_has_the_usercrates_at_once(fleet: Fleet) -> None:
    carol = {"name": "carol", "type": "user", "user": "carol", "uid": 1010, "home": "/home/carol", "shell": "/bin/sh"}
    home = {"name": "home", "type": "directory", "path": "/home/carol", "owner": "carol", "requires": "carol"}
    desired = state(crate("people", [carol, home]), shell())
    assert "usercrate:shell@carol/bashrc" not in outcomes(fleet.run(desired, dry_run=True))
    report = fleet.run(desired)
    assert outcomes(report)["usercrate:shell@carol/bashrc"] == "changed"
    assert at(fleet, "/home/carol/.bashrc")["content"].startswith("carol 1010 ")


def test_order_notification_and_failure_stay_within_a_user(fleet: Fleet) -> None:
    handler = {"name": "reload", "type": "exec", "command": "act {{ user.name }}", "refreshonly": True}
    first = usercrate("first", [bashrc(notify="reload", content="x"), handler])
    second = usercrate("second", [{"name": "d", "type": "directory", "path": "{{ user.home }}/d"}], requires=["first"])
    fleet.host.nodes["/home/alice/.bashrc"] = Node(Kind.DIRECTORY, 0o755, 1000, 100)
    report = fleet.run(state(second, first))
    assert {name: value for name, value in outcomes(report).items() if "nohome" not in name} == {
        "usercrate:first@alice/bashrc": "failed",
        "usercrate:first@alice/reload": "unchanged",
        "usercrate:second@alice/d": "skipped",
        "usercrate:first@bob/bashrc": "changed",
        "usercrate:first@bob/reload": "changed",
        "usercrate:second@bob/d": "changed",
    }
    assert by_id(report, "usercrate:second@alice/d").reason == (
        "requires crate usercrate:first@alice, whose usercrate:first@alice/bashrc did not converge"
    )
    assert programs.scripts(fleet.host) == ["act bob"]


def test_a_dependency_that_is_not_for_this_user_is_none(fleet: Fleet) -> None:
    first = usercrate("first", [bashrc(content="x")], users=["bob"])
    second = usercrate("second", [{"name": "d", "type": "directory", "path": "{{ user.home }}/d"}], requires=["first"])
    assert [name for name in outcomes(fleet.run(state(second, first))) if "nohome" not in name] == [
        "usercrate:second@alice/d",
        "usercrate:first@bob/bashrc",
        "usercrate:second@bob/d",
    ]


def test_what_waits_for_what_is_not_for_this_user_waits_for_what_that_waits_for(fleet: Fleet) -> None:
    first = usercrate("first", [bashrc(content="x", path="/no/{{ user.name }}")])
    second = usercrate(
        "second", [{"name": "a", "type": "file", "path": "/a{{ user.name }}"}], users=["bob"], requires=["first"]
    )
    third = usercrate("third", [{"name": "d", "type": "directory", "path": "{{ user.home }}/d"}], requires=["second"])
    report = fleet.run(state(third, second, first))
    assert by_id(report, "usercrate:third@alice/d").reason == (
        "requires crate usercrate:first@alice, whose usercrate:first@alice/bashrc did not converge"
    )


def test_conditions_and_loops_may_use_the_user(fleet: Fleet) -> None:
    looped = {"name": "d", "type": "directory", "path": "{{ user.home }}/{{ item }}", "foreach": "['a', user.group]"}
    desired = state(
        usercrate("loops", [looped], when="user.name != 'nohome'"),
        usercrate("some", [bashrc(content="x", when="user.shell == '/bin/zsh'")], when="user.uid >= 1000"),
    )
    report = fleet.run(desired)
    assert {name: value for name, value in outcomes(report).items() if "nohome" not in name} == {
        "usercrate:loops@alice/d[0]": "changed",
        "usercrate:loops@alice/d[1]": "changed",
        "usercrate:some@alice/bashrc": "skipped",
        "usercrate:loops@bob/d[0]": "changed",
        "usercrate:loops@bob/d[1]": "changed",
        "usercrate:some@bob/bashrc": "changed",
    }
    assert at(fleet, "/home/alice/users") == {"directory": True, "mode": "0755", "uid": 1000, "gid": 100}


# whose it is


def test_owner_and_group_are_the_users_by_default_and_only_at_home(fleet: Fleet) -> None:
    resources: list[dict[str, Any]] = [
        {"name": "home", "type": "file", "path": "{{ user.home }}/deep.txt", "content": "x"},
        {"name": "link", "type": "symlink", "path": "{{ user.home }}/link", "target": "/etc"},
        {"name": "line", "type": "file_line", "path": "{{ user.home }}/new", "line": "x", "create": True},
        {
            "name": "root",
            "type": "file",
            "path": "{{ user.home }}/fixed",
            "content": "x",
            "owner": "root",
            "group": "root",
        },
        {"name": "sudo", "type": "file", "path": "/etc/sudo-{{ user.name }}", "content": "x"},
        {"name": "itself", "type": "directory", "path": "{{ user.home }}", "mode": "0700"},
        {"name": "job", "type": "cron", "job": "tidy-{{ user.name }}", "schedule": "@daily", "command": "tidy"},
    ]
    desired = state(usercrate("all", resources, users=["alice"]))
    fleet.host.nodes["/etc/cron.d"] = Node(Kind.DIRECTORY)
    assert set(outcomes(fleet.run(desired)).values()) == {"changed"}
    owners = {
        name: (fleet.host.nodes[name].uid, fleet.host.nodes[name].gid)
        for name in (
            "/home/alice/deep.txt",
            "/home/alice/link",
            "/home/alice/new",
            "/home/alice/fixed",
            "/etc/sudo-alice",
        )
    }
    assert owners == {
        "/home/alice/deep.txt": (1000, 100),
        "/home/alice/link": (1000, 100),
        "/home/alice/new": (1000, 100),
        "/home/alice/fixed": (0, 0),
        "/etc/sudo-alice": (0, 0),
    }
    assert at(fleet, "/home/alice")["mode"] == "0700"
    assert "@daily alice tidy" in at(fleet, "/etc/cron.d/vigo-tidy-alice")["content"]
    assert set(outcomes(fleet.run(desired)).values()) == {"unchanged"}


def test_a_key_and_a_known_host_are_the_users_whose_turn_it_is(fleet: Fleet) -> None:
    resources: list[dict[str, Any]] = [
        {"name": "key", "type": "ssh_key", "key": keys.ONE},
        {"name": "git", "type": "known_host", "host": "git", "key": keys.TWO},
    ]
    desired = state(usercrate("all", resources, users=["alice"]))
    assert set(outcomes(fleet.run(desired)).values()) == {"changed"}
    for name, text in (("authorized_keys", f"{keys.ONE}\n"), ("known_hosts", f"git {keys.TWO}\n")):
        place = f"/home/alice/.ssh/{name}"
        assert at(fleet, place) == {"content": text, "mode": "0600", "uid": 1000, "gid": 100}
    assert set(outcomes(fleet.run(desired)).values()) == {"unchanged"}


def test_a_file_that_somebody_gave_away_is_the_users_again(fleet: Fleet) -> None:
    desired = state(shell(users=["alice"]))
    fleet.run(desired)
    fleet.host.chown("/home/alice/.bashrc", 0, 0)
    report = fleet.run(desired)
    assert by_id(report, "usercrate:shell@alice/bashrc").corrective
    assert (at(fleet, "/home/alice/.bashrc")["uid"], at(fleet, "/home/alice/.bashrc")["gid"]) == (1000, 100)


def test_two_users_with_one_home_are_told_apart(fleet: Fleet) -> None:
    fleet.host.nodes["/etc/passwd"] = Node(Kind.FILE, data=PASSWD.replace("/home/bob", "/home/alice").encode())
    report = fleet.run(state(shell()))
    assert by_id(report, "usercrate:shell@bob/bashrc").error == (
        "/home/alice/.bashrc is managed by usercrate:shell@alice/bashrc already"
    )


def test_a_secret_gets_into_a_home_and_nowhere_else(fleet: Fleet) -> None:
    content = "{{ user.name }} {{ vars.pw }} secret:keys/shared\n"
    key = bashrc(name="key", path="{{ user.home }}/key", content=content)
    desired = state(
        usercrate("keys", [key], vars={"pw": "secret:keys/pw"}),
        secrets={"keys/pw": "correct horse", "keys/shared": "battery staple"},
    )
    report = fleet.run(desired)
    assert at(fleet, "/home/alice/key")["content"] == "alice correct horse battery staple\n"
    assert at(fleet, "/home/bob/key")["content"] == "bob correct horse battery staple\n"
    told = report.model_dump_json()
    assert ("correct horse" in told, "battery staple" in told) == (False, False)
    lacking = fleet.run(state(usercrate("keys", [key], vars={"pw": "secret:keys/pw"})))
    assert {one.outcome.value for one in lacking.resources} == {"failed", "skipped"}


# who goes


@pytest.mark.parametrize("gone", ["user", "usercrate", "login"])
def test_what_has_left_is_reverted_on_behalf_of_the_user(gone: str) -> None:
    fleet = Fleet(
        machines.machine({**HOMES, "/home/bob/.bashrc": {"content": "own\n", "uid": 1001, "gid": 1001}}, programs.ALL)
    )
    resources = [
        bashrc(on_removal="revert"),
        {"name": "d", "type": "directory", "path": "{{ user.home }}/d", "on_removal": "revert"},
    ]
    having = state(usercrate("shell", resources, vars={"editor": "vi"}))
    fleet.run(having)
    assert fleet.journal.entries["usercrate:shell@bob/bashrc"].user is not None
    after = having
    if gone == "usercrate":
        after = state(crate("none", []))
    else:
        passwd = (
            PASSWD.replace("bob:x:1001:1001:Bob:/home/bob:/bin/zsh\n", "")
            if gone == "user"
            else PASSWD.replace("/bin/zsh", "/bin/false")
        )
        fleet.host.nodes["/etc/passwd"] = Node(Kind.FILE, data=passwd.encode())
    shown = fleet.run(after, dry_run=True)
    assert at(fleet, "/home/bob/d") is not None
    report = fleet.run(after)
    assert outcomes(shown) == outcomes(report)
    assert outcomes(report)["usercrate:shell@bob/bashrc"] == "changed"
    assert by_id(report, "usercrate:shell@bob/d").action == "revert"
    assert at(fleet, "/home/bob/.bashrc") == {"content": "own\n", "mode": "0644", "uid": 1001, "gid": 1001}
    assert at(fleet, "/home/bob/d") is None
    assert (at(fleet, "/home/alice/d") is None) == (gone == "usercrate")


def test_what_can_no_longer_be_reached_safely_is_kept_and_said_once(tmp_path: Any) -> None:
    home, own = tmp_path / "home/alice", os.geteuid()
    for folder in (home, tmp_path / "etc", tmp_path / "root"):
        folder.mkdir(parents=True)
    (tmp_path / "etc/login.defs").write_text("UID_MIN 1\n")
    (tmp_path / "etc/passwd").write_text(f"alice:x:{own or 1000}:{os.getegid()}::/home/alice:/bin/sh\n")
    host = RealHost(tmp_path)
    fleet = Fleet(host, Journal(None))
    desired = state(usercrate("c", [bashrc(content="x", path="{{ user.home }}/d/f", on_removal="revert")]))
    (home / "d").mkdir()
    assert outcomes(fleet.run(desired)) == {"usercrate:c@alice/bashrc": "changed"}
    (home / "d").rename(tmp_path / "root/d")
    (home / "d").symlink_to("../../root/d")
    report = fleet.run(state(crate("none", [])))
    assert (outcomes(report), report.status) == ({"usercrate:c@alice/bashrc": "skipped"}, RunStatus.CONVERGED)
    assert "what it made is kept: /home/alice/d is a symbolic link" in report.resources[0].reason
    assert (tmp_path / "root/d/f").read_text() == "x"
    assert fleet.run(state(crate("none", []))).resources == []
    host.close()


def test_a_home_that_is_gone_for_a_while_forgets_nothing(fleet: Fleet) -> None:
    desired = state(usercrate("shell", [bashrc(on_removal="revert", content="x")]))
    fleet.run(desired)
    entries, away = dict(fleet.journal.entries), {}
    for path in [path for path in fleet.host.nodes if path.startswith("/home/bob")]:
        away[path] = fleet.host.nodes.pop(path)
    report = fleet.run(desired)
    assert by_id(report, "usercrate:shell@bob/bashrc").reason == "bob has no home yet: /home/bob"
    assert fleet.journal.entries == entries
    fleet.host.nodes.update(away)
    assert outcomes(fleet.run(desired))["usercrate:shell@bob/bashrc"] == "unchanged"


def test_the_journal_keeps_for_whom_something_was_made(tmp_path: Any) -> None:
    fleet = Fleet(machines.machine(HOMES, programs.ALL), Journal(tmp_path))
    fleet.run(state(shell()))
    fleet.journal.close()
    again = Journal(tmp_path)
    assert again.entries == fleet.journal.entries
    entry = again.entries["usercrate:shell@alice/bashrc"]
    assert entry.user == ("alice", 1000, 100, "/home/alice")
    again._compact()
    again.close()
    assert Journal(tmp_path).entries == fleet.journal.entries


def test_managed_paths_are_those_of_all_users(fleet: Fleet) -> None:
    desired = state(shell())
    fleet.run(desired)
    assert managed.followed(desired)[0] == {"/etc/passwd", "/home/alice/.bashrc", "/home/bob/.bashrc"}


# as whom


def test_commands_and_what_asks_the_host_run_as_the_user() -> None:
    asked: list[Any] = []

    class Noting(MemoryHost):
        def run(self, argv: Any, **options: Any) -> Ran:
            asked.append((self._account.name if self._account else None, argv[0]))
            return super().run(argv, **options)

    host = Noting(programs.ALL)
    host.nodes.update(machines.machine(HOMES, programs.ALL).nodes)
    fleet = Fleet(host)
    command = {
        "name": "run",
        "type": "exec",
        "command": "make x",
        "unless": "test x",
        "when": "command_succeeds('true')",
    }
    fleet.run(state(usercrate("c", [command], users=["alice", "bob"])))
    assert {name for name, _ in asked} == {"alice", "bob"}


def test_a_command_never_runs_as_somebody_else(fleet: Fleet) -> None:
    command = {"name": "run", "type": "exec", "command": "make x", "creates": "/x", "user": "root"}
    report = fleet.run(state(usercrate("c", [command], users=["alice"])))
    assert by_id(report, "usercrate:c@alice/run").error == "on behalf of alice no program is run as root"
    assert report.resources[0].outcome is Outcome.FAILED


def test_a_link_in_a_home_is_not_followed_to_what_the_user_may_not_see(fleet: Fleet) -> None:
    fleet.host.nodes["/home/alice/spy"] = Node(Kind.SYMLINK, 0o777, 1000, 100, target="/etc/passwd")
    fleet.host.nodes["/home/alice/to"] = Node(Kind.SYMLINK, 0o777, 1000, 100, target="real")
    fleet.host.nodes["/home/alice/real"] = Node(Kind.FILE)
    resources = [
        bashrc(content="x", name=name, path="{{ user.home }}/" + name, when=f"file_exists(user.home ~ '/{link}')")
        for name, link in (("a", "spy"), ("b", "to"))
    ]
    report = fleet.run(state(usercrate("c", resources, users=["alice"])))
    assert outcomes(report) == {"usercrate:c@alice/a": "skipped", "usercrate:c@alice/b": "changed"}
    fleet.host.nodes["/home/alice/dir"] = Node(Kind.SYMLINK, 0o777, 1000, 100, target="/etc")
    with pytest.raises(HostFault, match="symbolic link"):
        fleet.host.as_user(users.read(fleet.host)[0].account).lstat("/home/alice/dir/x")
