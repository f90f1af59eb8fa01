"""What a run replaced, kept, and put back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent import reverting
from agent import undo as module
from agent.hosts import Host
from agent.restoring import restore
from agent.undo import MAX_RUNS, RECORD, WRITING, Changed, Undo
from schema.protocol.reports import Trigger
from tests.effort import tries
from tests.strategies import machines, programs
from tests.strategies.catalogs import crate, state
from tests.strategies.runs import Fleet, outcomes


def numbered() -> Iterator[str]:
    for number in range(10_000):
        yield f"0197a000-0000-7000-8000-{number:012d}"


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    names = numbered()
    return Fleet(
        machines.machine({"/old": "before\n", "/link": {"link": "x"}}, programs.ALL),
        undo=Undo(tmp_path),
        ids=lambda: next(names),
    )


def file(name: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "type": "file", "path": f"/{name}", "content": name, **attributes}


def test_a_run_that_changed_nothing_leaves_no_record(fleet: Fleet, tmp_path: Path) -> None:
    desired = state(crate("web", [file("old", content="before\n")]))
    fleet.run(desired)
    fleet.run(desired, dry_run=True)
    assert not (tmp_path / "undo").exists()
    assert fleet.undo.runs() == []


def test_what_only_failed_pushes_no_run_out_and_is_not_held(fleet: Fleet) -> None:
    bad = file("no/such/place")
    lost = {"name": "lost", "type": "replace", "path": "/link", "pattern": "a", "replacement": "b"}
    fleet.run(state(crate("web", [bad, lost])))
    assert fleet.undo.runs() == []
    fleet.run(state(crate("web", [bad, file("old"), lost]), generation=2))
    (record,) = fleet.undo.runs()
    assert "web/old" in [each.resource for each in record.changed]


def test_what_a_run_replaced_is_put_back_whatever_type_replaced_it(fleet: Fleet) -> None:
    before = dict(fleet.host.nodes)
    resources = [
        file("old", mode="0600", owner="web"),
        file("new"),
        {"name": "d", "type": "directory", "path": "/d", "mode": "0700"},
        file("d/below"),
        {"name": "l", "type": "symlink", "path": "/link", "target": "/y"},
        {"name": "m", "type": "file_line", "path": "/etc/group", "line": "ops:x:77:"},
    ]
    fleet.run(state(crate("web", resources)))
    assert fleet.host.nodes != before
    (record,) = fleet.undo.runs()
    assert [each.resource for each in record.changed] == [
        "web/old", "web/new", "web/d", "web/d/below", "web/l", "web/m",
    ]  # fmt: skip
    assert {each.path for each in restore(fleet.undo, record, fleet.host, dry_run=True)} == {
        "/old", "/new", "/d", "/d/below", "/link", "/etc/group",
    }  # fmt: skip
    assert [each for each in restore(fleet.undo, record, fleet.host) if each.error] == []
    assert fleet.host.nodes == before


def test_what_has_changed_since_is_kept_unless_forced(fleet: Fleet) -> None:
    fleet.run(state(crate("web", [file("old"), file("new")])))
    fleet.host.write("/old", b"somebody else's", mode=0o644)
    (record,) = fleet.undo.runs()
    said = {each.path: each.error for each in restore(fleet.undo, record, fleet.host)}
    assert said["/new"] == ""
    assert "has changed since that run" in said["/old"]
    assert machines.describe(fleet.host, "/old")["content"] == "somebody else's"
    assert [each.error for each in restore(fleet.undo, record, fleet.host, force=True)] == ["", ""]
    assert machines.describe(fleet.host, "/old")["content"] == "before\n"


def test_a_removed_tree_comes_back(tmp_path: Path) -> None:
    paths = {"/d/a": "1", "/d/sub/b": {"content": "2", "mode": "0600", "uid": 990}, "/d/l": {"link": "a"}}
    fleet = Fleet(machines.machine(paths, programs.ALL), undo=Undo(tmp_path))
    before = dict(fleet.host.nodes)
    fleet.run(state(crate("web", [{"name": "d", "type": "directory", "path": "/d", "state": "absent", "force": True}])))
    assert machines.describe(fleet.host, "/d") is None
    (record,) = fleet.undo.runs()
    assert [each.error for each in restore(fleet.undo, record, fleet.host) if each.error] == []
    assert fleet.host.nodes == before


def test_what_a_purge_removed_comes_back_as_far_as_it_was_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    paths = {
        "/srv/d/a": "1",
        "/srv/d/sub/b": {"content": "2", "mode": "0600", "uid": 990},
        "/srv/d/sub/l": {"link": "a"},
        "/srv/d/k": "k",
    }
    names = numbered()
    fleet = Fleet(machines.machine(paths, programs.ALL), undo=Undo(tmp_path), ids=lambda: next(names))
    before = dict(fleet.host.nodes)
    swept = state(
        crate(
            "web", [{"name": "d", "type": "directory", "path": "/srv/d", "purge": True}, file("srv/d/k", content="k")]
        )
    )
    fleet.run(swept)
    assert [path for path in fleet.host.nodes if path.startswith("/srv/d/")] == ["/srv/d/k"]
    (record,) = fleet.undo.runs()
    assert [each for each in restore(fleet.undo, record, fleet.host) if each.error] == []
    assert fleet.host.nodes == before

    monkeypatch.setattr(module, "MAX_BYTES", 1)
    fleet.run(swept)
    said = {each.path: each.error for each in restore(fleet.undo, fleet.undo.runs()[0], fleet.host)}
    assert sorted(path for path, error in said.items() if "was not kept: it was too large" in error) == ["/srv/d/sub/b"]
    assert machines.describe(fleet.host, "/srv/d/a")["content"] == "1"


def test_accounts_and_packages_are_put_back_the_last_first(fleet: Fleet) -> None:
    before = fleet.host.read("/etc/passwd"), fleet.host.read("/etc/group")
    resources = [
        {"name": "g", "type": "group", "group": "ops"},
        {
            "name": "u",
            "type": "user",
            "user": "jane",
            "group": "ops",
            "create_home": False,
            "password_hash": "$6$hidden",
        },
        file("theirs", owner="jane"),
    ]
    fleet.run(state(crate("web", resources)))
    (record,) = fleet.undo.runs()
    assert [each.path for each in record.replaced] == ["group ops", "user jane", "/theirs"]
    assert [each for each in restore(fleet.undo, record, fleet.host) if each.error] == []
    assert (fleet.host.read("/etc/passwd"), fleet.host.read("/etc/group")) == before


def test_what_could_not_even_be_made_leaves_no_record(fleet: Fleet) -> None:
    fleet.run(state(crate("web", [{"name": "u", "type": "user", "user": "jane", "group": "ghosts"}])))
    assert fleet.undo.runs() == []


def test_what_is_too_large_is_said_and_not_kept(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MAX_CONTENT_BYTES", 3)
    assert outcomes(fleet.run(state(crate("web", [file("old")])))) == {"web/old": "changed"}
    (record,) = fleet.undo.runs()
    (one,) = restore(fleet.undo, record, fleet.host)
    assert "was not kept" in one.error


def test_only_so_many_runs_are_kept_and_none_that_is_unconfirmed_goes(fleet: Fleet) -> None:
    first = fleet.undo.begin("0197a000-0000-7000-8000-000000000000", "", 0)
    first.through(fleet.host, Changed("web/x", "firewall", "", risky=True), None)
    first.conclude(fleet.host)
    fleet._ids = numbered_from(1)
    for number in range(MAX_RUNS + 5):
        fleet.run(state(crate("web", [file("old", content=str(number))]), generation=number))
    runs = [record.run for record in fleet.undo.runs()]
    assert len(runs) == MAX_RUNS + 1
    assert runs[-1] == "0197a000-0000-7000-8000-000000000000"
    assert fleet.undo.unconfirmed() == [runs[-1]]
    fleet.undo.confirm(runs)
    assert fleet.undo.unconfirmed() == []


def numbered_from(start: int) -> Any:
    names = numbered()
    for _ in range(start):
        next(names)
    return lambda: next(names)


def test_a_change_that_could_cut_the_host_off_is_not_made_when_it_cannot_be_taken_down(
    tmp_path: Path, fleet: Fleet
) -> None:
    (tmp_path / "undo").write_text("in the way")
    resources = [file("etc/ssh/sshd_config"), file("old")]
    fleet.host.mkdir("/etc/ssh", mode=0o755)
    assert outcomes(fleet.run(state(crate("web", resources)))) == {
        "web/etc/ssh/sshd_config": "failed",
        "web/old": "changed",
    }
    assert machines.describe(fleet.host, "/etc/ssh/sshd_config") is None


def test_a_torn_record_is_read_as_far_as_it_goes(fleet: Fleet, tmp_path: Path) -> None:
    fleet.run(state(crate("web", [file("old")])))
    (record,) = fleet.undo.runs()
    path = tmp_path / "undo" / record.run / RECORD
    path.write_bytes(path.read_bytes()[:-10])
    (again,) = fleet.undo.runs()
    assert again.replaced == record.replaced
    assert again.left == {}


@settings(max_examples=tries(70), suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.binary(max_size=300))
def test_whatever_is_in_a_record_it_is_read_or_left(data: bytes) -> None:
    module._parsed("run", data)


def test_a_damaged_content_is_not_put_back(fleet: Fleet, tmp_path: Path) -> None:
    fleet.run(state(crate("web", [file("old")])))
    (record,) = fleet.undo.runs()
    (content,) = [path for path in (tmp_path / "undo" / record.run).iterdir() if path.name != RECORD]
    content.write_bytes(b"damaged")
    (one,) = restore(fleet.undo, record, fleet.host)
    assert "no longer kept" in one.error
    assert machines.describe(fleet.host, "/old")["content"] == "old"


def test_every_writing_method_of_a_host_is_known_here() -> None:
    text = Path(module.__file__).parent.joinpath("hosts", "host.py").read_text()
    section = text[text.index("    # writing\n") : text.index("    # accounts\n")]
    methods = {
        line.split("(")[0].removeprefix("    def ") for line in section.splitlines() if line.startswith("    def ")
    }
    assert methods - {"sync_pending"} <= WRITING
    assert all(hasattr(Host, name) for name in methods)


def test_what_was_undone_is_held_until_something_else_is_desired(fleet: Fleet) -> None:
    desired = state(crate("web", [file("old"), file("new")]))
    fleet.run(desired)
    (record,) = fleet.undo.runs()
    restore(fleet.undo, record, fleet.host, only=lambda name: name == "web/old")
    change = next(each for each in record.changed if each.resource == "web/old")
    fleet.journal.hold("web/old", module_hold(change.digest))
    report = fleet.run(desired)
    assert outcomes(report) == {"web/old": "failed", "web/new": "unchanged"}
    assert report.resources[0].error == "undone by an operator"
    assert machines.describe(fleet.host, "/old")["content"] == "before\n"
    other = state(crate("web", [file("old", content="another"), file("new")]), generation=2)
    assert outcomes(fleet.run(other))["web/old"] == "changed"
    assert fleet.journal.holds == {}


def test_the_kernels_files_and_extended_attributes_are_put_back_as_such(fleet: Fleet) -> None:
    machines._plant(fleet.host, "/proc/sys/x", "0\n")
    recorder = fleet.undo.begin("0197a000-0000-7000-8000-000000000001", "", 0)
    host = recorder.through(fleet.host, Changed("web/x", "sysctl", ""), None)
    host.poke("/proc/sys/x", b"1\n")
    host.set_attribute("/old", "user.note", b"ours")
    recorder.conclude(fleet.host)
    assert (fleet.host.read("/proc/sys/x"), fleet.host.attribute("/old", "user.note")) == (b"1\n", b"ours")
    (record,) = fleet.undo.runs()
    assert [each.error for each in restore(fleet.undo, record, fleet.host)] == ["", ""]
    assert (fleet.host.read("/proc/sys/x"), fleet.host.attribute("/old", "user.note")) == (b"0\n", None)


def test_a_firewall_that_cut_the_host_off_is_as_it_was_also_in_the_kernel(fleet: Fleet) -> None:
    rule = {"name": "ssh", "type": "firewall", "rule": "ssh", "protocol": "tcp", "ports": ["22"], "backend": "nftables"}
    desired = state(crate("web", [rule]))
    machines._plant(fleet.host, "/etc/nftables.conf", "flush ruleset\n")
    for gone in ("ufw", "firewall-cmd"):
        fleet.host.programs.pop(gone)
    fleet.undo.connected = True
    before = dict(fleet.host.nodes)
    assert outcomes(fleet.run(desired)) == {"web/ssh": "changed"}
    assert fleet.undo.doubt() == "connected"
    names = reverting.unconfirmed(fleet.undo, fleet.host, fleet.journal)
    assert names == ["web/ssh"]
    report = fleet.run(desired, trigger=Trigger.REVERT)
    reverting.reread(desired, names)
    assert report.resources[0].error.startswith("put back: the server could not be reached after it was changed")
    after = {
        path: node
        for path, node in fleet.host.nodes.items()
        if not path.startswith("/model") and path != "/etc/nftables"
    }
    assert after == before
    assert fleet.host.run(["nft", "list", "tables", "inet"]).text == "table inet filter\n"
    assert (fleet.undo.doubt(), outcomes(fleet.run(desired))) == ("", {"web/ssh": "failed"})


def test_an_undo_that_was_broken_off_is_finished_by_the_next(fleet: Fleet) -> None:
    before = dict(fleet.host.nodes)
    fleet.run(state(crate("web", [file("old"), file("new")])))
    (record,) = fleet.undo.runs()
    fleet.host.fail_at = fleet.host.writes + 1  # the second path is not put back
    assert [bool(each.error) for each in restore(fleet.undo, record, fleet.host)] == [False, True]
    fleet.undo.begin_undo(record.run)  # as a process that is killed leaves it
    done = reverting.revert(fleet.undo, record, fleet.host, fleet.journal, why="undone")
    assert [each.error for each in done] == ["", ""]
    assert fleet.host.nodes == before
    assert fleet.undo.begin_undo(record.run) is False


def test_the_run_that_ends_is_kept_though_the_clock_was_set_back(tmp_path: Path) -> None:
    names = iter([*(f"0197b000-0000-7000-8000-{number:012d}" for number in range(MAX_RUNS + 2)), "0197a" + "0" * 31])
    fleet = Fleet(machines.machine({}, programs.ALL), undo=Undo(tmp_path), ids=lambda: next(names))
    for number in range(MAX_RUNS + 3):
        fleet.run(state(crate("web", [file("old", content=str(number))]), generation=number))
    assert "0197a" + "0" * 31 in {record.run for record in fleet.undo.runs()}
    assert len(fleet.undo.runs()) == MAX_RUNS


def module_hold(digest: str) -> Any:
    from agent.journal import Hold

    return Hold(digest, "undone by an operator")


def test_who_runs_a_program_is_written_down_before_it_runs(tmp_path: Path) -> None:
    seen: list[bytes] = []
    record = tmp_path / "undo" / "run" / RECORD

    def program(_host: Host, _args: Any, _input: bytes) -> Any:
        seen.append(record.read_bytes())
        return programs.OK

    host = machines.machine({}, {"tool": program})
    recorder = Undo(tmp_path).begin("run", "c" * 40, 1)
    for name in ("web/a", "web/b"):
        recorder.through(host, Changed(name, "exec", "d"), None).run(["tool"])
    recorder.conclude(host)
    assert [name in text for name, text in zip((b"web/a", b"web/b"), seen, strict=True)] == [True, True]
