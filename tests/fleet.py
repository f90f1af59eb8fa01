"""A server with a fleet: an authority, a graph in force, and one host that enrolled, said what it is and converged."""

from __future__ import annotations

import asyncio
from functools import cache
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, x25519
from cryptography.hazmat.primitives.serialization import Encoding

from api.services import drifts, revisions, runs, standings, traits
from api.services.bootstrap import Bootstrap
from api.services.pki import Pki
from api.services.secrets import Vault
from api.services.tallies import Tally
from api.storage import assignments
from api.storage.assignments import Stored
from reconciler import graph, repository
from reconciler.graph import Graph
from schema import canonical
from schema.access import Role
from schema.ids import DEFAULT_PROJECT, sha256
from schema.protocol.enrolment import ED25519_ATTRIBUTE, X25519_ATTRIBUTE, encode_key
from schema.protocol.messages import Traits
from schema.protocol.reports import Outcome, Report, ResourceReport, RunStatus, Trigger
from tests.server import Server

HOST = "web01.prod.example.com"
COMMIT = "c" * 40
LAST_DAY = "2026-11-22"
"""Of which a snapshot is kept."""
CONFIG = {
    "vigo.vgo": "language: 1\n",
    "common.vgo": "configcrates: [motd]\nvars: {dns: 1.1.1.1, port: 80}\n",
    "roles.vgo": "roles: {webserver: {includes: [base], configcrates: [nginx], vars: {workers: 2}}, base: {configcrates: [ssh]}}\n",
    "environments.vgo": "environments: {production: {vars: {port: 8443}}}\n",
    "production/common.vgo": "vars: {dns: 10.0.0.1}\nconfigcrates: [logs]\nusercrates: [login]\n",
    "production/web.vgo": (
        'envoys:\n  - match: "web*.prod.example.com"\n    environment: production\n    roles: [webserver]\n    vars: {port: 443}\n'
        '  - match: "db*.prod.example.com"\n    configcrates: [nginx]\n    usercrates: [keys]\n'
    ),
    **{f"usercrates/{name}.vgo": f"name: {name}\n" for name in ("login", "keys")},
    **{
        f"configcrates/{name}.vgo": f"name: {name}\nresources:\n  - {{name: dir, type: directory, path: /srv/{name}}}\n"
        for name in ("motd", "nginx", "ssh", "logs", "unused")
    },
}


@cache
def config_graph() -> Graph:
    """The graph of a small tree."""
    folder = Path(mkdtemp(prefix="vigo-config-"))
    for name, text in CONFIG.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    compiled = graph.compile(repository.directory(folder))
    assert compiled.graph is not None, compiled.diagnostics
    return compiled.graph


class FleetServer(Server):
    """A server, its authority, and one host."""

    def __init__(self, folder: Path, **options: Any) -> None:
        super().__init__(folder, **options)
        self.services.pki = Pki.open(folder / "pki", now=self.clock.now())
        self.services.own["vault"] = Vault.open(folder)
        self.services.own["bootstrap"] = _bootstrap(folder, self.services.pki)
        self.services.graph = config_graph()
        self.services.write_now(
            self.system,
            lambda work: revisions.record_in_force(work, commit=COMMIT, plan_root="0" * 64, compiled_ms=1.0),
        )
        self.services.write_now(self.system, lambda work: drifts.snapshot(work, {"total": 1}, LAST_DAY))
        self.envoy_id = self.enrol(HOST)
        self.run_id = self.converge(self.envoy_id)
        self.tally = self.services.own["standings"] = Tally(self.services)
        self.count()

    def count(self) -> None:
        """Count the fleet as to the revision in force."""
        revision = self.services.read_now(self.system, lambda work: standings.find(work, "current"))
        self.tally.load(self.services.read_now(self.system, standings.fleet))
        asyncio.run(self.tally.begin(revision, config_graph()))

    def enrol(self, hostname: str) -> str:
        """Enrol a host over REST; its id."""
        made = self.post("/api/v1/bootstrap/tokens", role=Role.OPERATOR, json={"hostname": hostname})
        assert made.status_code == 201, made.text
        answer = self.post("/api/v1/bootstrap/register", json={"token": made.json()["token"], "csr": request()})
        assert answer.status_code == 200, answer.text
        return str(answer.json()["envoy_id"])

    def converge(self, envoy_id: str) -> str:
        """Give a host its assignment, its traits and one run; the run's id."""
        profile = config_graph().match(HOST)
        assert profile is not None
        stored = Stored(
            envoy_id=envoy_id, epoch=1, generation=1, sha256="a" * 64, commit_id=COMMIT, plan_root="0" * 64,
            catalog_sha256=profile.catalog_sha256, profile=profile.id, environment=profile.environment, signed="{}",
            sealed="", secrets_key="", created_at=self.clock.now(), expires_at=self.clock.now() + 10**12,
        )  # fmt: skip
        said = {"os": {"distro": "debian", "family": "debian"}, "memory": {"total_mb": 1024}}
        message = Traits(sha256=sha256(canonical.dumps(said)), collected_at=self.clock.now(), traits=said)
        report = Report(
            id="01a200ac-0000-7000-8000-000000000001", assignment_sha256="a" * 64, epoch=1, generation=1, commit=COMMIT,
            catalog_sha256=profile.catalog_sha256, trigger=Trigger.APPLY, started=self.clock.now(),
            finished=self.clock.now() + 1, status=RunStatus.CONVERGED,
            resources=[ResourceReport(id="nginx/dir", type="directory", outcome=Outcome.CHANGED, changed=True)],
        )  # fmt: skip
        self.services.db.write_now(lambda session: assignments.put(session, DEFAULT_PROJECT, [stored]))
        self.services.write_now(self.system, lambda work: traits.store(work, envoy_id, message))
        run = self.services.write_now(self.system, lambda work: runs.record(work, envoy_id, report))
        assert run is not None
        return run.id


def request(receipts: ed25519.Ed25519PrivateKey | None = None, sealing: x25519.X25519PrivateKey | None = None) -> str:
    """A certificate request as an agent makes it, PEM; for a fresh TLS key, and for fresh others unless given."""
    receipts, sealing = receipts or ed25519.Ed25519PrivateKey.generate(), sealing or x25519.X25519PrivateKey.generate()
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    for oid, key in (
        (ED25519_ATTRIBUTE, receipts.public_key()),
        (X25519_ATTRIBUTE, sealing.public_key()),
    ):
        builder = builder.add_attribute(x509.ObjectIdentifier(oid), encode_key(key.public_bytes_raw()))
    made = builder.sign(ec.generate_private_key(ec.SECP256R1()), hashes.SHA256())
    return made.public_bytes(Encoding.PEM).decode()


@cache
def _artifact() -> Any:
    from api.services.bootstrap import build

    return build()


def _bootstrap(folder: Path, authority: Pki) -> Bootstrap:
    return Bootstrap(_artifact(), authority)
