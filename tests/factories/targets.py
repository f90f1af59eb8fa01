"""Targets as a server makes them: signed catalogs, assignments, sealed secrets, and the objects they name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from schema import canonical
from schema.ids import DEFAULT_PROJECT, sha256
from schema.protocol.desired import NO_SECRETS, SealedSecrets
from schema.protocol.messages import Target
from schema.protocol.sealing import seal
from schema.protocol.signing import Domain, Signed, sign
from schema.time import DAY, SECOND, to_rfc3339

NOW = 1_795_000_000 * SECOND
_OF_THE_ENGINE = frozenset({"name", "type", "notify", "on_notify_only", "on_removal", "audit"})
ENVOY = "0198f000-0000-7000-8000-000000000001"


class Signer:
    """A server's signing key, with one envoy's sealing key, and every object it ever named."""

    def __init__(self, envoy_id: str = ENVOY, project: str = DEFAULT_PROJECT) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.sealing = X25519PrivateKey.generate()
        self.envoy_id = envoy_id
        self.project = project
        self.objects: dict[str, bytes] = {}

    @property
    def public_hex(self) -> str:
        return self.key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw).hex()

    def object(self, data: bytes) -> dict[str, Any]:
        digest = sha256(data)
        self.objects[digest] = data
        return {"sha256": digest, "size": len(data)}

    def crate(self, name: str, resources: Sequence[Mapping[str, Any]] = (), **more: Any) -> dict[str, Any]:
        """A crate object; each of `resources` is `{name, type, **spec}`, with `audit`, `on_removal`, `notify` (names of
        the same crate) and `on_notify_only` where they differ from the usual."""
        compiled = [
            {
                "id": f"{name}/{each['name']}",
                "type": each["type"],
                "spec": {key: value for key, value in each.items() if key not in _OF_THE_ENGINE},
                "when": None,
                "foreach": None,
                "requires": [],
                "notify": [f"{name}/{target}" for target in each.get("notify", ())],
                "on_notify_only": each.get("on_notify_only", False),
                "on_removal": each.get("on_removal", "keep"),
                "mode": "audit" if each.get("audit") else "enforce",
                "file": f"configcrates/{name}.vgo",
                "line": 1,
            }
            for each in resources
        ]
        body = canonical.dumps({"format": 1, "name": name, "when": None, "vars": {}, "resources": compiled, **more})
        return {"name": name, "requires": [], **self.object(body)}

    def catalog(self, *, crates: Sequence[Mapping[str, Any]] = (), **more: Any) -> Signed:
        value = {
            "format": 1,
            "environment": "test",
            "roles": [],
            "vars": {},
            "crates": list(crates),
            "content": {},
            "secrets": [],
            **more,
        }
        return self.sign(Domain.CATALOG, value)

    def sign(self, domain: Domain, value: Any) -> Signed:
        return sign(self.key, domain, canonical.dumps(value))

    def assignment(self, catalog: Signed, sealed: SealedSecrets | None = None, **more: Any) -> Signed:
        value = {
            "format": 1,
            "project": self.project,
            "envoy_id": self.envoy_id,
            "epoch": 1,
            "generation": 1,
            "commit": "c" * 40,
            "catalog_sha256": catalog.sha256,
            "sealed_secrets_sha256": sealed.sha256 if sealed else NO_SECRETS,
            "plan_root": "0" * 64,
            "created": to_rfc3339(NOW),
            "expires": to_rfc3339(NOW + DAY),
            **more,
        }
        return self.sign(Domain.ASSIGNMENT, value)

    def seal(self, catalog: Signed, values: Mapping[str, str]) -> SealedSecrets:
        return SealedSecrets(
            sealed={
                name: seal(
                    self.sealing.public_key(),
                    value,
                    project=self.project,
                    envoy_id=self.envoy_id,
                    name=name,
                    catalog_sha256=catalog.sha256,
                )
                for name, value in values.items()
            }
        )

    def target(
        self,
        crates: Sequence[Mapping[str, Any]] = (),
        *,
        generation: int = 1,
        epoch: int = 1,
        secrets: Mapping[str, str] | None = None,
        expires: int = NOW + DAY,
        catalog: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Target:
        """A whole, good target; `catalog` and `more` replace fields of the two signed texts."""
        signed = self.catalog(**{"crates": crates, "secrets": sorted(secrets or {}), **(catalog or {})})
        sealed = self.seal(signed, secrets) if secrets else None
        assignment = self.assignment(
            signed, sealed, **{"generation": generation, "epoch": epoch, "expires": to_rfc3339(expires), **more}
        )
        return Target(assignment=assignment, catalog=signed, sealed_secrets=sealed)


def raw(target: Target) -> bytes:
    """As it crosses the boundary."""
    return target.model_dump_json().encode()
