"""A run: order, conditions, loops, failures, notifications, and what it reports."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any

import pytest

from agent import converge, managed
from agent.hosts import MemoryHost
from agent.journal import Journal
from agent.resources import TYPES
from schema.protocol.reports import MAX_RESOURCES, Outcome, ResourceReport, RunStatus, Trigger
from schema.time import HOUR
from tests.strategies import machines, programs
from tests.strategies.catalogs import COMMIT, EXPIRES, crate, state
from tests.strategies.runs import Fleet, by_id, only, outcomes


@pytest.fixture
def fleet() -> Fleet:
    return Fleet()


def file(name: str, **attributes: Any) -> dict[str, Any]:
    return {"name": name, "type": "file", "path": f"/{name}", "content": name, **attributes}


def handler(name: str = "reload", **attributes: Any) -> dict[str, Any]:
    return {"name": name, "type": "exec", "command": f"act {name}", "refreshonly": True, **attributes}


def acts(fleet: Fleet) -> list[str]:
    """What handlers were asked to do, and forget it."""
    done = programs.scripts(fleet.host)
    fleet.host.nodes.pop(programs.SCRIPTS, None)
    return done


def text(fleet: Fleet, path: str) -> str:
    content: str = machines.describe(fleet.host, path)["content"]
    return content


# what a report says


def test_a_run_reports_what_it_ran_under(fleet: Fleet) -> None:
    desired = state(crate("web", [file("a", file="configcrates/web.vgo", line=7)]), generation=42)
    report = fleet.run(desired, trigger=Trigger.START)
    assert report.id == "run-1"
    assert (report.epoch, report.generation, report.commit) == (1, 42, COMMIT)
    assert report.assignment_sha256 == desired.assignment_sha256
    assert report.catalog_sha256 == desired.assignment.catalog_sha256
    assert (report.trigger, report.dry_run, report.stale) == (Trigger.START, False, False)
    assert report.status is RunStatus.CONVERGED
    assert report.finished > report.started
    assert report.duration_us > 0
    assert only(report) == ResourceReport(
        id="web/a",
        type="file",
        outcome=Outcome.CHANGED,
        changed=True,
        action="create",
        duration_us=only(report).duration_us,
        diff="state: absent → file\ncontent:\n@@ -0,0 +1 @@\n+a",
        file="configcrates/web.vgo",
        line=7,
    )


def test_a_second_run_changes_nothing(fleet: Fleet) -> None:
    desired = state(crate("web", [file("a"), file("b", mode="0600")]))
    fleet.run(desired)
    writes = fleet.host.writes
    report = fleet.run(desired)
    assert outcomes(report) == {"web/a": "unchanged", "web/b": "unchanged"}
    assert fleet.host.writes == writes
    assert not any(one.changed or one.diff or one.corrective for one in report.resources)


def test_a_dry_run_shows_the_same_and_writes_nothing(fleet: Fleet) -> None:
    desired = state(crate("web", [file("a", notify="reload"), handler()]))
    shown = fleet.run(desired, dry_run=True)
    assert shown.dry_run
    assert (fleet.host.writes, fleet.journal.entries, fleet.journal.owed) == (0, {}, set())
    done = fleet.run(desired)
    assert outcomes(shown) == outcomes(done) == {"web/a": "changed", "web/reload": "changed"}
    assert [one.diff for one in shown.resources] == [one.diff for one in done.resources]


def test_an_assignment_past_its_end_is_applied_and_said_to_be_stale(fleet: Fleet) -> None:
    report = fleet.run(state(crate("web", [file("a")]), expires=fleet.clock.micros - 1))
    assert report.stale
    assert outcomes(report) == {"web/a": "changed"}
    assert not fleet.run(state(crate("web", [file("a")]), expires=EXPIRES)).stale


# order


def test_resources_come_as_listed_except_where_one_waits_for_another(fleet: Fleet) -> None:
    desired = state(
        crate("late", [file("l1"), file("l2")], requires=["base"]),
        crate("base", [file("b1", requires="b3"), file("b2"), file("b3")]),
        crate("last", [file("z", notify="y"), file("y"), file("x")]),
    )
    assert list(outcomes(fleet.run(desired))) == [
        "base/b2", "base/b3", "base/b1", "late/l1", "late/l2", "last/z", "last/y", "last/x",
    ]  # fmt: skip


def test_a_circle_fails_those_in_it_and_no_others(fleet: Fleet) -> None:
    report = fleet.run(state(crate("web", [file("a", requires="b"), file("b", requires="a"), file("c")])))
    assert outcomes(report) == {"web/c": "changed", "web/a": "failed", "web/b": "skipped"}
    assert "waits for itself" in by_id(report, "web/a").error


# failures


def test_a_failed_resource_skips_what_depends_on_it_and_nothing_else(fleet: Fleet) -> None:
    desired = state(
        crate("web", [file("bad", path="/no/bad"), file("c", requires="bad"), file("d", requires="c"), file("e")]),
        crate("after", [file("f")], requires=["web"]),
        crate("beside", [file("g")]),
    )
    report = fleet.run(desired)
    assert outcomes(report) == {
        "web/bad": "failed",
        "web/c": "skipped",
        "web/d": "skipped",
        "web/e": "changed",
        "after/f": "skipped",
        "beside/g": "changed",
    }
    assert report.status is RunStatus.FAILED
    assert by_id(report, "web/bad").error == "/no is not there; a `directory` resource before this one makes it"
    assert by_id(report, "web/c").reason == "requires web/bad, which failed"
    assert by_id(report, "web/d").reason == "requires web/c, which was skipped"
    assert by_id(report, "after/f").reason == "requires crate web, whose web/bad did not converge"


def test_a_failure_reaches_through_a_crate_that_holds_nothing(fleet: Fleet) -> None:
    desired = state(
        crate("last", [file("c")], requires=["between"]),
        crate("between", [], requires=["first", "self"]),
        crate("self", [], requires=["self"]),
        crate("first", [file("bad", path="/no/bad"), file("b")]),
    )
    report = fleet.run(desired)
    assert outcomes(report) == {"first/bad": "failed", "first/b": "changed", "last/c": "skipped"}
    assert by_id(report, "last/c").reason == "requires crate first, whose first/bad did not converge"


def test_a_bug_is_the_failure_of_one_resource_and_is_logged_whole(
    fleet: Fleet, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    class Broken(MemoryHost):
        def lstat(self, path: str) -> Any:
            if path == "/d":
                raise ZeroDivisionError(f"hunter2 at {path}")
            return super().lstat(path)

    fleet = Fleet(Broken())
    desired = state(
        crate("web", [{"name": "d", "type": "directory", "path": "/d"}, file("a")]), secrets={"pw": "hunter2"}
    )
    report = fleet.run(desired)
    assert outcomes(report) == {"web/d": "failed", "web/a": "changed"}
    assert by_id(report, "web/d").error == "a bug in the agent: ZeroDivisionError: •••••• at /d"
    assert "Traceback" in caplog.text
    assert "hunter2" not in caplog.text


def test_an_unknown_type_fails_loudly(fleet: Fleet) -> None:
    report = fleet.run(state(crate("web", [{"name": "x", "type": "hologram"}, file("a")])))
    assert outcomes(report) == {"web/x": "failed", "web/a": "changed"}
    assert by_id(report, "web/x").error == "this agent does not know the resource type hologram"


def test_a_spec_that_is_refused_says_where_without_the_value(fleet: Fleet) -> None:
    report = fleet.run(
        state(crate("web", [file("a", mode="{{ vars.mode }}", colour="red")], vars={"mode": 420})),
    )
    assert only(report).outcome is Outcome.FAILED
    assert only(report).error == "mode: Input should be a valid string; colour: Extra inputs are not permitted"


def test_content_that_is_not_at_hand_fails_until_it_is(fleet: Fleet) -> None:
    resources = [{"name": "a", "type": "file", "path": "/a", "source": "files/a"}]
    content = {"files/a": "text"}
    report = fleet.run(state(crate("web", resources), content=content, missing=["files/a"]))
    assert only(report).error == "the content of files/a is not at hand"
    assert only(fleet.run(state(crate("web", resources), content=content))).outcome is Outcome.CHANGED
    assert only(fleet.run(state(crate("web", resources)))).error == "files/a is not in the catalog"


def test_two_resources_may_not_own_one_path(fleet: Fleet) -> None:
    desired = state(crate("web", [file("a"), {"name": "b", "type": "directory", "path": "//a/."}]))
    report = fleet.run(desired)
    assert outcomes(report) == {"web/a": "changed", "web/b": "failed"}
    assert by_id(report, "web/b").error == "/a is managed by web/a already"


def test_a_host_has_no_more_resources_than_a_report_holds(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    from agent import reporting

    monkeypatch.setattr(reporting, "MAX_RESOURCES", 5)
    items = {"name": "i", "type": "file", "foreach": list(range(20)), "path": "/f{{ item }}", "content": "x"}
    report = fleet.run(state(crate("web", [items, file("a")])))
    assert len(report.resources) == 5
    assert report.status is RunStatus.FAILED
    assert report.error.startswith(f"16 resources beyond {MAX_RESOURCES} are neither applied nor reported")
    assert machines.describe(fleet.host, "/f5") is None
    assert machines.describe(fleet.host, "/a") is None


def test_systemd_that_does_not_answer_fails_services_and_nothing_else(
    fleet: Fleet, caplog: pytest.LogCaptureFixture
) -> None:
    machines._plant(fleet.host, "/run/systemd/system", {"directory": True})
    fleet.host.programs["systemctl"] = lambda host, args, stdin: programs.refuse("Failed to connect to bus")
    service = {"name": "s", "type": "service", "service": "x", "state": "running"}
    report = fleet.run(state(crate("web", [service, file("a")])))
    assert outcomes(report) == {"web/s": "failed", "web/a": "changed"}
    assert by_id(report, "web/s").error == "systemctl show: exit 1: Failed to connect to bus"
    assert caplog.text == ""


def test_packages_and_services_are_each_read_in_one_call(fleet: Fleet) -> None:
    machines._plant(fleet.host, "/run/systemd/system", {"directory": True})
    units = ", ".join(f'"s{number}.service": {{"active": "active", "file": "enabled"}}' for number in range(20))
    machines._plant(fleet.host, programs.UNITS, f"{{{units}}}")
    machines._plant(fleet.host, programs.STATUS, "".join(f"p{number} installed 1\n" for number in range(20)))
    resources = [
        one
        for number in range(20)
        for one in (
            {"name": f"p{number}", "type": "package", "package": f"p{number}"},
            {"name": f"s{number}", "type": "service", "service": f"s{number}", "state": "running"},
        )
    ]
    desired = state(crate("web", resources))
    fleet.run(desired)
    fleet.host.runs.clear()
    assert set(outcomes(fleet.run(desired)).values()) == {"unchanged"}
    assert [run[0] for run in fleet.host.runs] == ["dpkg-query", "systemctl"]


# conditions


def test_when_is_asked_just_before_its_resource(fleet: Fleet) -> None:
    desired = state(
        crate("web", [file("a"), file("b", when="file_exists('/a')"), file("c", when="file_exists('/none')")]),
        crate("rpm", [file("d"), file("e")], when="traits.os.family == 'redhat'"),
        crate("after", [file("f")], requires=["rpm"]),
    )
    report = fleet.run(desired)
    assert outcomes(report) == {
        "web/a": "changed",
        "web/b": "changed",
        "web/c": "skipped",
        "rpm/d": "skipped",
        "rpm/e": "skipped",
        "after/f": "changed",
    }
    assert report.status is RunStatus.CONVERGED
    assert by_id(report, "web/c").reason == "when: file_exists('/none')"
    assert by_id(report, "rpm/d").reason == "when of crate rpm: traits.os.family == 'redhat'"


def test_a_condition_without_a_value_is_a_failure(fleet: Fleet) -> None:
    desired = state(
        crate("web", [file("a", when="traits.none.such"), file("b")]),
        crate("bad", [file("c")], when="vars.nothing"),
    )
    report = fleet.run(desired)
    assert outcomes(report) == {"web/a": "failed", "web/b": "changed", "bad/c": "failed"}
    assert by_id(report, "web/a").error.startswith("when: line 1: ")
    assert by_id(report, "bad/c").error.startswith("when of crate bad: line 1: ")


def test_what_a_confined_root_cannot_answer_is_skipped_not_failed() -> None:
    fleet = Fleet(machines.machine({}, confined=True))
    desired = state(
        crate(
            "web",
            [
                file("a", when="command_succeeds('true')"),
                file("b", content="{{ process_running('nginx') }}"),
                file("c", foreach="[1] if process_running('nginx') else []"),
                handler("run"),
                {"name": "e", "type": "exec", "command": "x", "creates": "/x"},
                file("d", requires=["a", "e"]),
            ],
        )
    )
    report = fleet.run(desired)
    assert outcomes(report) == {
        "web/a": "skipped",
        "web/b": "skipped",
        "web/c": "skipped",
        "web/run": "unchanged",
        "web/e": "skipped",
        "web/d": "changed",
    }
    assert report.status is RunStatus.CONVERGED
    assert by_id(report, "web/a").reason == "when: command_succeeds cannot be asked in a confined root"
    assert by_id(report, "web/b").reason == "process_running cannot be asked in a confined root"
    assert by_id(report, "web/e").reason == "exec cannot be confined to a directory"


# rendering


def test_attributes_and_templates_see_vars_traits_host_and_item(fleet: Fleet) -> None:
    desired = state(
        crate(
            "web",
            [
                {
                    "name": "vhosts",
                    "type": "file",
                    "foreach": "vars.vhosts",
                    "path": "/{{ item.name }}.conf",
                    "source": "templates/vhost.j2",
                    "mode": "{{ vars.mode }}",
                }
            ],
            vars={"mode": "0600", "port": 80},
        ),
        vars={"port": 443, "vhosts": [{"name": "x"}, {"name": "y"}]},
        content={
            "templates/vhost.j2": "{{ item.name }} {{ vars.port }} {{ traits.os.family }} {{ host.hostname }} "
            "{{ host.environment }} {{ host.roles | join(',') }}\n"
        },
    )
    report = fleet.run(desired)
    assert outcomes(report) == {"web/vhosts[0]": "changed", "web/vhosts[1]": "changed"}
    assert text(fleet, "/x.conf") == "x 443 debian web01.example.com production web\n"
    assert machines.describe(fleet.host, "/y.conf")["mode"] == "0600"


def test_a_source_that_is_no_template_is_copied_byte_for_byte(fleet: Fleet) -> None:
    raw = b"{{ not rendered }}\x00\xff"
    fleet.run(
        state(
            crate("web", [{"name": "a", "type": "file", "path": "/a", "source": "files/a.bin"}]),
            content={"files/a.bin": raw},
        )
    )
    assert machines.describe(fleet.host, "/a")["content"] == raw


def test_one_item_that_fails_leaves_the_others(fleet: Fleet) -> None:
    desired = state(
        crate(
            "web",
            [
                {"name": "i", "type": "file", "foreach": [{"n": "a"}, {}, {"n": "c"}], "path": "/{{ item.n }}"},
                file("after", requires="i"),
            ],
        )
    )
    report = fleet.run(desired)
    assert outcomes(report) == {
        "web/i[0]": "changed",
        "web/i[1]": "failed",
        "web/i[2]": "changed",
        "web/after": "skipped",
    }
    assert "undefined" in by_id(report, "web/i[1]").error


@pytest.mark.parametrize(
    ("foreach", "error"),
    [
        ("vars.nothing", "undefined"),
        ("vars.text", "foreach is a list, not a str"),
        ("range(10001)", "foreach has 10001 items, more than 10000"),
    ],
)
def test_a_loop_over_what_is_no_list_fails(fleet: Fleet, foreach: str, error: str) -> None:
    report = fleet.run(state(crate("web", [file("i", foreach=foreach)], vars={"text": "abc"})))
    assert only(report).outcome is Outcome.FAILED
    assert error in only(report).error


def test_a_loop_over_nothing_does_nothing(fleet: Fleet) -> None:
    report = fleet.run(state(crate("web", [file("i", foreach=[]), file("a", requires="i")])))
    assert outcomes(report) == {"web/a": "changed"}


def test_what_did_not_change_is_not_rendered_again(fleet: Fleet, monkeypatch: pytest.MonkeyPatch) -> None:
    desired = state(
        crate(
            "web",
            [
                file("static"),
                file("var", content="{{ vars.x }}"),
                file("trait", content="{{ traits.os.family }}"),
                file("function", content="{{ file_exists('/static') }}"),
                {"name": "template", "type": "file", "path": "/{{ 't' }}", "source": "templates/t.j2"},
                file("loop", foreach="traits.list", path="/l{{ item }}"),
            ],
            vars={"x": 1},
        ),
        content={"templates/t.j2": "{{ traits.os.distro }}"},
    )
    fleet.traits = {**fleet.traits, "list": [1, 2], "load": 0.1}
    rendered: list[str] = []
    first = fleet.run(desired)
    assert len(first.resources) == 7
    assert desired.plan is not None
    real = desired.plan.renderer.render_value
    monkeypatch.setattr(
        desired.plan.renderer, "render_value", lambda value, scope: rendered.append(value["path"]) or real(value, scope)
    )
    fleet.traits = {**fleet.traits, "load": 0.9}
    fleet.run(desired)
    assert rendered == ["/function"]
    rendered.clear()
    fleet.traits = {**fleet.traits, "os": {"family": "redhat", "distro": "fedora"}}
    report = fleet.run(desired)
    assert rendered == ["/trait", "/function", "/{{ 't' }}"]
    assert [one.id for one in report.resources if one.changed] == ["web/trait", "web/template"]
    rendered.clear()
    fleet.traits = {**fleet.traits, "list": [1, 2, 3]}
    assert [one.id for one in fleet.run(desired).resources if one.changed] == ["web/loop[2]"]
    assert rendered == ["/function", "/l{{ item }}", "/l{{ item }}", "/l{{ item }}"]


# notifications


def test_a_target_runs_once_after_all_its_notifiers(fleet: Fleet) -> None:
    desired = state(crate("web", [handler(), file("a", notify="reload"), file("b", notify="reload"), file("c")]))
    report = fleet.run(desired)
    assert list(outcomes(report)) == ["web/a", "web/b", "web/reload", "web/c"]
    assert by_id(report, "web/reload").action == "run"
    assert acts(fleet) == ["act reload"]
    report = fleet.run(desired)
    assert by_id(report, "web/reload").outcome is Outcome.UNCHANGED
    assert by_id(report, "web/reload").reason == "not notified"
    assert acts(fleet) == []


def test_a_notifier_that_fails_keeps_its_target_from_nothing(fleet: Fleet) -> None:
    listed = [file("bad", path="/no/bad", notify=["reload", "d"]), file("a", notify="reload"), handler(), file("d")]
    report = fleet.run(state(crate("web", listed)))
    assert outcomes(report) == {"web/bad": "failed", "web/a": "changed", "web/reload": "changed", "web/d": "changed"}
    assert acts(fleet) == ["act reload"]


def test_a_target_whose_condition_does_not_hold_runs_when_it_does(fleet: Fleet) -> None:
    desired = state(crate("web", [file("a", notify="reload"), handler(when="traits.night")]))
    fleet.traits = {"night": False}
    report = fleet.run(desired)
    assert (outcomes(report)["web/reload"], acts(fleet)) == ("skipped", [])
    fleet.traits = {"night": True}
    assert outcomes(fleet.run(desired)) == {"web/a": "unchanged", "web/reload": "changed"}
    assert acts(fleet) == ["act reload"]
    fleet.run(desired)
    assert acts(fleet) == []


def test_a_handler_for_each_item_runs_each_item_once(fleet: Fleet) -> None:
    handlers = handler(foreach=[1, 2], command="act {{ item }}")
    fleet.run(state(crate("web", [file("a", notify="reload"), file("b", notify="reload"), handlers])))
    assert acts(fleet) == ["act 1", "act 2"]


def test_only_a_change_notifies(fleet: Fleet) -> None:
    desired = state(
        crate(
            "web",
            [
                file("a", when="false", notify="reload"),
                file("b", path="/no/b", notify="reload"),
                file("c", audit=True, notify="reload"),
                handler(),
            ],
        )
    )
    assert by_id(fleet.run(desired), "web/reload").outcome is Outcome.UNCHANGED
    assert acts(fleet) == []


def test_a_notification_that_could_not_be_given_is_owed(fleet: Fleet) -> None:
    desired = state(crate("web", [file("a", notify="reload"), handler(command="act fails")]))
    assert by_id(fleet.run(desired), "web/reload").outcome is Outcome.FAILED
    assert acts(fleet) == ["act fails"]
    report = fleet.run(desired)
    assert outcomes(report) == {"web/a": "unchanged", "web/reload": "failed"}
    repaired = state(crate("web", [file("a", notify="reload"), handler(command="act well")]))
    assert outcomes(fleet.run(repaired)) == {"web/a": "unchanged", "web/reload": "changed"}
    acts(fleet)
    assert outcomes(fleet.run(repaired)) == {"web/a": "unchanged", "web/reload": "unchanged"}
    assert fleet.journal.owed == set()


def test_a_notification_survives_the_end_of_the_process(fleet: Fleet, tmp_path: Any) -> None:
    class Killed(BaseException):
        pass

    class Dying(MemoryHost):
        def run(self, argv: Any, **options: Any) -> Any:
            raise Killed

    host = Dying()
    first = Fleet(host, Journal(tmp_path))
    desired = state(crate("web", [file("a", notify="reload"), handler()]))
    with pytest.raises(Killed):
        first.run(desired)
    again = Fleet(MemoryHost(programs.ALL), Journal(tmp_path))
    again.host.nodes.update(host.nodes)
    assert outcomes(again.run(desired)) == {"web/a": "unchanged", "web/reload": "changed"}
    assert acts(again) == ["act reload"]
    first.journal.close()
    again.journal.close()


def test_a_debt_to_what_has_left_the_catalog_is_forgotten(fleet: Fleet) -> None:
    fleet.run(state(crate("web", [file("a", notify="reload"), handler(command="act fails")])))
    assert fleet.journal.owed == {"web/reload"}
    fleet.run(state(crate("web", [file("a")])))
    assert fleet.journal.owed == set()


def test_a_change_whose_notification_cannot_be_written_down_is_not_made(tmp_path: Any) -> None:
    class Full(Journal):
        def owe(self, resources: list[str]) -> list[str]:
            raise OSError(28, "No space left on device")

    fleet = Fleet(journal=Full(None))
    report = fleet.run(state(crate("web", [file("a", notify="reload"), handler()])))
    assert by_id(report, "web/a").error == "No space left on device"
    assert machines.describe(fleet.host, "/a") is None


def test_a_change_whose_origin_cannot_be_written_down_is_not_made_and_is_a_first_one_later(tmp_path: Any) -> None:
    class Full(Journal):
        full = True

        def remember_origin(self, path: str, origin: Mapping[str, Any], content: bytes | None = None) -> None:
            if self.full:
                raise OSError(28, "No space left on device")
            super().remember_origin(path, origin, content)

    journal = Full(None)
    fleet = Fleet(journal=journal)
    desired = state(crate("web", [file("a")]))
    assert by_id(fleet.run(desired), "web/a").error == "No space left on device"
    assert machines.describe(fleet.host, "/a") is None
    assert journal.entries == {}
    journal.full = False
    assert outcomes(fleet.run(desired)) == {"web/a": "changed"}
    assert journal.origins == {"/a": {"kind": "absent"}}


# audit, drift


def test_audit_only_reports(fleet: Fleet) -> None:
    desired = state(crate("web", [file("a", audit=True), file("b", requires="a")]))
    report = fleet.run(desired)
    assert outcomes(report) == {"web/a": "skipped", "web/b": "changed"}
    one = by_id(report, "web/a")
    assert (one.changed, one.action, one.reason) == (True, "none", "audit only: would create")
    assert one.diff.startswith("state: absent → file")
    assert machines.describe(fleet.host, "/a") is None
    assert "web/a" not in fleet.journal.entries
    machines._plant(fleet.host, "/a", "a")
    one = by_id(fleet.run(desired), "web/a")
    assert (one.outcome, one.changed) == (Outcome.UNCHANGED, False)


def test_a_change_that_somebody_else_made_necessary_is_corrective(fleet: Fleet) -> None:
    first = state(crate("web", [file("a", content="1")]))
    assert not only(fleet.run(first)).corrective
    machines._plant(fleet.host, "/a", "tampered")
    assert only(fleet.run(first, dry_run=True)).corrective
    assert only(fleet.run(first)).corrective
    second = state(crate("web", [file("a", content="2")]), generation=2)
    assert not only(fleet.run(second)).corrective
    del fleet.host.nodes["/a"]
    assert only(fleet.run(second)).corrective


def test_a_repair_that_fails_first_is_still_corrective(fleet: Fleet) -> None:
    desired = state(crate("web", [file("a")]))
    fleet.run(desired)
    machines._plant(fleet.host, "/a", "tampered")
    fleet.host.fail_at = fleet.host.writes
    assert only(fleet.run(desired)).outcome is Outcome.FAILED
    assert only(fleet.run(desired)).corrective


def test_what_was_skipped_meanwhile_is_no_drift(fleet: Fleet) -> None:
    desired = state(crate("web", [file("a", content="{{ traits.n }}", when="traits.on")]))
    for on, n, expected in ((True, 1, False), (False, 1, None), (True, 2, False), (True, 2, None)):
        fleet.traits = {"on": on, "n": n}
        one = only(fleet.run(desired))
        if expected is not None:
            assert (one.changed, one.corrective) == (True, expected)
    fleet.traits = {"on": False, "n": 2}
    fleet.run(desired)
    machines._plant(fleet.host, "/a", "by somebody while it was not ours")
    fleet.traits = {"on": True, "n": 2}
    assert not only(fleet.run(desired)).corrective


def test_what_depends_on_the_clock_is_no_drift(fleet: Fleet) -> None:
    desired = state(crate("web", [file("a", when="hour_range(0, 24)"), file("b")]))
    fleet.run(desired)
    for name in "ab":
        machines._plant(fleet.host, f"/{name}", "tampered")
    report = fleet.run(desired)
    assert [(one.changed, one.corrective) for one in report.resources] == [(True, False), (True, True)]
    fleet.clock.micros += 5 * HOUR


CLOCKED: dict[str, tuple[dict[str, Any], str | None]] = {
    "its condition": ({"when": "day_of_week() != ''"}, None),
    "its crate's condition": ({}, "hour_range(0, 24)"),
    "its content": ({"content": "{{ 'day' if hour_range(0, 24) else 'night' }}"}, None),
    "its template": ({"content": ..., "source": "templates/t.j2"}, None),
    "its loop": ({"foreach": "[day_of_week() | length > 0]"}, None),
}


@pytest.mark.parametrize("where", sorted(CLOCKED))
def test_wherever_the_clock_comes_in_it_is_no_drift(fleet: Fleet, where: str) -> None:
    attributes, when = CLOCKED[where]
    one = {name: value for name, value in file("a", **attributes).items() if value is not ...}
    desired = state(crate("web", [one], when=when), content={"templates/t.j2": "{{ day_of_week() }}\n"})
    assert only(fleet.run(desired)).changed
    machines._plant(fleet.host, "/a", "tampered")
    report = only(fleet.run(desired))
    assert (report.changed, report.corrective) == (True, False)


# bounds, durability


def test_a_report_is_bounded_as_a_whole(fleet: Fleet) -> None:
    big = "\n".join(f"line {number}" for number in range(1800))
    desired = state(crate("web", [file(f"f{number}", content=big) for number in range(200)]))
    report = fleet.run(desired)
    assert all(one.changed for one in report.resources)
    total = sum(len(one.diff) for one in report.resources)
    assert total < 1_200_000
    assert 0 < len(report.resources[-1].diff) <= 120


def test_a_journal_that_cannot_be_written_is_said() -> None:
    class Full(Journal):
        def flush(self) -> None:
            raise OSError(28, "No space left on device")

    fleet = Fleet(journal=Full(None))
    report = fleet.run(state(crate("web", [file("a")])))
    assert report.status is RunStatus.FAILED
    assert report.error == "the journal is not known to be durable: No space left on device"
    assert outcomes(report) == {"web/a": "changed"}


def test_managed_paths_are_those_of_the_last_run(fleet: Fleet) -> None:
    desired = state(crate("web", [file("a"), file("i", foreach=[1, 2], path="/i{{ item }}"), file("s", when="false")]))
    assert managed.followed(desired)[0] == frozenset()
    fleet.run(desired)
    assert managed.followed(desired)[0] == {"/a", "/i1", "/i2"}


def test_every_type_of_the_schema_is_known() -> None:
    from schema.resources import RESOURCES

    assert {name: kind.spec for name, kind in TYPES.items()} == RESOURCES


def test_a_log_without_trouble_is_silent(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        fleet.run(state(crate("web", [file("a"), file("b", path="/none/b")])))
    assert [record for record in caplog.records if record.name.startswith("vigo")] == []


def test_a_run_asks_for_the_traits_that_it_can_look_at_and_no_others(fleet: Fleet) -> None:
    asked: list[frozenset[str]] = []

    def traits(names: frozenset[str]) -> dict[str, Any]:
        asked.append(names)
        return {"os": {"family": "debian"}, "kernel": {"name": "Linux"}, "users": {}}

    desired = state(
        crate("web", [file("a", content="{{ traits.kernel.name }}"), file("b", when="has_trait('users.ada')")])
    )
    for _ in range(2):
        converge.run(
            desired,
            fleet.host,
            traits=traits,
            journal=fleet.journal,
            trigger=Trigger.ONCE,
            ids=lambda: "run-1",
            clock=fleet.clock,
        )
    assert asked == [frozenset({"kernel", "users"})] * 2
    assert text(fleet, "/a") == "Linux"
