"""REST and GraphQL agree: who may read what, and what they read (hostile case K7)."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from strawberry.utils.str_converters import to_snake_case

from api.graphql import endpoint
from api.services import holds, revisions, rollouts, standings
from api.services.signers import keys, policies
from api.services.tallies import Tally
from api.services.work import Work
from api.storage import changes as change_rows
from api.storage import envoys as rows
from api.storage.envoys import Known
from reconciler import graph, repository
from schema.access import Role
from schema.changes import ChangeRecord, ChangeState
from schema.holds import Freeze
from schema.ids import DEFAULT_PROJECT, new_id
from schema.progress import FailedCheck, FailedResource, HostFailure, Progress, WaveProgress
from schema.rollouts import HealthCheck, PlannedWave, RolloutPlan, RolloutState, Violation, WaveState, Window
from schema.signers import Policy, PolicyUpdate, SignerAdd
from schema.standings import StandingClass
from tests.factories.commits import ed25519_key
from tests.server import Server

STARTER = Path(__file__).parents[4] / "api" / "cli" / "starter"
HOST = "web01.example.com"


class Pair(NamedTuple):
    """One question in both languages, and what of each answer must be equal."""

    query: str
    path: str
    of_graphql: Callable[[Any], Any]
    of_rest: Callable[[Any], Any]


def plain(answer: Any) -> Any:
    """An answer in REST's names, without what is null."""
    if isinstance(answer, dict):
        return {to_snake_case(key): plain(value) for key, value in answer.items() if value is not None}
    return [plain(each) for each in answer] if isinstance(answer, list) else answer


PAIRS = {
    "envoys": Pair(
        "{ envoys { nodes { id hostname ipAddress enrolledAt lastSeen revoked agentVersion environment commit generation"
        " stalled lastRunAt } } }",
        "/api/v1/envoys",
        lambda data: data["envoys"]["nodes"],
        lambda body: [
            {
                key: value
                for key, value in envoy.items()
                if key not in {"status", "convergence", "drift", "reachability"}
            }
            for envoy in body["envoys"]
        ],
    ),
    "convergence": Pair(
        "{ envoys { nodes { convergence drift reachability connected } } }",
        "/api/v1/envoys",
        lambda data: [
            (
                *(item[word].lower().replace("_", " ") for word in ("convergence", "drift", "reachability")),
                item["connected"],
            )
            for item in data["envoys"]["nodes"]
        ],
        lambda body: [
            (item["convergence"], item["drift"], item["reachability"], item["status"] == "online")
            for item in body["envoys"]
        ],
    ),
    "one envoy": Pair(
        f'{{ envoy(hostname: "{HOST}") {{ id convergence drift reachability }} }}',
        f"/api/v1/envoys/{HOST}",
        lambda data: {key: value.lower().replace("_", " ") for key, value in data["envoy"].items()},
        lambda body: {key: body[key] for key in ("id", "convergence", "drift", "reachability")},
    ),
    "rollouts": Pair(
        "{ rollouts { id commit planRoot state everyone author beganAt progress { waves { index hosts } } } }",
        "/api/v1/rollouts",
        lambda data: [each | {"state": each["state"].lower()} for each in plain(data["rollouts"])],
        lambda body: [
            {key: each[key] for key in ("id", "commit", "plan_root", "state", "everyone", "author", "began_at")}
            | {
                "progress": {
                    "waves": [{"index": wave["index"], "hosts": wave["hosts"]} for wave in each["progress"]["waves"]]
                }
            }
            for each in body["rollouts"]
        ],
    ),
    "one rollout": Pair(
        "{ rollout(id: 1) { id commit everyone approvals { wave name planRoot at } progress { failures { hostname wave why at"
        " resourcesLeftOut resources { id message } check { command code output } } }"
        " plan { commit planRoot unchanged unmatched onFailure requireApproval approvals violationsLeftOut violations {"
        " invariant message wave bound count of new newLeftOut old oldLeftOut }"
        " waves { index name canary pauseS approvals maxInFlight failureBudget hostCount windows { days hours zone }"
        " health { url command returns timeoutS attempts intervalS } waveHosts(first: 50) { nodes endCursor } } } } }",
        "/api/v1/rollouts/1",
        lambda data: plain(data["rollout"]),
        lambda body: plain(
            {key: body[key] for key in ("id", "commit", "everyone", "approvals")}
            | {"progress": {"failures": body["progress"]["failures"]}}
            | {
                "plan": {
                    **{
                        key: value
                        for key, value in body["plan"].items()
                        if key not in {"base", "classes", "classes_left_out"}
                    },
                    "violations": [
                        {
                            key: value
                            for key, value in each.items()
                            if key not in {"wave_index", "group", "file", "line"}
                        }
                        for each in body["plan"]["violations"]
                    ],
                    "waves": [
                        {key: value for key, value in wave.items() if key != "hosts"}
                        | {"host_count": len(wave["hosts"]), "wave_hosts": {"nodes": wave["hosts"]}}
                        for wave in body["plan"]["waves"]
                    ],
                }
            }
        ),
    ),
    "drifts": Pair(
        "{ drifts { nodes { envoyId hostname resources { resource how times } } } }",
        "/api/v1/drifts",
        lambda data: data["drifts"]["nodes"],
        lambda body: body["hosts"],
    ),
    "drift history": Pair(
        "{ driftHistory(days: 3) { day takenAt final counts found changed } }",
        "/api/v1/drifts/history?days=3",
        lambda data: plain(data["driftHistory"]),
        lambda body: plain(body["days"]),
    ),
    "convergence history": Pair(
        f'{{ convergenceHistory(hostname: "{HOST}") {{ envoyId hostname convergence drift reachability transitions {{ number }} }} }}',
        f"/api/v1/envoys/{HOST}/convergence",
        lambda data: plain(data["convergenceHistory"]),
        lambda body: plain({key: value for key, value in body.items() if key not in {"since", "next_before"}}),
    ),
    "receipts": Pair(
        f'{{ receipts(envoy: "{HOST}") {{ hostname key nodes {{ number sha256 }} }} }}',
        f"/api/v1/receipts?hostname={HOST}",
        lambda data: list(data["receipts"].values()),
        lambda body: [
            body["hostname"],
            body["key"],
            [{"number": each["number"], "sha256": each["sha256"]} for each in body["receipts"]],
        ],
    ),
    "signers": Pair(
        "{ signers { nodes { id principal kind fingerprint username } } }",
        "/api/v1/signers",
        lambda data: [each | {"kind": each["kind"].lower()} for each in data["signers"]["nodes"]],
        lambda body: [
            {name: each[name] for name in ("id", "principal", "kind", "fingerprint", "username")}
            for each in body["signers"]
        ],
    ),
    "signing policy": Pair(
        "{ signingPolicy { version required twoPerson exempt rules { paths branches signers threshold } } }",
        "/api/v1/signers/policy",
        lambda data: plain(data["signingPolicy"]),
        lambda body: {"version": body["version"]} | body["policy"],
    ),
    "trace": Pair(
        f'{{ trace(hostname: "{HOST}") {{ matchPattern environment roles configcrates resourceCount }} }}',
        f"/api/v1/config/trace?hostname={HOST}",
        lambda data: list(data["trace"].values()),
        lambda body: [body[key] for key in ("match_pattern", "environment", "roles", "configcrates", "resource_count")],
    ),
    "inverse trace": Pair(
        '{ inverseTrace(configcrate: "motd", includeTree: true) { subject value envoys { envoyId hostname match environment'
        " carrier } treeRefs { match environment carrier } } }",
        "/api/v1/config/trace?configcrate=motd&include_tree=true",
        lambda data: list(data["inverseTrace"].values()),
        lambda body: [
            body["subject"],
            body["value"],
            [{"envoyId": each.pop("envoy_id"), **each} for each in body["envoys"]],
            body["tree_refs"],
        ],
    ),
    "tree": Pair(
        "{ configTree { dir file configcrates roles match total excluded children { dir file match total } } }",
        "/api/v1/config/tree",
        lambda data: data["configTree"],
        lambda body: (
            body
            | {"children": [{key: each[key] for key in ("dir", "file", "match", "total")} for each in body["children"]]}
        ),
    ),
    "search": Pair(
        '{ configSearch(match: "*") { entries { match dir inheritance { dir file configcrates } total vars } } }',
        "/api/v1/config/search?match=*",
        lambda data: data["configSearch"]["entries"],
        lambda body: [
            {key: value for key, value in each.items() if key != "own_configcrates"} for each in body["entries"]
        ],
    ),
    "dedup": Pair(
        "{ configDedup { groups { kind same count paths } } }",
        "/api/v1/config/dedup",
        lambda data: data["configDedup"]["groups"],
        lambda body: body["groups"],
    ),
    "why": Pair(
        f'{{ why(hostname: "{HOST}", subject: "motd") {{ hostname subject kind name presence summary chain {{ kind text at'
        " { file line column source blame { commit author } } } reason keptOut { text } instead { text } value dependsOn"
        " also hint commit leftOut } }",
        f"/api/v1/config/why?hostname={HOST}&subject=motd",
        lambda data: plain(data["why"]),
        plain,
    ),
    "why not": Pair(
        f'{{ why(hostname: "{HOST}", subject: "no.such") {{ hostname subject kind name presence summary chain {{ kind text at {{ file line column source }} }}'
        " reason hint also commit } }",
        f"/api/v1/config/why?hostname={HOST}&subject=no.such",
        lambda data: plain(data["why"]),
        lambda body: plain({key: value for key, value in body.items() if key not in {"kept_out", "instead", "layers"}}),
    ),
    "causes": Pair(
        f'{{ causes(hostname: "{HOST}", other: "db01.example.com") {{ one {{ hostname matchPattern traits }} alike'
        " differences smallest undecided leftOut causes { kind text of explains { kind name one other keys } leftOut } } }",
        f"/api/v1/config/diff?hostname={HOST}&other=db01.example.com",
        lambda data: plain(data["causes"]),
        lambda body: (
            plain({key: value for key, value in body.items() if key != "other"})
            | {
                "one": {key: body["one"][key] for key in ("hostname", "match_pattern", "traits") if key in body["one"]},
                "causes": [
                    plain({key: each.get(key) for key in ("kind", "text", "of", "explains", "left_out")})
                    for each in body["causes"]
                ],
            }
        ),
    ),
    "coverage": Pair(
        "{ coverage { basis hosts unmatched statements counts found { finding about name source at { file line column"
        " source } host by } leftOut commit } }",
        "/api/v1/config/coverage",
        lambda data: plain(data["coverage"]),
        plain,
    ),
    "source": Pair(
        "{ source { state location kind track commit preview lastTryAt lastReadAt error { code } polling { failures } hooks {"
        " provider } refs } }",
        "/api/v1/sources",
        lambda data: plain(data["source"]) | {"state": data["source"]["state"].lower()},
        plain,
    ),
    "preview refs": Pair(
        "{ previewRefs { refs { name ref commit state author summary message errors } count leftOut } }",
        "/api/v1/sources/refs",
        lambda data: plain(data["previewRefs"]),
        plain,
    ),
    "preview": Pair(
        '{ preview(traits: ["os.version=13"]) { base { rev planRoot profiles } subject summary hosts kinds changed removing'
        " unchanged unmanaged traits classes { id title count hosts } notes } }",
        "/api/v1/preview?trait=os.version=13",
        lambda data: plain(data["preview"]),
        lambda body: plain(
            {key: body[key] for key in body if key not in {"other", "base", "classes"}}
            | {
                "base": {key: body["base"][key] for key in ("rev", "plan_root", "profiles")},
                "classes": [{key: each[key] for key in ("id", "title", "count", "hosts")} for each in body["classes"]],
            }
        ),
    ),
    "status": Pair(
        "{ configStatus { healthy version lastError commit lastReloadAt } }",
        "/api/v1/config/status",
        lambda data: list(data["configStatus"].values()),
        lambda body: [body[key] for key in ("healthy", "version", "last_error", "commit", "last_reload_at")],
    ),
    "changes": Pair(
        "{ changes { nodes { id state kind summary author actor commit base branch paths pathCount createdAt } } }",
        "/api/v1/changes",
        lambda data: [each | {"state": each["state"].lower()} for each in plain(data["changes"]["nodes"])],
        lambda body: [
            {key: value for key, value in each.items() if key not in {"reason", "message", "actor_id", "ended_at"}}
            for each in body["changes"]
        ],
    ),
    "publishes": Pair(
        "{ publishes { id source operator timestamp version commit summary changedFiles removedFiles note } }",
        "/api/v1/config/publishes",
        lambda data: [each | {"source": each["source"].lower()} for each in plain(data["publishes"])],
        lambda body: body["publishes"],
    ),
    "versions": Pair(
        "{ versions { version sequence commit author summary inForce } }",
        "/api/v1/config/versions",
        lambda data: plain(data["versions"]),
        lambda body: body["details"],
    ),
    "holds": Pair(
        "{ holds { holds { id kind match until reason createdBy } breakGlass { commit until reason openedBy usedFor } } }",
        "/api/v1/holds",
        lambda data: [
            [each | {"kind": each["kind"].lower()} for each in data["holds"]["holds"]],
            data["holds"]["breakGlass"],
        ],
        lambda body: [
            [
                {key: each[key] for key in ("id", "kind", "match", "until", "reason")}
                | {"createdBy": each["created_by"]}
                for each in body["holds"]
            ],
            [
                {key: each[key] for key in ("commit", "until", "reason")}
                | {"openedBy": each["opened_by"], "usedFor": each["used_for"]}
                for each in body["break_glass"]
            ],
        ],
    ),
    "standing": Pair(
        "{ standing { version commit total complete counts { name count } parts { name count hosts { id hostname } } eta"
        " { at why } } }",
        "/api/v1/standings/current",
        lambda data: [
            data["standing"]["total"],
            {each["name"].lower(): each["count"] for each in data["standing"]["counts"]},
            [[each["name"].lower(), each["hosts"]] for each in data["standing"]["parts"]],
            data["standing"]["eta"],
        ],
        lambda body: [
            body["total"],
            body["counts"],
            [
                [each["name"], [{key: host[key] for key in ("id", "hostname")} for host in each["hosts"]]]
                for each in body["parts"]
            ],
            body["eta"],
        ],
    ),
    "hosts of a standing": Pair(
        "{ standingHosts(name: OFFLINE) { nodes { id hostname } endCursor } }",
        "/api/v1/standings/current/hosts?class=offline",
        lambda data: [data["standingHosts"]["nodes"], data["standingHosts"]["endCursor"]],
        lambda body: [
            [{key: host[key] for key in ("id", "hostname")} for host in body["hosts"]],
            body.get("next_after"),
        ],
    ),
    "history of a standing": Pair(
        '{ standingHistory(version: "1") { version commit points { at } } }',
        "/api/v1/standings/1/history",
        lambda data: data["standingHistory"],
        lambda body: body | {"points": [{"at": point["at"]} for point in body["points"]]},
    ),
    "runs": Pair(
        "{ runs { nodes { id } } }",
        "/api/v1/runs",
        lambda data: [item["id"] for item in data["runs"]["nodes"]],
        lambda body: [item["id"] for item in body["runs"]],
    ),
    "audit": Pair(
        "{ auditEntries(first: 5) { index hash timestamp operator summary outcome } }",
        "/api/v1/audit?limit=5",
        lambda data: data["auditEntries"],
        lambda body: [
            {key: item[key] for key in ("index", "hash", "timestamp", "operator", "summary", "outcome")}
            for item in body["events"]
        ],
    ),
}


def rolled_out(work: Work) -> None:
    """A rollout that has stopped at its second wave."""
    rollout_id = rollouts.begin(work, commit="a" * 40, plan_root="b" * 64, author="Jo <jo@x.org>", staged=True)
    check = HealthCheck(command=("systemctl", "is-active", "nginx"), returns=(0, 3))
    first = PlannedWave(index=0, name="canary", hosts=(HOST,), canary=True, pause_s=60, health=(check,), approvals=1)
    rest = PlannedWave(index=1, name="rest", hosts=("a", "b", "c"), max_in_flight=2, windows=(Window(days=["mon"]),))
    violation = Violation(
        invariant="resolvers", message="too few", wave="rest", wave_index=1, group="", bound="at least 2", count=1, of=3,
        new=("a",), old=("b",),
    )  # fmt: skip
    plan = RolloutPlan(
        commit="a" * 40, base="c" * 40, plan_root="b" * 64, waves=(first, rest), unchanged=4, violations=(violation,)
    )
    failures = (
        HostFailure(hostname=HOST, wave=0, why="its run failed", at=2_000_000,
                    resources=(FailedResource(id="web/conf", message="no"),), resources_left_out=1),
        HostFailure(hostname="a", wave=1, why="a check failed", at=3_000_000,
                    check=FailedCheck(command="systemctl is-active nginx", code=3, output="inactive")),
    )  # fmt: skip
    waves = (WaveProgress(index=0, hosts=1, failed=1), WaveProgress(index=1, hosts=3, state=WaveState.FAILED))
    progress = Progress(state=RolloutState.STOPPED, why="too many failed", waves=waves, failures=failures)
    rollouts.keep(work, rollout_id, version=1, progress=progress, plan=plan)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A server with both faces, one envoy, and a revision in force."""
    made = Server(tmp_path_factory.mktemp("both"), extra=(endpoint.area,))
    envoy = Known(new_id(), HOST, "0" * 64, "1" * 64, enrolled_at=1_000_000)
    made.services.db.write_now(lambda session: rows.add(session, DEFAULT_PROJECT, envoy))
    made.services.write_now(
        made.system,
        lambda work: revisions.record_in_force(work, commit="a" * 40, plan_root="b" * 64, compiled_ms=1.0),
    )
    asked = ChangeRecord(
        id=new_id(), kind="edit", state=ChangeState.COMMITTED, summary="s", author="a", actor="jane", actor_id="1",
        commit="a" * 40, base="b" * 40, branch="main", paths=["x"], path_count=1, created_at=1_000_000,
    )  # fmt: skip
    made.services.db.write_now(lambda session: change_rows.put(session, DEFAULT_PROJECT, asked))
    made.services.graph = found = graph.compile_tree(repository.directory(STARTER)).graph
    assert found is not None
    made.services.own["standings"] = tally = Tally(made.services)
    tally.load(made.services.read_now(made.system, standings.fleet))
    revision = made.services.read_now(made.system, lambda work: standings.find(work, "current"))
    asyncio.run(tally.begin(revision, found))
    made.services.write_now(made.system, lambda work: standings.note(work, 1, {StandingClass.OFFLINE: 1}))
    made.services.write_now(made.system, lambda work: holds.freeze(work, Freeze(match="web*", reason="release day")))
    jane = SignerAdd(principal="jane@example.com", key=ed25519_key().line)
    made.services.write_now(made.system, lambda work: keys.add(work, jane))
    asks = PolicyUpdate(policy=Policy(two_person=["roles.vgo"]), reason="four eyes")
    made.services.write_now(made.system, lambda work: policies.replace(work, asks))
    made.services.write_now(made.system, rolled_out)
    yield made
    made.close()


@pytest.mark.parametrize("pair", PAIRS.values(), ids=PAIRS)
@pytest.mark.parametrize("role", [*Role, None], ids=str)
def test_what_one_answers_the_other_answers_and_what_one_refuses_the_other_refuses(
    both: Server, pair: Pair, role: Role | None
) -> None:
    rest = both.get(pair.path, role=role)
    graphql = both.post("/graphql", role=role, json={"query": pair.query})

    if rest.status_code == 200:
        assert graphql.status_code == 200
        assert "errors" not in graphql.json()
        assert pair.of_graphql(graphql.json()["data"]) == pair.of_rest(rest.json())
    elif rest.status_code == 401:
        assert graphql.status_code == 401
    else:
        assert rest.status_code == 403
        assert graphql.json()["data"] is None
        assert graphql.json()["errors"][0]["extensions"]["code"] == "FORBIDDEN"


def test_hosts_of_a_wave_come_in_pages_and_what_is_not_there_is_said(both: Server) -> None:
    query = "query Q($after: String) { rollout(id: 1) { plan { waves { waveHosts(first: 2, after: $after) { nodes endCursor } } } } }"

    def ask(after: str | None) -> list[dict[str, Any]]:
        answer = both.post("/graphql", role=Role.VIEWER, json={"query": query, "variables": {"after": after}}).json()
        return [wave["waveHosts"] for wave in answer["data"]["rollout"]["plan"]["waves"]]

    first = ask(None)
    assert [page["nodes"] for page in first] == [[HOST], ["a", "b"]]
    assert first[0]["endCursor"] is None
    assert ask(first[1]["endCursor"])[1] == {"nodes": ["c"], "endCursor": None}
    missing = both.post("/graphql", role=Role.VIEWER, json={"query": "{ rollout(id: 9) { id } }"}).json()
    assert missing["errors"][0]["extensions"]["code"] == "NOT_FOUND"
