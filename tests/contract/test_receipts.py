"""What hosts vouch for: chained by the agent, checked and kept by the server, the same on SQLite and on PostgreSQL."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from sqlalchemy import text

from agent.receipts import Receipts as Chain
from agent.state import State
from api.services import assignments, receipts, runs
from api.services.assignments import Stored, Wish
from api.services.container import Services
from api.services.pki import Pki
from api.services.secrets import Vault
from api.services.work import Actor
from api.storage import envoys as envoy_rows
from api.storage import receipts as rows
from api.storage.envoys import Known
from schema import canonical
from schema.ids import DEFAULT_PROJECT, new_id
from schema.protocol.receipts import FIRST, Receipt
from schema.protocol.reports import Outcome, Report, ResourceReport, RunStatus, Trigger
from schema.protocol.signing import Domain, sign, verify
from schema.receipts import Receipts

SYSTEM = Actor.system("test")
HOST = "web01.example.com"
SIGNING = Ed25519PrivateKey.generate()


class Host:
    """An envoy that is known, with its key, its chain and an assignment."""

    def __init__(self, fleet: Services, folder: Path) -> None:
        self.fleet, self.folder = fleet, folder
        self.key = Ed25519PrivateKey.generate()
        self.id = new_id()
        sealing = X25519PrivateKey.generate().public_key().public_bytes_raw().hex()
        known = Known(
            id=self.id,
            hostname=HOST,
            ed25519=self.key.public_key().public_bytes_raw().hex(),
            x25519=sealing,
            enrolled_at=1,
        )
        fleet.db.write_now(lambda session: envoy_rows.add(session, DEFAULT_PROJECT, known))
        wish = Wish(self.id, "d" * 40, "f" * 64, "web", "production", "c" * 64, (), "")
        vault = fleet.own["vault"]
        (made,) = fleet.write_now(SYSTEM, lambda work: assignments.make(work, [wish], key=SIGNING, vault=vault))
        assert isinstance(made, Stored)
        self.assigned = made
        self.chain = self.begin()

    def begin(self, name: str = "state") -> Chain:
        state = State.open(self.folder / name)
        state.file("ed25519.key").touch(0o600)
        state.file("ed25519.key").write_bytes(self.key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        return Chain(state, project=DEFAULT_PROJECT, envoy_id=self.id)

    def report(self, **changes: Any) -> Report:
        fields: dict[str, Any] = {
            "id": new_id(),
            "assignment_sha256": self.assigned.sha256,
            "epoch": self.assigned.epoch,
            "generation": self.assigned.generation,
            "commit": "d" * 40,
            "catalog_sha256": "c" * 64,
            "trigger": Trigger.APPLY,
            "started": 1,
            "finished": 2,
            "status": RunStatus.CONVERGED,
            "resources": [ResourceReport(id="a/1", type="file", outcome=Outcome.CHANGED, changed=True)],
        }
        return Report(**(fields | changes))

    def send(self, report: Report) -> None:
        actor = Actor.agent(self.id, HOST, DEFAULT_PROJECT)
        self.fleet.write_now(actor, lambda work: runs.record(work, self.id, report))

    def run(self) -> Report:
        report = self.chain.vouch(self.report())
        self.send(report)
        return report

    def kept(self, **page: Any) -> Receipts:
        return self.fleet.read_now(SYSTEM, lambda work: receipts.page(work, HOST, **page))

    def standings(self) -> list[tuple[int, str]]:
        return [(each.number, each.standing.value) for each in self.kept().receipts]

    def audited(self, action: str) -> int:
        query = text("SELECT COUNT(*) FROM audit_entries WHERE kind = :kind")
        kind = {"kind": action.replace(".", "_")}
        return int(self.fleet.db.read_now(lambda session: session.execute(query, kind).scalar()))


@pytest.fixture
def host(services: Services, tmp_path: Path) -> Host:
    services.pki = Pki.open(tmp_path / "pki", now=services.clock.now())
    services.own["vault"] = Vault.open(tmp_path / "pki")
    return Host(services, tmp_path)


def test_each_names_the_one_before_and_can_be_checked_with_the_key_alone(host: Host) -> None:
    reports = [host.run() for _ in range(3)]
    kept = host.kept()
    assert kept.key == host.key.public_key().public_bytes_raw().hex()
    assert host.standings() == [(3, "linked"), (2, "linked"), (1, "linked")]
    previous = FIRST
    for each, report in zip(reversed(kept.receipts), reports, strict=True):
        body = Receipt.model_validate(canonical.loads(verify(host.key.public_key(), Domain.RECEIPT, each.receipt)))
        assert (body.previous, body.report_id, body.envoy_id) == (previous, report.id, host.id)
        previous = each.sha256


def test_the_chain_goes_on_after_a_restart_and_one_sent_twice_is_kept_once(host: Host) -> None:
    first = host.run()
    host.send(first)
    host.chain = host.begin()
    host.run()
    assert host.standings() == [(2, "linked"), (1, "linked")]


def test_a_lost_report_is_a_gap(host: Host) -> None:
    host.run()
    host.chain.vouch(host.report())
    host.run()
    host.run()
    assert host.standings() == [(4, "linked"), (3, "gap"), (1, "linked")]
    assert host.audited("envoy.receipt_forked") == 0


def test_a_host_that_was_set_back_is_told(host: Host) -> None:
    host.run()
    host.run()
    (host.folder / "state" / "receipt.json").write_text(
        f'{{"envoy_id":"{host.id}","number":1,"sha256":"{host.kept().receipts[-1].sha256}"}}'
    )
    host.chain = host.begin()
    host.run()
    assert host.standings()[0] == (2, "forked")
    assert host.audited("envoy.receipt_forked") == 1


def test_a_copy_of_a_host_forks(host: Host) -> None:
    host.run()
    copied = host.begin("copy")
    host.send(copied.vouch(host.report()))
    assert host.standings()[0] == (1, "forked")


@pytest.mark.parametrize("how", ["another key", "other outcomes", "another report", "another purpose", "no receipt"])
def test_one_that_is_forged_is_not_kept_but_its_report_is(host: Host, how: str) -> None:
    report = host.chain.vouch(host.report())
    assert report.receipt is not None
    body = report.receipt.body.encode()
    changes: dict[str, Any] = {
        "another key": {"receipt": sign(Ed25519PrivateKey.generate(), Domain.RECEIPT, body)},
        "other outcomes": {"resources": [ResourceReport(id="a/1", type="file", outcome=Outcome.UNCHANGED)]},
        "another report": {"id": new_id()},
        "another purpose": {"receipt": sign(host.key, Domain.CATALOG, body)},
        "no receipt": {"receipt": sign(host.key, Domain.RECEIPT, b'{"format":1}')},
    }[how]
    host.send(report.model_copy(update=changes))
    assert host.standings() == []
    assert host.audited("envoy.receipt_forged") == 1
    assert host.fleet.read_now(SYSTEM, lambda work: len(runs.page(work, key=HOST).runs)) == 1


def test_an_agent_that_gives_none_is_heard_all_the_same(host: Host) -> None:
    host.send(host.report())
    assert host.standings() == []
    assert host.audited("envoy.receipt_forged") == 0


def test_only_so_many_are_kept_and_listed_page_by_page(host: Host, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rows, "KEEP", 5)
    for _ in range(8):
        host.run()
    first = host.kept(limit=3)
    assert [each.number for each in first.receipts] == [8, 7, 6]
    rest = host.kept(limit=3, before=first.next_before)
    assert ([each.number for each in rest.receipts], rest.next_before) == ([5, 4], None)
