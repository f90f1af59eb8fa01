"""Assignments: the signed word that one envoy is to be one catalog, with its secrets sealed to its key.

Made in the writer's transaction, where the envoy's next generation is allocated: one row, never the same number twice.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from api.services import secrets, vouching
from api.services.catalogs import Catalogs, Target
from api.services.secrets import Vault
from api.services.work import Work
from api.storage import assignments as rows
from api.storage import envoys as envoy_rows
from api.storage.assignments import Stored as Stored
from reconciler.ports import Assigned, Order
from schema.errors import Fault, NotFound, Stalled
from schema.ids import sha256
from schema.protocol import sealing
from schema.protocol.desired import ASSIGNMENT_FORMAT, NO_SECRETS, SealedSecrets
from schema.protocol.signing import Domain
from schema.time import HOUR, to_rfc3339

LIFE: Final = 24 * HOUR
"""An agent that gets no newer word for so long says that it is stale; half of it over, the loop renews."""


class EnvoyGone(NotFound):
    """The envoy was revoked meanwhile."""

    code = "assignments.envoy_gone"


class SecretMissing(Stalled):
    """The catalog names a secret that does not exist, or no longer in the version that was asked for."""

    code = "assignments.secret_missing"


@dataclass(frozen=True, slots=True)
class Wish:
    """One assignment to be made."""

    envoy_id: str
    commit: str
    plan_root: str
    profile: str
    environment: str
    catalog_sha256: str
    secrets: tuple[tuple[str, int], ...]
    secrets_key: str


def make(work: Work, wishes: Sequence[Wish], *, key: Ed25519PrivateKey, vault: Vault) -> list[Stored | Fault]:
    """The next assignment of each of these envoys, stored; or why there is none. One that fails holds up no other."""
    project_id = work.project_id
    envoy_ids = [wish.envoy_id for wish in wishes]
    epoch = rows.epoch(work.session, project_id)
    orders = rows.orders(work.session, project_id, envoy_ids)
    sealing_keys = envoy_rows.sealing_keys(work.session, project_id, envoy_ids)
    names = sorted({name for wish in wishes for name, _ in wish.secrets})
    values = secrets.values(work, vault, names) if names else {}
    maker = _Maker(work, key, sealing_keys, values)
    made: list[Stored | Fault] = []
    for wish in wishes:
        last_epoch, last = orders.get(wish.envoy_id, (epoch, 0))
        order = Order(epoch, last + 1 if last_epoch == epoch else 1)
        try:
            made.append(maker.make(wish, order))
        except Fault as fault:
            made.append(fault)
    rows.put(work.session, project_id, [one for one in made if isinstance(one, Stored)])
    return made


def latest_of(work: Work, envoy_ids: Sequence[str]) -> dict[str, Stored]:
    """What each of these envoys is to be, where it was ever assigned anything."""
    return rows.find_all(work.session, work.project_id, envoy_ids)


def to_port(stored: Stored) -> Assigned:
    """An assignment as the loop looks at it."""
    return Assigned(
        order=Order(stored.epoch, stored.generation),
        assignment_sha256=stored.sha256,
        commit=stored.commit_id,
        catalog_sha256=stored.catalog_sha256,
        plan_root=stored.plan_root,
        secrets_key=stored.secrets_key,
        created=stored.created_at,
        expires=stored.expires_at,
    )


def to_target(stored: Stored, catalogs: Catalogs) -> Target | None:
    """An assignment ready to send; None when its catalog is not at hand, as after a restart on a newer commit."""
    catalog = catalogs.find(stored.catalog_sha256)
    if catalog is None:
        return None
    return Target(
        epoch=stored.epoch,
        generation=stored.generation,
        assignment_sha256=stored.sha256,
        assignment=stored.signed.encode(),
        catalog_sha256=stored.catalog_sha256,
        catalog=catalog.json,
        sealed_secrets=stored.sealed.encode() if stored.sealed else None,
        assigned=to_port(stored),
        profile=stored.profile,
    )


class _Maker:
    """Makes assignments of one moment. What is the same for all of them is worked out once."""

    def __init__(
        self,
        work: Work,
        key: Ed25519PrivateKey,
        sealing_keys: Mapping[str, str],
        values: Mapping[str, tuple[int, str]],
    ) -> None:
        self._project_id: Final = work.project_id
        self._signer: Final = vouching.Hand(key)
        self._sealing_keys: Final = sealing_keys
        self._values: Final = values
        self._created: Final = work.now
        self._expires: Final = self._created + LIFE
        self._life: Final = {"created": to_rfc3339(self._created), "expires": to_rfc3339(self._expires)}

    def make(self, wish: Wish, order: Order) -> Stored:
        recipient = self._sealing_keys.get(wish.envoy_id)
        if recipient is None:
            raise EnvoyGone("the envoy is revoked")
        sealed = _seal(self._project_id, wish, recipient, self._values)
        # The fields of `Assignment`: of what is ours no model is made, which would check it once more.
        body = vouching.dumps(
            {
                "format": ASSIGNMENT_FORMAT,
                "project": self._project_id,
                "envoy_id": wish.envoy_id,
                "epoch": order.epoch,
                "generation": order.generation,
                "commit": wish.commit,
                "catalog_sha256": wish.catalog_sha256,
                "sealed_secrets_sha256": sealed.sha256 if sealed is not None else NO_SECRETS,
                "plan_root": wish.plan_root,
                **self._life,
            }
        )
        signed = self._signer.sign(Domain.ASSIGNMENT, body)
        return Stored(
            envoy_id=wish.envoy_id,
            epoch=order.epoch,
            generation=order.generation,
            sha256=sha256(body),
            commit_id=wish.commit,
            catalog_sha256=wish.catalog_sha256,
            plan_root=wish.plan_root,
            profile=wish.profile,
            environment=wish.environment,
            signed=signed.model_dump_json(),
            sealed=sealed.model_dump_json() if sealed is not None else "",
            secrets_key=wish.secrets_key,
            created_at=self._created,
            expires_at=self._expires,
        )


def _seal(project_id: str, wish: Wish, recipient: str, values: Mapping[str, tuple[int, str]]) -> SealedSecrets | None:
    if not wish.secrets:
        return None
    public = X25519PublicKey.from_public_bytes(bytes.fromhex(recipient))
    sealed: dict[str, str] = {}
    for name, version in wish.secrets:
        found = values.get(name)
        if found is None or found[0] != version:
            raise SecretMissing(f"secret {name} is not there in version {version}", name=name)
        sealed[name] = sealing.seal(
            public,
            found[1],
            project=project_id,
            envoy_id=wish.envoy_id,
            name=name,
            catalog_sha256=wish.catalog_sha256,
        )
    return SealedSecrets(sealed=sealed)
