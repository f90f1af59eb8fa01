"""Reports of fifty resources, from the bytes that came to the row that is on disk: on SQLite (FULL) and on PostgreSQL;
in a fleet that is new, and in one that has as many runs and receipts of each host as are kept, so that with each report
the oldest go. Making the reports is not measured; reading their frames and checking their receipts is.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import uvloop
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from agent.reporting import as_sent
from api.gateway.inbox import Inbox
from api.services import lines
from api.services.container import Services
from api.services.passwords import Passwords
from api.services.work import Actor
from api.settings import Settings
from api.storage import assignments as assignment_rows
from api.storage import envoys as envoy_rows
from api.storage import receipts as receipt_rows
from api.storage import runs as run_rows
from api.storage.assignments import Stored
from api.storage.database import Database
from api.storage.envoys import Known
from reconciler import collecting
from schema import canonical
from schema.ids import DEFAULT_PROJECT, new_id, sha256
from schema.protocol.messages import ReportMessage
from schema.protocol.receipts import FIRST, Receipt, outcomes_digest
from schema.protocol.reports import Outcome, Report, ResourceReport, RunStatus, Trigger
from schema.protocol.signed import Signed
from schema.protocol.signing import Domain, Signer
from schema.receipts import ReceiptStanding
from tests.bench.figures import Figure
from tests.factories.ended import ended
from tests.postgres import running

HOSTS = 500
TURNS = 8
NOW = 1_795_300_000_000_000
KEY = Ed25519PrivateKey.generate()


def run() -> Iterable[Figure]:
    hosts = [new_id() for _ in range(HOSTS)]
    collecting.seldom()  # as the server does
    for kind, target in (("SQLite (FULL)", 4_000.0), ("PostgreSQL", 3_000.0)):
        for kept, fleet in ((0, "a new fleet"), (receipt_rows.KEEP, "a fleet that has all that is kept")):
            sent = list(_reports(hosts, kept))
            with _services(kind) as services:
                services.db.write_now(lambda session, kept=kept: _fill(session, hosts, kept))  # type: ignore[misc]
                wall_s, cpu_s = uvloop.run(_send(services, sent))
            # A figure is a limit from above: how long a report takes, of which so many a second are the other way about.
            yield Figure(
                name=f"one report of 50 resources durable on {kind}, of {len(sent):,} at once, {fleet}",
                value=wall_s * 1e6, unit="µs", target=None if kept else 1e6 / target,
                note=f"{1 / wall_s:,.0f} a second, receipts checked; {cpu_s * 1e6:.0f} µs of processor each",
            )  # fmt: skip


async def _send(services: Services, sent: list[tuple[str, bytes]]) -> tuple[float, float]:
    inbox, key = Inbox(services), KEY.public_key().public_bytes_raw().hex()
    per_host: dict[str, list[bytes]] = {}
    for envoy_id, raw in sent:
        per_host.setdefault(envoy_id, []).append(raw)

    async def one(envoy_id: str, raws: list[bytes]) -> None:
        actor = Actor.agent(envoy_id, "host", DEFAULT_PROJECT)
        for raw in raws:  # a connection has one message under way
            message = lines.read(raw)
            assert isinstance(message, ReportMessage)
            await inbox.put(actor, message.report, key)

    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(one(envoy_id, raws) for envoy_id, raws in per_host.items()))
    return (time.perf_counter() - wall) / len(sent), (time.process_time() - cpu) / len(sent)


def _reports(hosts: list[str], kept: int = 0) -> Iterator[tuple[str, bytes]]:
    """Frames of reports, each with its receipt, of which there are so many already."""
    signer, previous = Signer(KEY), dict.fromkeys(hosts, f"{kept:064}" if kept else FIRST)
    lines = [
        ResourceReport(
            id=f"crate{number // 10}/resource-{number}", type="file", outcome=Outcome.UNCHANGED, duration_us=12,
            file=f"configcrates/crate{number // 10}.vgo", line=number,
        )
        for number in range(50)
    ]  # fmt: skip
    for turn in range(kept + 1, kept + TURNS + 1):
        for envoy_id in hosts:
            report = Report(
                id=new_id(), assignment_sha256=sha256(envoy_id.encode()), epoch=1, generation=1, commit="c" * 40,
                catalog_sha256="b" * 64, trigger=Trigger.INTERVAL, started=NOW, finished=NOW + 1, duration_us=100,
                status=RunStatus.CONVERGED, resources=lines,
            )  # fmt: skip
            receipt = Receipt(
                project=DEFAULT_PROJECT, envoy_id=envoy_id, number=turn, previous=previous[envoy_id],
                report_id=report.id, commit=report.commit, epoch=1, generation=1,
                assignment_sha256=report.assignment_sha256, catalog_sha256=report.catalog_sha256, status="converged",
                finished=report.finished, outcomes_sha256=outcomes_digest(report),
            )  # fmt: skip
            signed = signer.sign(Domain.RECEIPT, canonical.dumps(receipt.model_dump(mode="json")))
            previous[envoy_id] = signed.sha256
            text = as_sent(report.model_copy(update={"receipt": signed}))
            yield envoy_id, f'{{"type":"report","report":{text}}}'.encode()


def _fill(session: Any, hosts: list[str], kept: int = 0) -> None:
    key = KEY.public_key().public_bytes_raw().hex()
    for number, envoy_id in enumerate(hosts):
        known = Known(id=envoy_id, hostname=f"h{number}.x", ed25519=key, x25519="f" * 64, enrolled_at=1)
        envoy_rows.add(session, DEFAULT_PROJECT, known)
    stored = [
        Stored(one, 1, 1, sha256(one.encode()), "c" * 40, "b" * 64, "0" * 64, "p", "e", "{}", "", "", 1, 2)
        for one in hosts
    ]
    assignment_rows.put(session, DEFAULT_PROJECT, stored)
    resources = random.Random(7).randbytes(480)  # as many as fifty have when they are packed
    for _ in range(run_rows.KEEP if kept else 0):
        run_rows.add(session, DEFAULT_PROJECT, [ended(one, resources=resources) for one in hosts])
    linked, signed = ReceiptStanding.LINKED, Signed(body="x" * 700, key_id="0" * 64, signature="x" * 88)
    for place in range(1, kept + 1):
        receipts = [receipt_rows.Fresh(one, place, place, f"{place:064}", linked, NOW, signed) for one in hosts]
        receipt_rows.add(session, DEFAULT_PROJECT, receipts)


@contextmanager
def _services(kind: str) -> Iterator[Services]:
    with tempfile.TemporaryDirectory(prefix="vigo-reports-") as place:
        folder, passwords = Path(place), Passwords(memory_kib=8, passes=1)
        if kind == "PostgreSQL":
            with running(durable=True) as postgres, postgres.database() as url:
                database = Database.open(url)
                yield Services(Settings(data_dir=folder), database, passwords=passwords)
                database.close_now()
        else:
            database = Database.open(folder / "vigo.db")
            yield Services(Settings(data_dir=folder), database, passwords=passwords)
            database.close_now()
        passwords.close()
