"""Laws of the fleet's use cases, the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from sqlalchemy import text

from api.services import assignments, enrolment, envoys, runs, secrets, traits
from api.services.assignments import Stored, Wish
from api.services.container import Services
from api.services.pki import Pki
from api.services.secrets import Vault
from api.services.work import Actor, Work
from api.storage import assignments as assignment_rows
from api.storage import envoys as envoy_rows
from api.storage import runs as run_rows
from api.storage.enrolment import Credential
from api.storage.envoys import Known
from schema import canonical
from schema.envoys import TokenCreate
from schema.errors import Fault
from schema.ids import DEFAULT_PROJECT, new_id, sha256
from schema.protocol import sealing, signing
from schema.protocol.desired import NO_SECRETS, Assignment, SealedSecrets
from schema.protocol.enrolment import Enrol
from schema.protocol.messages import Traits
from schema.protocol.reports import Outcome, Report, ResourceReport, RunStatus, Trigger
from schema.protocol.signing import Domain, Signed
from schema.time import DAY
from tests.fleet import request
from tests.server import FakeClock

SYSTEM = Actor.system("test")
OPERATOR = Actor("user", "u1", "jane", "token:x", None)
HOST = "web01.example.com"
CATALOG = "c" * 64


@pytest.fixture
def fleet(services: Services, tmp_path: Path) -> Services:
    services.pki = Pki.open(tmp_path / "pki", now=services.clock.now())
    services.own["vault"] = Vault.open(tmp_path / "pki")
    return services


def token(fleet: Services, hostname: str = HOST, **options: object) -> str:
    new = TokenCreate(hostname=hostname, **options)
    made = fleet.write_now(
        OPERATOR, lambda work: enrolment.make_token(work, new, authority=fleet.pki, server_url="https://localhost")
    )
    return made.token


def audited(fleet: Services, action: str) -> int:
    query = text("SELECT COUNT(*) FROM audit_entries WHERE kind = :kind")
    return int(fleet.db.read_now(lambda session: session.execute(query, {"kind": action.replace(".", "_")}).scalar()))


def known(fleet: Services, hostname: str = HOST, key: X25519PrivateKey | None = None) -> str:
    """A live envoy, without the ceremony."""
    envoy_id = new_id()
    public = (key or X25519PrivateKey.generate()).public_key().public_bytes_raw().hex()
    envoy = Known(id=envoy_id, hostname=hostname, ed25519="e" * 64, x25519=public, enrolled_at=1)
    fleet.db.write_now(lambda session: envoy_rows.add(session, DEFAULT_PROJECT, envoy))
    return envoy_id


def wish(envoy_id: str, *, secret_versions: tuple[tuple[str, int], ...] = ()) -> Wish:
    return Wish(envoy_id, "d" * 40, "f" * 64, "web", "production", CATALOG, secret_versions, "")


SIGNING = Ed25519PrivateKey.generate()


def assign(fleet: Services, *wishes: Wish) -> list[Stored | Fault]:
    vault = fleet.own["vault"]
    return fleet.write_now(SYSTEM, lambda work: assignments.make(work, wishes, key=SIGNING, vault=vault))


def latest(work: Work, envoy_id: str) -> Stored | None:
    return assignments.latest_of(work, [envoy_id]).get(envoy_id)


def assigned(fleet: Services, envoy_id: str) -> Stored:
    (made,) = assign(fleet, wish(envoy_id))
    assert isinstance(made, Stored)
    return made


# Enrolment.


def test_of_fifty_at_once_with_one_token_one_enrols(fleet: Services) -> None:
    text_ = token(fleet)

    async def one() -> str:
        try:
            enrolled = await enrolment.register(
                fleet, Enrol(token=text_, csr=request()), gateway_url="wss://localhost:1530/agent/v1"
            )
        except Fault as fault:
            return fault.code
        return enrolled.envoy_id

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*(one() for _ in range(50)))

    told = asyncio.run(all_of_them())
    assert told.count("enrolment.token_refused") == 49
    page = fleet.read_now(SYSTEM, lambda work: envoys.page(work, online=envoys.nobody, graph=None))
    assert [envoy.hostname for envoy in page.envoys] == [HOST]
    assert page.envoys[0].id in told
    _, credentials = fleet.read_now(SYSTEM, envoys.credentials)
    assert len(credentials) == 1
    assert audited(fleet, "envoy.enrol") == 1


def test_a_hostname_is_live_once_whoever_comes_at_once(fleet: Services) -> None:
    tokens = [token(fleet) for _ in range(8)]

    async def one(text_: str) -> str:
        try:
            await enrolment.register(
                fleet, Enrol(token=text_, csr=request()), gateway_url="wss://localhost:1530/agent/v1"
            )
        except Fault as fault:
            return fault.code
        return "enrolled"

    async def all_of_them() -> list[str]:
        return await asyncio.gather(*map(one, tokens))

    told = asyncio.run(all_of_them())
    assert sorted(set(told)) == ["enrolled", "enrolment.already_enrolled"]
    assert told.count("enrolled") == 1


def test_a_replaced_envoy_counts_no_more_and_leaves_nothing_to_its_heir(fleet: Services) -> None:
    def enrol(text_: str) -> str:
        enrolled = asyncio.run(
            enrolment.register(fleet, Enrol(token=text_, csr=request()), gateway_url="wss://localhost:1530/agent/v1")
        )
        return enrolled.envoy_id

    old = enrol(token(fleet))
    assigned(fleet, old)
    new = enrol(token(fleet, replace=True))
    assert old != new
    _, credentials = fleet.read_now(SYSTEM, envoys.credentials)
    assert [one.envoy_id for one in credentials] == [new]
    assert fleet.read_now(SYSTEM, lambda work: latest(work, old)) is None
    assert fleet.read_now(SYSTEM, lambda work: latest(work, new)) is None
    assert fleet.read_now(SYSTEM, lambda work: envoys.known(work, HOST)).id == new
    assert fleet.read_now(SYSTEM, lambda work: envoys.known(work, old)).revoked_at is not None
    assert fleet.read_now(SYSTEM, lambda work: envoys.pubkeys(work)).keys() == {HOST}


def test_the_fingerprint_of_live_certificates_changes_with_each_issue_and_revocation(fleet: Services) -> None:
    seen = [fleet.read_now(SYSTEM, envoys.fingerprint)]
    for hostname in (HOST, "web02.example.com"):
        asyncio.run(
            enrolment.register(
                fleet, Enrol(token=token(fleet, hostname), csr=request()), gateway_url="wss://localhost:1530/agent/v1"
            )
        )
        seen.append(fleet.read_now(SYSTEM, envoys.fingerprint))
    fleet.write_now(SYSTEM, lambda work: envoys.revoke(work, HOST))
    seen.append(fleet.read_now(SYSTEM, envoys.fingerprint))
    fleet.write_now(SYSTEM, lambda work: envoys.revoke(work, HOST))
    assert len(set(seen)) == 4
    assert fleet.read_now(SYSTEM, envoys.fingerprint) == seen[-1]


def keys_request(keys: tuple[Ed25519PrivateKey, X25519PrivateKey]) -> str:
    """A request for a new TLS key that binds these."""
    return request(receipts=keys[0], sealing=keys[1])


def test_a_renewed_certificate_takes_the_place_of_the_one_before_once_it_is_shown(fleet: Services) -> None:
    fleet.clock = clock = FakeClock()
    keys = Ed25519PrivateKey.generate(), X25519PrivateKey.generate()
    asked_for = Enrol(token=token(fleet), csr=keys_request(keys))
    enrolled = asyncio.run(enrolment.register(fleet, asked_for, gateway_url="wss://localhost:1530/agent/v1"))
    begun = clock.now()

    def live() -> list[Credential]:
        return fleet.read_now(SYSTEM, envoys.credentials)[1]

    def renew(shown: Credential, csr: str, *, of: str | None = None) -> str:
        actor = Actor.agent(enrolled.envoy_id, HOST, DEFAULT_PROJECT)
        asked = enrolment.Shown(of or enrolled.envoy_id, shown.sha256, shown.not_after)
        return fleet.write_now(actor, lambda work: enrolment.renew(work, asked, csr, fleet.pki))

    (first,) = live()
    with pytest.raises(enrolment.RenewalRefused, match="half"):
        renew(first, keys_request(keys))
    clock.micros = begun + 20 * DAY
    for stranger in (
        request(),
        keys_request((keys[0], X25519PrivateKey.generate())),
        keys_request((Ed25519PrivateKey.generate(), keys[1])),
    ):
        with pytest.raises(enrolment.RenewalRefused, match="other keys"):
            renew(first, stranger)
    with pytest.raises(enrolment.RenewalRefused, match="revoked"):
        renew(first, keys_request(keys), of=new_id())
    assert live() == [first]

    renew(first, keys_request(keys))
    lost = next(each for each in live() if each != first)
    clock.advance(599)
    with pytest.raises(enrolment.RenewalRefused, match="a moment old"):
        renew(first, keys_request(keys))
    assert sorted(live()) == sorted([first, lost])
    clock.advance(1)
    renew(first, keys_request(keys))
    assert first in live()
    assert lost not in live(), "one that was never shown makes room for the next"
    assert len(live()) == 2
    newest = next(each for each in live() if each != first)
    assert newest.not_after == pytest.approx(begun + 50 * DAY, abs=DAY)

    def settle(shown: Credential) -> int:
        return fleet.write_now(SYSTEM, lambda work: enrolment.settle(work, enrolled.envoy_id, shown.sha256))

    assert settle(first) == 0
    assert len(live()) == 2, "the newer one may be on its way to the host"
    assert settle(newest) == 1
    assert live() == [newest]
    assert (audited(fleet, "envoy.renew"), audited(fleet, "envoy.certificate_replaced")) == (2, 1)

    fleet.write_now(SYSTEM, lambda work: enrolment.retire(work, enrolled.envoy_id, why="test"))
    clock.micros += 20 * DAY
    with pytest.raises(enrolment.RenewalRefused, match="revoked"):
        renew(newest, keys_request(keys))


# Assignments.


def test_generations_grow_by_one_and_never_repeat(fleet: Services) -> None:
    envoy = known(fleet)
    for generation in range(1, 4):
        made = assigned(fleet, envoy)
        assert (made.epoch, made.generation) == (1, generation)
        assert fleet.read_now(SYSTEM, lambda work: latest(work, envoy)) == made
    numbers = [(envoy, 1, 2), (envoy, 1, 4)]
    digests = fleet.db.read_now(lambda s: assignment_rows.digests(s, DEFAULT_PROJECT, numbers))
    assert digests.keys() == {(envoy, 1, 2)}
    assert digests[envoy, 1, 2] != made.sha256


def test_a_new_epoch_counts_from_one_again(fleet: Services) -> None:
    envoy = known(fleet)
    assigned(fleet, envoy)
    statement = text("INSERT INTO epochs (project_id, epoch) VALUES (:project, 2)")
    fleet.db.write_now(lambda session: session.execute(statement, {"project": DEFAULT_PROJECT}))
    made = assigned(fleet, envoy)
    assert (made.epoch, made.generation) == (2, 1)


def test_an_assignment_is_what_an_agent_checks(fleet: Services) -> None:
    envoy = known(fleet)
    made = assigned(fleet, envoy)
    body = signing.verify(SIGNING.public_key(), Domain.ASSIGNMENT, Signed.model_validate_json(made.signed))
    assignment = Assignment.model_validate(canonical.loads(body), strict=True)
    assert sha256(body) == made.sha256
    assert (assignment.envoy_id, assignment.project, assignment.generation) == (envoy, DEFAULT_PROJECT, 1)
    assert (assignment.catalog_sha256, assignment.sealed_secrets_sha256) == (CATALOG, NO_SECRETS)
    assert assignment.expires - assignment.created == assignments.LIFE
    assert made.sealed == ""


def test_secrets_are_sealed_to_the_envoy_that_is_entitled_to_them(fleet: Services) -> None:
    key, stranger = X25519PrivateKey.generate(), X25519PrivateKey.generate()
    envoy, other = known(fleet, key=key), known(fleet, "db01.example.com", stranger)
    vault = fleet.own["vault"]
    fleet.write_now(SYSTEM, lambda work: secrets.put(work, vault, "db/password", "hunter2"))
    first, second = assign(fleet, wish(envoy, secret_versions=(("db/password", 1),)), wish(other))
    assert isinstance(first, Stored)
    assert isinstance(second, Stored)
    assert second.sealed == ""
    sealed = SealedSecrets.model_validate_json(first.sealed)
    assignment = Assignment.model_validate_json(Signed.model_validate_json(first.signed).body)
    assert sealed.sha256 == assignment.sealed_secrets_sha256
    bound = {"project": DEFAULT_PROJECT, "envoy_id": envoy, "name": "db/password", "catalog_sha256": CATALOG}
    assert sealing.unseal(key, sealed.sealed["db/password"], **bound) == "hunter2"
    with pytest.raises(sealing.NotForUs):
        sealing.unseal(stranger, sealed.sealed["db/password"], **bound)


@pytest.mark.parametrize("asked", [("db/password", 2), ("db/other", 1)])
def test_one_that_lacks_a_secret_holds_up_no_other(fleet: Services, asked: tuple[str, int]) -> None:
    envoy, other = known(fleet), known(fleet, "db01.example.com")
    vault = fleet.own["vault"]
    fleet.write_now(SYSTEM, lambda work: secrets.put(work, vault, "db/password", "hunter2"))
    lacking, made, gone = assign(fleet, wish(envoy, secret_versions=(asked,)), wish(other), wish(new_id()))
    assert isinstance(lacking, assignments.SecretMissing)
    assert asked[0] in lacking.message
    assert isinstance(made, Stored)
    assert isinstance(gone, assignments.EnvoyGone)
    assert fleet.read_now(SYSTEM, lambda work: latest(work, envoy)) is None


def test_old_assignments_are_forgotten_beyond_a_bound(fleet: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(assignment_rows, "KEEP", 3)
    envoy = known(fleet)
    for _ in range(6):
        assigned(fleet, envoy)
    query = text("SELECT generation FROM assignments WHERE envoy_id = :envoy ORDER BY generation")
    kept = fleet.db.read_now(lambda session: [row[0] for row in session.execute(query, {"envoy": envoy})])
    assert kept == [4, 5, 6]


# Runs.


def report(made: Stored, **changes: object) -> Report:
    fields: dict[str, object] = {
        "id": new_id(),
        "assignment_sha256": made.sha256,
        "epoch": made.epoch,
        "generation": made.generation,
        "commit": made.commit_id,
        "catalog_sha256": made.catalog_sha256,
        "trigger": Trigger.APPLY,
        "started": 10,
        "finished": 20,
        "status": RunStatus.CONVERGED,
        "resources": [
            ResourceReport(id="a/1", type="file", outcome=Outcome.CHANGED, changed=True, corrective=True, diff="+x\0y"),
            ResourceReport(id="a/2", type="file", outcome=Outcome.UNCHANGED),
            ResourceReport(id="a/3", type="package", outcome=Outcome.SKIPPED, reason="confined"),
        ],
    }
    return Report(**(fields | changes))


def record(fleet: Services, envoy_id: str, one: Report) -> str | None:
    actor = Actor.agent(envoy_id, HOST, DEFAULT_PROJECT)
    run = fleet.write_now(actor, lambda work: runs.record(work, envoy_id, one))
    return run.id if run is not None else None


def test_a_report_is_stored_once_and_whole(fleet: Services) -> None:
    envoy = known(fleet)
    one = report(assigned(fleet, envoy))
    run_id = record(fleet, envoy, one)
    assert run_id is not None
    assert record(fleet, envoy, one) is None
    found = fleet.read_now(SYSTEM, lambda work: runs.get(work, run_id))
    assert found.resources == one.resources
    counts = (found.total, found.changed, found.unchanged, found.skipped, found.failed, found.corrective)
    assert counts == (3, 1, 1, 1, 0, 1)
    assert found.hostname == HOST
    listed = fleet.read_now(SYSTEM, lambda work: runs.page(work, key=HOST))
    assert [run.id for run in listed.runs] == [run_id]


def test_a_report_under_an_older_assignment_is_taken_and_one_under_a_foreign_one_is_not(fleet: Services) -> None:
    envoy, other = known(fleet), known(fleet, "db01.example.com")
    older = assigned(fleet, envoy)
    assigned(fleet, envoy)
    assert record(fleet, envoy, report(older)) is not None
    for foreign in (
        report(assigned(fleet, other)),
        report(older, generation=3),
        report(older, epoch=2),
        report(older, assignment_sha256="0" * 64),
    ):
        with pytest.raises(runs.ForeignReport):
            record(fleet, envoy, foreign)
    assert len(fleet.read_now(SYSTEM, lambda work: runs.page(work)).runs) == 1


@pytest.mark.parametrize("changes", [{"generation": 2**64}, {"started": 2**57}, {"duration_us": -(2**60)}])
def test_a_report_with_numbers_that_cannot_be_is_refused(fleet: Services, changes: dict[str, int]) -> None:
    envoy = known(fleet)
    with pytest.raises(runs.BadReport):
        record(fleet, envoy, report(assigned(fleet, envoy), **changes))


def test_the_same_report_id_from_two_hosts_is_two_reports(fleet: Services) -> None:
    envoy, other = known(fleet), known(fleet, "db01.example.com")
    same = new_id()
    assert record(fleet, envoy, report(assigned(fleet, envoy), id=same)) is not None
    assert record(fleet, other, report(assigned(fleet, other), id=same)) is not None


def test_only_the_newest_runs_of_an_envoy_are_kept(fleet: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_rows, "KEEP", 3)
    envoy, other = known(fleet), known(fleet, "db01.example.com")
    kept = record(fleet, other, report(assigned(fleet, other)))
    made = assigned(fleet, envoy)
    stored = [record(fleet, envoy, report(made)) for _ in range(6)]
    page = fleet.read_now(SYSTEM, lambda work: runs.page(work))
    assert [run.id for run in page.runs] == [*reversed(stored[-3:]), kept]


def test_pages_of_runs_follow_each_other_without_gap_or_repeat(fleet: Services) -> None:
    envoy = known(fleet)
    made = assigned(fleet, envoy)
    stored = [record(fleet, envoy, report(made)) for _ in range(7)]
    found: list[str] = []
    before = None
    while True:
        page = fleet.read_now(SYSTEM, lambda work, before=before: runs.page(work, before=before, limit=3))
        found += [run.id for run in page.runs]
        before = page.next_before
        if before is None:
            break
    assert found == list(reversed(stored))


def test_the_newest_run_is_the_one_that_came_last_whatever_the_clock_of_the_host_says(fleet: Services) -> None:
    envoy = known(fleet)
    made = assigned(fleet, envoy)
    record(fleet, envoy, report(made, started=10**15, finished=10**15, status=RunStatus.FAILED))
    last = record(fleet, envoy, report(made, started=5, finished=6))
    found = fleet.read_now(SYSTEM, lambda work: envoys.known(work, envoy))
    assert found.run is not None
    assert (found.run.run_id, found.run.status) == (last, RunStatus.CONVERGED)


def test_a_dry_run_is_listed_and_judges_nothing(fleet: Services) -> None:
    envoy = known(fleet)
    made = assigned(fleet, envoy)
    assert record(fleet, envoy, report(made, dry_run=True, status=RunStatus.FAILED)) is not None
    assert fleet.read_now(SYSTEM, lambda work: envoys.known(work, envoy)).run is None


# Traits, lists, another project.


def said(value: dict[str, object], collected_at: int = 5) -> Traits:
    return Traits(sha256=sha256(canonical.dumps(value)), collected_at=collected_at, traits=value)


def test_the_inventory_finds_hosts_by_what_they_say(fleet: Services) -> None:
    facts: dict[str, dict[str, object]] = {
        "a.example.com": {
            "os": {"family": "debian", "version": "12"},
            "memory": {"total_mb": 2048},
            "tags": ["x", "y"],
        },
        "b.example.com": {"os": {"family": "redhat"}, "memory": {"total_mb": 512}, "virtual": True},
    }
    for hostname, value in facts.items():
        envoy = known(fleet, hostname)
        fleet.write_now(SYSTEM, lambda work, envoy=envoy, value=value: traits.store(work, envoy, said(value)))

    def hosts(*where: str) -> list[str]:
        found = fleet.read_now(SYSTEM, lambda work: traits.inventory(work, where=where))
        return [item.hostname for item in found.envoys]

    assert hosts() == ["a.example.com", "b.example.com"]
    assert hosts("os.family=debian") == ["a.example.com"]
    assert hosts("memory.total_mb=512", "virtual=true") == ["b.example.com"]
    assert hosts("tags=y") == ["a.example.com"]
    assert hosts("os=debian") == hosts("nothing.here=1") == []
    shown = fleet.read_now(SYSTEM, lambda work: traits.inventory(work, where=["tags=x"], show="os.family, none"))
    assert shown.envoys[0].traits == {"os.family": "debian", "none": None}
    with pytest.raises(traits.BadCondition):
        hosts("os.family")


def test_traits_that_are_not_what_their_digest_says_are_refused(fleet: Services) -> None:
    envoy = known(fleet)
    for message in (
        said({"a": 1}).model_copy(update={"traits": {"a": 2}}),
        said({"a": "x" * traits.MAX_BYTES}),
        Traits(sha256="0" * 64, collected_at=5, traits={"a": float("nan")}),
        said({"a": 1}, collected_at=2**57),
    ):
        with pytest.raises(traits.BadTraits):
            fleet.write_now(SYSTEM, lambda work, message=message: traits.store(work, envoy, message))
    with pytest.raises(traits.NoTraits):
        fleet.read_now(SYSTEM, lambda work: traits.get(work, envoy))


def test_pages_of_envoys_say_where_the_next_begins(fleet: Services) -> None:
    for number in range(5):
        known(fleet, f"h{number}.example.com")
    fleet.write_now(SYSTEM, lambda work: envoys.revoke(work, "h2.example.com"))

    def page(**options: object) -> tuple[list[str], bool, int, int]:
        found = fleet.read_now(SYSTEM, lambda work: envoys.page(work, online=envoys.nobody, graph=None, **options))
        return [envoy.hostname[:2] for envoy in found.envoys], found.has_more, found.next_offset, found.total

    assert page() == (["h0", "h1", "h3", "h4"], False, 4, 4)
    assert page(limit=2) == (["h0", "h1"], True, 2, 4)
    assert page(limit=2, offset=2) == (["h3", "h4"], False, 4, 4)
    assert page(include_revoked=True)[3] == 5
    assert page(limit=0, offset=-3)[0] == ["h0"]
    assert page(limit=10**9)[3] == 4


def test_another_project_sees_nothing_of_it(fleet: Services) -> None:
    other = "00000000-0000-5000-8000-000000000001"
    statement = text("INSERT INTO projects VALUES (:id, 'other', 0)")
    fleet.db.write_now(lambda session: session.execute(statement, {"id": other}))
    envoy = known(fleet)
    vault = fleet.own["vault"]
    run_id = record(fleet, envoy, report(assigned(fleet, envoy)))
    assert run_id is not None
    fleet.write_now(SYSTEM, lambda work: secrets.put(work, vault, "a", "b"))
    stranger = Actor.system("test", other)
    looks: list[Callable[..., object]] = [
        lambda work: envoys.known(work, envoy),
        lambda work: envoys.known(work, HOST),
        lambda work: runs.get(work, run_id),
        lambda work: traits.get(work, envoy),
    ]
    for look in looks:
        with pytest.raises(Fault) as refused:
            fleet.read_now(stranger, look)
        assert refused.value.status == 404
    assert fleet.read_now(stranger, secrets.page).secrets == []
    assert fleet.read_now(stranger, runs.page).runs == []
    assert fleet.read_now(stranger, lambda work: latest(work, envoy)) is None
    assert fleet.read_now(stranger, envoys.pubkeys) == {}
    with pytest.raises(secrets.SecretNotFound):
        fleet.write_now(stranger, lambda work: secrets.forget(work, "a"))
