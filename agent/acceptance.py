"""Acceptance: whether a target that somebody handed us is the server's newest word for this very envoy.

Owns the order of the checks and the memory of the newest (epoch, generation); does no I/O and reads no clock. The order
is that of TUF's client: sizes, signature, format, whom it is for, age, expiry, approval where the host asks for one,
then what it names by digest. Nothing is parsed before its signature is verified, and any doubt keeps what is in force.

Invariant: the (epoch, generation) in force never goes down, and of one pair only one assignment is ever accepted.
"""

from __future__ import annotations

import base64
import contextlib
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Final, NamedTuple, TypeVar

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from pydantic import BaseModel, ConfigDict, ValidationError

from agent import approval
from agent.objects import MAX_OBJECT_BYTES
from schema import canonical, guardrails
from schema.ids import EnvoyId, Sha256, sha256
from schema.protocol.desired import NO_SECRETS, Assignment, Catalog, SealedSecrets, SignedShape
from schema.protocol.sealing import NotForUs, unseal
from schema.protocol.signing import MAX_SIGNED_BYTES, BadSignature, Domain, Signed, verify
from schema.protocol.targets import MAX_FRAME_BYTES, Applied, Target

if TYPE_CHECKING:
    from schema.protocol.messages import Probe
    from schema.protocol.probes import ProbeOrder

MAX_ASSIGNMENT_BYTES: Final = 16 * 1024
MAX_ORDER_BYTES: Final = 64 * 1024
MAX_OBJECTS: Final = 20_000
MAX_CONTENT_BYTES: Final = 1024 * 1024 * 1024
MAX_SECRETS: Final = 1_000


class RefusalCode(StrEnum):
    """What is wrong with a target, in a word."""

    SIZE = "size"
    SIGNATURE = "signature"
    FORMAT = "format"
    FOREIGN = "foreign"
    ROLLBACK = "rollback"
    EXPIRED = "expired"
    MIXED = "mixed"
    UNAPPROVED = "unapproved"
    GUARDRAIL = "guardrail"


class Refusal(Exception):
    """The target is not accepted; what is in force stays."""

    def __init__(self, code: RefusalCode, message: str) -> None:
        super().__init__(message)
        self.code: Final = code
        self.message: Final = message


class Trust(NamedTuple):
    """Who we are, and whose word we take."""

    project: str
    envoy_id: str
    signing: Ed25519PublicKey
    sealing: X25519PrivateKey


class Floor(BaseModel):
    """The newest assignment ever accepted, kept apart from it: if that goes missing, an older one still stays out."""

    model_config = ConfigDict(frozen=True, extra="ignore", defer_build=True)

    project: str
    envoy_id: EnvoyId
    epoch: int
    generation: int
    assignment_sha256: Sha256

    @property
    def order(self) -> tuple[int, int]:
        """What must never go down."""
        return self.epoch, self.generation


@dataclass(frozen=True)
class Accepted:
    """A target that passed every check, or would pass again."""

    assignment: Assignment
    assignment_sha256: str
    catalog: Catalog
    catalog_sha256: str
    secrets: Mapping[str, str] = field(repr=False)
    """Opened values by name."""
    objects: Mapping[str, int]
    """Digest → size in bytes of all that the catalog names."""
    target: bytes = field(repr=False)
    """What to keep: the signed texts as received, complete even where the server left out what we held."""
    signed: Target = field(repr=False)

    @property
    def order(self) -> tuple[int, int]:
        """Its place among the assignments of this envoy."""
        return self.assignment.epoch, self.assignment.generation

    @property
    def applied(self) -> Applied:
        """How it is named to the server."""
        return Applied(
            epoch=self.assignment.epoch,
            generation=self.assignment.generation,
            commit=self.assignment.commit,
            assignment_sha256=self.assignment_sha256,
            catalog_sha256=self.catalog_sha256,
        )

    def stale(self, now: int) -> bool:
        """Whether it has expired: it is enforced all the same, and reported so."""
        return now >= self.assignment.expires


class Acceptance:
    """The judge of targets for one envoy: `judge` each, make the good one durable, then `admit` it.

    Args:
        pinned: whether only catalogs of approved plans are taken, but for the one that is in force.
    """

    def __init__(self, trust: Trust, floor: Floor | None = None, *, pinned: bool = False) -> None:
        self._trust: Final = trust
        self._pinned: Final = pinned
        ours = floor is not None and (floor.project, floor.envoy_id) == (trust.project, trust.envoy_id)
        self._floor = floor if ours else None
        self._held: Accepted | None = None

    @property
    def held(self) -> Accepted | None:
        """What is in force."""
        return self._held

    @property
    def floor(self) -> Floor | None:
        """The newest that was ever in force."""
        return self._floor

    def judge(self, raw: bytes, now: int) -> Accepted:
        """The target that these bytes hold, if it may come into force; `held` itself when it is in force already.

        Args:
            raw: JSON of a `Target`, as received.
            now: wall time, microseconds.

        Raises:
            Refusal: it may not.
        """
        target, body = self._open(raw)
        assignment = _parse(Assignment, body, "assignment")
        digest = sha256(body)
        self._check_ours(assignment)
        self._check_order(assignment, digest)
        if self._held is not None and self._held.assignment_sha256 == digest:
            return self._held
        if now >= assignment.expires:
            raise Refusal(RefusalCode.EXPIRED, f"expired {(now - assignment.expires) / 1e6:.0f} s ago by this clock")
        self._check_approved(target, assignment, now)
        return self._complete(target, assignment, digest)

    def resume(self, raw: bytes) -> Accepted:
        """Put what was kept from an earlier life into force again. It may have expired since; nothing else is let off.

        Raises:
            Refusal: it is not what was accepted then.
        """
        target, body = self._open(raw)
        assignment = _parse(Assignment, body, "assignment")
        self._check_ours(assignment)
        self._check_order(assignment, sha256(body))
        accepted = self._complete(target, assignment, sha256(body))
        self.admit(accepted)
        return accepted

    def floor_of(self, accepted: Accepted) -> Floor:
        """What to keep, apart from the target, before it is admitted."""
        return Floor(
            project=self._trust.project,
            envoy_id=self._trust.envoy_id,
            epoch=accepted.assignment.epoch,
            generation=accepted.assignment.generation,
            assignment_sha256=accepted.assignment_sha256,
        )

    def admit(self, accepted: Accepted) -> Floor:
        """Put a judged and durable target into force; the answer is the new floor."""
        assert self._floor is None or accepted.order >= self._floor.order
        self._held = accepted
        self._floor = self.floor_of(accepted)
        return self._floor

    def judge_order(self, probe: Probe, newest: tuple[str, int], now: int) -> ProbeOrder:
        """The order to run the command of a health check, if it may be carried out here; it is the newest one itself
        when it has its id, and nothing but whose it is was asked then.

        Args:
            newest: id and `created` of the newest one that was carried out.
            now: wall time, microseconds.

        Raises:
            Refusal: it may not.
        """
        from schema.protocol.probes import ProbeOrder  # few hosts are ever asked

        order = _parse(ProbeOrder, self._verified(probe.order, Domain.PROBE, MAX_ORDER_BYTES), "order")
        self._check_ours(order)
        if order.id != probe.id:
            raise Refusal(RefusalCode.MIXED, "the order has another id")
        if order.id == newest[0]:
            return order
        if order.created <= newest[1]:
            raise Refusal(RefusalCode.ROLLBACK, "a newer order was carried out")
        if now >= order.expires:
            raise Refusal(RefusalCode.EXPIRED, f"expired {(now - order.expires) / 1e6:.0f} s ago by this clock")
        if self._held is None or self._held.catalog_sha256 != order.catalog_sha256:
            raise Refusal(RefusalCode.MIXED, "it is for another catalog than the one in force")
        if why := guardrails.dangerous_words(order.command):
            raise Refusal(RefusalCode.GUARDRAIL, f"the command {why}")
        if self._pinned and (why := approval.lacking_of(order, probe.approval, self._trust.signing, now)):
            raise Refusal(RefusalCode.UNAPPROVED, why)
        return order

    def _open(self, raw: bytes) -> tuple[Target, bytes]:
        if len(raw) > MAX_FRAME_BYTES:
            raise Refusal(RefusalCode.SIZE, f"a target of {len(raw)} bytes; at most {MAX_FRAME_BYTES} are read")
        try:
            target = Target.model_validate_json(raw)
        except ValidationError as error:
            too_long = error.errors(include_url=False, include_input=False)[0]["type"] == "string_too_long"
            code = RefusalCode.SIZE if too_long else RefusalCode.FORMAT
            raise Refusal(code, f"not a target: {_first(error)}") from error
        return target, self._verified(target.assignment, Domain.ASSIGNMENT, MAX_ASSIGNMENT_BYTES)

    def _verified(self, signed: Signed, domain: Domain, limit: int) -> bytes:
        try:
            size = len(signed.body.encode())
            if size > limit:
                raise Refusal(RefusalCode.SIZE, f"{domain} of {size} bytes; at most {limit} are read")
            return verify(self._trust.signing, domain, signed)
        except (BadSignature, ValueError) as error:
            raise Refusal(RefusalCode.SIGNATURE, str(error)) from error

    def _check_ours(self, assignment: Assignment | ProbeOrder) -> None:
        if assignment.project != self._trust.project:
            raise Refusal(RefusalCode.FOREIGN, f"for project {assignment.project}, not {self._trust.project}")
        if assignment.envoy_id != self._trust.envoy_id:
            raise Refusal(RefusalCode.FOREIGN, f"for envoy {assignment.envoy_id}, not {self._trust.envoy_id}")

    def _check_order(self, assignment: Assignment, digest: str) -> None:
        if self._floor is None:
            return
        order = (assignment.epoch, assignment.generation)
        if order < self._floor.order:
            message = f"epoch {order[0]} generation {order[1]} is older than {self._floor.order}, which was accepted"
            raise Refusal(RefusalCode.ROLLBACK, message)
        if order == self._floor.order and digest != self._floor.assignment_sha256:
            message = f"another assignment for epoch {order[0]} generation {order[1]} was accepted before"
            raise Refusal(RefusalCode.ROLLBACK, message)

    def _check_approved(self, target: Target, assignment: Assignment, now: int) -> None:
        held = self._held
        if not self._pinned or (held is not None and held.catalog_sha256 == assignment.catalog_sha256):
            return
        if why := approval.lacking(target, assignment, self._trust.signing, now):
            raise Refusal(RefusalCode.UNAPPROVED, why)

    def _complete(self, target: Target, assignment: Assignment, digest: str) -> Accepted:
        signed = self._catalog_text(target, assignment.catalog_sha256)
        body = self._verified(signed, Domain.CATALOG, MAX_SIGNED_BYTES)
        if sha256(body) != assignment.catalog_sha256:
            raise Refusal(RefusalCode.MIXED, "the catalog is not the one that the assignment names")
        catalog, objects = self._catalog(body)
        sealed = self._sealed(target, assignment.sealed_secrets_sha256)
        complete = Target(assignment=target.assignment, catalog=signed, sealed_secrets=sealed)
        return Accepted(
            assignment=assignment,
            assignment_sha256=digest,
            catalog=catalog,
            catalog_sha256=assignment.catalog_sha256,
            secrets=self._opened(sealed, catalog, assignment.catalog_sha256),
            objects=objects,
            target=complete.model_dump_json().encode(),
            signed=complete,
        )

    def _catalog(self, body: bytes) -> tuple[Catalog, dict[str, int]]:
        """A catalog, and the digests and sizes that it names."""
        catalog = _parse(Catalog, body, "catalog")
        return catalog, _check_catalog(catalog)

    def _catalog_text(self, target: Target, digest: str) -> Signed:
        if target.catalog is not None:
            return target.catalog
        if self._held is not None and self._held.catalog_sha256 == digest and self._held.signed.catalog is not None:
            return self._held.signed.catalog
        raise Refusal(RefusalCode.MIXED, "the catalog is left out, and the one that the assignment names is not held")

    def _sealed(self, target: Target, digest: str) -> SealedSecrets | None:
        sealed = target.sealed_secrets
        if sealed is None and digest != NO_SECRETS and self._held is not None:
            sealed = self._held.signed.sealed_secrets
        if (sealed.sha256 if sealed is not None else NO_SECRETS) != digest:
            raise Refusal(RefusalCode.MIXED, "the sealed secrets are not those that the assignment names")
        return sealed

    def _opened(self, sealed: SealedSecrets | None, catalog: Catalog, catalog_sha256: str) -> dict[str, str]:
        if sealed is None:
            return {}
        if len(sealed.sealed) > MAX_SECRETS:
            raise Refusal(RefusalCode.SIZE, f"{len(sealed.sealed)} secrets; at most {MAX_SECRETS} are opened")
        if unasked := sorted(set(sealed.sealed) - set(catalog.secrets)):
            raise Refusal(RefusalCode.MIXED, f"a secret that the catalog does not name: {unasked[0]}")
        trust = self._trust
        try:
            return {
                name: unseal(
                    trust.sealing,
                    text,
                    project=trust.project,
                    envoy_id=trust.envoy_id,
                    name=name,
                    catalog_sha256=catalog_sha256,
                )
                for name, text in sealed.sealed.items()
            }
        except NotForUs as error:
            raise Refusal(RefusalCode.MIXED, str(error)) from error


def along(raw: bytes, sizes: Mapping[str, int], missing: Collection[str]) -> Iterator[bytes]:
    """Of the objects that are missing for a good target, those that came along with it, as long as `sizes` says. What
    came for one of them and is not it is passed over: it is asked for like any other that is missing."""
    for each in Target.model_validate_json(raw).along if missing else ():
        size = sizes.get(each.sha256, 0)
        if each.data is None or each.sha256 not in missing or len(each.data) > 2 * size + 4:
            continue
        with contextlib.suppress(ValueError):
            data = base64.b64decode(each.data, validate=True)
            if len(data) == size and sha256(data) == each.sha256:
                yield data


def digest_of(raw: bytes) -> str:
    """By which name to speak of a target, good or bad: its assignment's digest, else that of the bytes themselves."""
    try:
        return Target.model_validate_json(raw).assignment.sha256
    except ValidationError:
        return sha256(raw)


Shape = TypeVar("Shape", bound=SignedShape)


def _parse(shape: type[Shape], body: bytes, what: str) -> Shape:
    try:
        return shape.model_validate(canonical.loads(body), strict=True)
    except (canonical.NotCanonical, OverflowError) as error:
        raise Refusal(RefusalCode.FORMAT, f"{what}: {error}") from error
    except ValidationError as error:
        raise Refusal(RefusalCode.FORMAT, f"{what}: {_first(error)}") from error


def _check_catalog(catalog: Catalog) -> dict[str, int]:
    """Digest → size of what a catalog names, once its names and sizes are known to be sound."""
    for crates in (catalog.crates, catalog.usercrates):
        names = [crate.name for crate in crates]
        if len(set(names)) != len(names):
            raise Refusal(RefusalCode.FORMAT, "catalog: a crate stands in it twice")
        for crate in crates:
            if absent := sorted(set(crate.requires) - set(names)):
                raise Refusal(RefusalCode.FORMAT, f"catalog: {crate.name} requires {absent[0]}, which is not in it")
        _check_names(names)
    _check_names((*catalog.content, *catalog.secrets))
    objects: dict[str, int] = {}
    for ref in (*catalog.crates, *catalog.usercrates, *catalog.content.values()):
        if objects.setdefault(ref.sha256, ref.size) != ref.size:
            raise Refusal(RefusalCode.FORMAT, f"catalog: two sizes for object {ref.sha256}")
        if ref.size > MAX_OBJECT_BYTES:
            raise Refusal(RefusalCode.SIZE, f"an object of {ref.size} bytes; at most {MAX_OBJECT_BYTES} are fetched")
    if len(objects) > MAX_OBJECTS or sum(objects.values()) > MAX_CONTENT_BYTES:
        total = f"{len(objects)} objects of {sum(objects.values())} bytes"
        raise Refusal(RefusalCode.SIZE, f"{total}; at most {MAX_OBJECTS} of {MAX_CONTENT_BYTES} are fetched")
    return objects


def _check_names(names: Iterable[str]) -> None:
    """Names become paths in messages and on disks: one spelling only, and no way out."""
    for name in names:
        if not unicodedata.is_normalized("NFC", name):
            raise Refusal(RefusalCode.FORMAT, f"catalog: {name!r} is not in Unicode's composed form")
        parts = name.split("/")
        if not name or "\0" in name or "\\" in name or any(part in ("", ".", "..") for part in parts):
            raise Refusal(RefusalCode.FORMAT, f"catalog: {name!r} is not a plain relative name")


def _first(error: ValidationError) -> str:
    """The first complaint, without the input: it may be a secret."""
    complaint = error.errors(include_url=False, include_input=False, include_context=False)[0]
    return f"{'.'.join(str(part) for part in complaint['loc'])}: {complaint['msg']}"
