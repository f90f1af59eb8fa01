"""An executor in memory, cheap enough for thousands in one process.

It judges each target as an agent does (`agent.acceptance`), holds objects by digest, keeps of each resource, whatever
its type, what it is to be in a file of its own on `agent.hosts.memory`, and vouches for its reports with the agent's
own receipts. What is the same for all agents (a catalog's signature, its reading, the bytes of an object) is worked out
once in a process.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final, NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import BaseModel

from agent.acceptance import Acceptance, Refusal, RefusalCode, Trust, along, digest_of
from agent.boundary import Collected, Ran, Spooled, SpooledReport, Standing, Stored, Verdict
from agent.hosts.host import Kind
from agent.hosts.memory import MemoryHost, Node
from agent.receipts import Receipts
from agent.reporting import as_sent
from api.services.vouching import signed_body
from schema import canonical
from schema.ids import new_id, sha256
from schema.protocol.desired import Catalog, CrateObject
from schema.protocol.messages import Applied, Traits
from schema.protocol.reports import Outcome, Report, ResourceReport, RunStatus, Trigger
from schema.protocol.signing import BadSignature, Domain, Signed, Signer

READ_REPORTS: Final = 8


class Identity(NamedTuple):
    """Who one agent is."""

    envoy_id: str
    project: str
    hostname: str
    certificate: str
    key: str
    seed: str
    """Hex, from which its two other keys are derived."""


def receipts_key(seed: str) -> Ed25519PrivateKey:
    """Which signs its receipts."""
    return Ed25519PrivateKey.from_private_bytes(bytes.fromhex(sha256(f"ed25519 {seed}".encode())))


def sealing_key(seed: str) -> X25519PrivateKey:
    """To which its secrets are sealed."""
    return X25519PrivateKey.from_private_bytes(bytes.fromhex(sha256(f"x25519 {seed}".encode())))


def traits_of(hostname: str) -> Collected:
    """What such a host says it is."""
    said = {
        "os": {"distro": "debian", "family": "debian", "version": "12"},
        "memory": {"total_mb": 2048},
        "host_self": {"hostname": hostname},
    }
    digest = sha256(canonical.dumps(said))
    message = Traits(sha256=digest, collected_at=0, traits=said)
    digests = {name: sha256(canonical.dumps(value)) for name, value in said.items()}
    return Collected(sha256=digest, stable_sha256=digest, message=message.model_dump_json(), digests=digests)


class Run(NamedTuple):
    """A run that is over."""

    commit: str
    """Of what it applied; empty where nothing is in force."""
    conclude: Callable[[], Ran]
    """Spools its report."""


class Executor:
    """One agent's hand."""

    def __init__(self, identity: Identity, signing: Ed25519PublicKey, *, failing: bool = False) -> None:
        self.identity: Final = identity
        self.failing = failing
        """Whether its first resource cannot be converged, as on a host with a broken disk."""
        trust = Trust(identity.project, identity.envoy_id, signing, sealing_key(identity.seed))
        self._acceptance: Final = _Acceptance(trust)
        self._host: Final = MemoryHost()
        self._objects: Final[set[str]] = set()
        self._wanted: dict[str, int] = {}
        self._receipts: Final = Receipts(_Memory(), project=identity.project, envoy_id=identity.envoy_id)  # type: ignore[arg-type]
        self._receipts.__dict__["_signer"] = Signer(receipts_key(identity.seed))
        self._spool: Final[dict[int, SpooledReport]] = {}
        self._sequence = 0

    def standing(self) -> Standing:
        """See `agent.boundary.Executor`; so for the others."""
        held = self._acceptance.held
        return Standing(applied=held.applied if held else None)

    def offer(self, target: bytes) -> Verdict:
        try:
            accepted = self._acceptance.judge(target, time.time_ns() // 1_000)
        except Refusal as refusal:
            named = digest_of(target)
            return Verdict(outcome="refused", assignment_sha256=named, code=refusal.code, message=refusal.message)
        verdict = Verdict(
            outcome="held",
            assignment_sha256=accepted.assignment_sha256,
            epoch=accepted.assignment.epoch,
            generation=accepted.assignment.generation,
            applied=accepted.applied,
        )
        if accepted is self._acceptance.held:
            return verdict
        missing = sorted(accepted.objects.keys() - self._objects)
        for data in along(target, accepted.objects, missing):
            self._hold(sha256(data), data)
        if missing := [digest for digest in missing if digest not in self._objects]:
            self._wanted = {digest: accepted.objects[digest] for digest in missing}
            return verdict.model_copy(update={"outcome": "incomplete", "need": missing, "applied": None})
        self._objects.intersection_update(accepted.objects)
        self._acceptance.admit(accepted)
        return verdict.model_copy(update={"outcome": "accepted"})

    def store(self, data: bytes) -> Stored:
        digest = sha256(data)
        if self._wanted.get(digest) != len(data):
            return Stored(sha256=digest, ok=digest in self._objects, message="nothing lacks these bytes")
        self._hold(digest, data)
        return Stored(sha256=digest, ok=True)

    def converge(self, trigger: Trigger) -> Run:
        """Make the host what is in force says."""
        held = self._acceptance.held
        if held is None:
            return Run("", Ran)
        began = time.time_ns() // 1_000
        found: list[ResourceReport] = []
        for crate in held.catalog.crates:
            for resource in _files(crate.sha256):
                if self.failing and not found:
                    line = resource.failed
                else:
                    line = resource.unchanged if self._is(resource) else self._make(resource)
                found.append(line)
        named, finished = held.applied, time.time_ns() // 1_000
        return Run(named.commit, lambda: self._report(trigger, named, found, began=began, finished=finished))

    def _report(
        self, trigger: Trigger, named: Applied, found: list[ResourceReport], *, began: int, finished: int
    ) -> Ran:
        failed = sum(each.outcome is Outcome.FAILED for each in found)
        report = Report(
            id=new_id(),
            trigger=trigger,
            started=began,
            finished=finished,
            status=RunStatus.FAILED if failed else RunStatus.CONVERGED,
            resources=found,
            **named.model_dump(),
        )
        self._sequence += 1
        text = as_sent(self._receipts.vouch(report))
        self._spool[self._sequence] = SpooledReport(sequence=self._sequence, id=report.id, report=text)
        changed = sum(each.changed for each in found)
        return Ran(status=report.status, reported=True, changed=changed, failed=failed)

    def reports(self, after: int) -> Spooled:
        waiting = [place for place in self._spool if place > after]
        some = [self._spool[place] for place in waiting[:READ_REPORTS]]
        return Spooled(after=after, reports=some, more=len(waiting) > READ_REPORTS)

    def forget(self, sequence: int) -> None:
        self._spool.pop(sequence, None)

    def _hold(self, digest: str, data: bytes) -> None:
        _SHARED.setdefault(digest, data)
        self._objects.add(digest)

    def _is(self, file: _File) -> bool:
        node = self._host.nodes.get(file.path)
        return node is not None and (node is file.node or node.data == file.node.data)

    def _make(self, file: _File) -> ResourceReport:
        nodes = self._host.nodes
        if file.path not in nodes:
            parent = ""
            for part in file.path.split("/")[1:-1]:
                parent = f"{parent}/{part}"
                if parent not in nodes:
                    self._host.mkdir(parent, mode=0o755)
        nodes[file.path] = file.node
        return file.changed


class _File(NamedTuple):
    """One resource, and what a report says of it."""

    path: str
    node: Node
    """As it is to be; nobody changes it, so it is one for all."""
    unchanged: ResourceReport
    changed: ResourceReport
    failed: ResourceReport


_SHARED: Final[dict[str, bytes]] = {}
"""Objects that some agent of this process holds."""


@lru_cache(4_096)
def _files(digest: str) -> tuple[_File, ...]:
    """The resources of a crate, as they are to be."""
    crate = CrateObject.model_validate(canonical.loads(_SHARED[digest]))
    found = []
    for resource in crate.resources:
        told: dict[str, Any] = {"id": resource.id, "type": resource.type, "file": resource.file, "line": resource.line}
        spec: Mapping[str, Any] = resource.spec
        found.append(
            _File(
                path=f"/{resource.id}",  # a directory and a file in it are two files here
                node=Node(Kind.FILE, 0o644, 0, 0, canonical.dumps(spec)),
                unchanged=ResourceReport(outcome=Outcome.UNCHANGED, duration_us=9, **told),
                changed=ResourceReport(outcome=Outcome.CHANGED, changed=True, action="update", duration_us=90, **told),
                failed=ResourceReport(outcome=Outcome.FAILED, error="input/output error", duration_us=90, **told),
            )
        )
    return tuple(found)


class _Acceptance(Acceptance):
    """As agents judge, but what one agent of the process has found of a catalog's text the others take from it, and
    signatures are checked by libsodium, in half the time."""

    def _verified(self, signed: Signed, domain: Domain, limit: int) -> bytes:
        key = self._trust.signing.public_bytes_raw()
        if domain is Domain.CATALOG:
            return _verified_catalog(key, signed.body, signed.key_id, signed.signature)
        try:
            return signed_body(key, domain, signed)
        except BadSignature as error:
            raise Refusal(RefusalCode.SIGNATURE, str(error)) from error

    def _catalog(self, body: bytes) -> tuple[Catalog, dict[str, int]]:
        known = _CATALOGS.get(body)
        if known is None:
            known = _CATALOGS[body] = super()._catalog(body)
        return known


_CATALOGS: Final[dict[bytes, tuple[Catalog, dict[str, int]]]] = {}
"""Catalogs that some agent of this process has read."""


@lru_cache(4_096)
def _verified_catalog(key: bytes, body: str, key_id: str, signature: str) -> bytes:
    return signed_body(key, Domain.CATALOG, Signed(body=body, key_id=key_id, signature=signature))


class _Memory:
    """What the agent's receipts keep, in memory."""

    def read_model(self, name: str, model: type[BaseModel]) -> None:
        return None

    def write_model(self, name: str, value: BaseModel) -> None:
        """Nothing lasts here."""

    def file(self, name: str) -> Path:
        raise LookupError(name)
