"""The state of the config over REST: what is in force, and why a newer commit is not."""

from __future__ import annotations

import asyncio

from api.services import revisions
from reconciler import graph
from schema.access import Role
from schema.diagnostics import Diagnostic
from schema.revisions import RevisionState
from tests.factories.trees import tree
from tests.server import Server

GOOD, BAD, NEXT = "a" * 40, "b" * 40, "c" * 40
WRONG = Diagnostic(code="yaml.syntax", file="roles.vgo", line=3, column=5, message="not YAML", hint="close the quote")


def publish(server: Server, commit: str) -> None:
    server.services.write_now(
        server.system, lambda work: revisions.record_in_force(work, commit=commit, plan_root="0" * 64, compiled_ms=3.5)
    )


def fail(server: Server, commit: str, *diagnostics: Diagnostic, state: RevisionState = RevisionState.FAILED) -> None:
    server.services.write_now(
        server.system, lambda work: revisions.record_failure(work, commit=commit, diagnostics=diagnostics, state=state)
    )


def status(server: Server) -> dict[str, object]:
    return server.get("/api/v1/config/status", role=Role.VIEWER).json()


def test_before_the_first_commit_nothing_is_healthy(server: Server) -> None:
    assert status(server) == {
        "healthy": False, "version": 0, "last_error": "no commit has been compiled yet", "last_reload_at": "",
        "commit": None, "failed_commit": None, "diagnostics": [], "signatures": "not required",
    }  # fmt: skip
    assert server.get("/api/v1/config/version", role=Role.VIEWER).json() == {"version": 0, "commit": None}


def test_a_good_commit_is_in_force(server: Server) -> None:
    publish(server, GOOD)
    assert status(server) == {
        "healthy": True, "version": 1, "last_error": "", "last_reload_at": "2026-11-22T12:00:00Z", "commit": GOOD,
        "failed_commit": None, "diagnostics": [], "signatures": "not required",
    }  # fmt: skip
    event = server.audit()[-1]
    assert (event["type"], event["operator"], event["object_id"]) == ("config_publish", "test", "1")


def test_a_bad_commit_is_told_and_the_good_one_stays(server: Server) -> None:
    publish(server, GOOD)
    fail(server, BAD, WRONG, WRONG.model_copy(update={"line": 9}))
    told = status(server)
    assert (told["healthy"], told["version"], told["commit"], told["failed_commit"]) == (False, 1, GOOD, BAD)
    assert told["last_error"] == "roles.vgo:3:5: error[yaml.syntax]: not YAML (hint: close the quote) (and 1 more)"
    assert told["diagnostics"][0]["hint"] == "close the quote"  # type: ignore[index]
    assert server.get("/api/v1/config/version", role=Role.VIEWER).json() == {"version": 1, "commit": GOOD}
    publish(server, NEXT)
    assert status(server)["healthy"] is True
    assert server.get("/api/v1/config/version", role=Role.VIEWER).json() == {"version": 3, "commit": NEXT}


def test_a_waiver_that_expired_since_the_commit_is_warned_of(server: Server) -> None:
    waiver = "{framework: nist, control: AC-1, reason: r, approved_by: jane, expires: %s}"
    files = {
        "compliance.vgo": "nist: [AC-1]\n",
        "waivers.vgo": f"waivers:\n  - {waiver % '2026-11-23'}\n  - {waiver % '2026-11-22'}\n",
    }
    publish(server, GOOD)
    server.services.graph = graph.compile_tree(tree(files)).graph

    told = status(server)

    assert told["healthy"] is True
    assert [(each["code"], each["severity"], each["line"]) for each in told["diagnostics"]] == [  # type: ignore[attr-defined]
        ("waiver.expired", "warning", 3)
    ]


def test_back_to_the_good_commit_is_healthy_again(server: Server) -> None:
    publish(server, GOOD)
    fail(server, BAD, WRONG)
    publish(server, GOOD)
    assert (status(server)["healthy"], status(server)["version"]) == (True, 3)


def test_a_diverged_commit_says_so(server: Server) -> None:
    publish(server, GOOD)
    fail(server, BAD, state=RevisionState.DIVERGED)
    assert status(server)["last_error"] == f"commit {'b' * 12} does not descend from the one in force"


def test_a_reload_answers_what_came_of_it(server: Server) -> None:
    commits = iter([GOOD, GOOD])

    async def reload() -> None:
        commit = next(commits, None)
        if commit is None:
            await asyncio.to_thread(fail, server, BAD, WRONG)
        else:
            await asyncio.to_thread(publish, server, commit)

    assert server.post("/api/v1/config/reload", role=Role.DEVELOPER).json()["fault"] == "revisions.no_repository"
    server.services.reload = reload
    told = [server.post("/api/v1/config/reload", role=Role.DEVELOPER).json() for _ in range(3)]
    assert [(answer["status"], answer["version"], answer["healthy"]) for answer in told] == [
        ("in_force", 1, True),
        ("unchanged", 1, True),
        ("failed", 1, False),
    ]
    assert told[2]["last_error"].startswith("roles.vgo:3:5")
    assert [event["operator"] for event in server.audit() if event["type"] == "config_reload"] == ["developer"] * 3


def test_a_reload_that_takes_long_is_accepted_and_goes_on(server: Server) -> None:
    async def scene() -> tuple[str, str]:
        done = asyncio.Event()

        async def reload() -> None:
            await done.wait()
            await asyncio.to_thread(publish, server, GOOD)

        server.services.reload = reload
        first = await revisions.reload(server.services, server.system, wait_s=0.05)
        done.set()
        for _ in range(200):
            after = await server.services.read(server.system, revisions.version)
            if after.commit:
                break
            await asyncio.sleep(0.01)
        return first.status, after.commit or ""

    assert asyncio.run(scene()) == ("accepted", GOOD)
