"""What is desired of a host, as it travels: crate objects, the catalog that names them, the assignment that binds both.

A crate object and a file are content, named by SHA-256 and fetched once. A catalog is what all hosts of a profile
share. An assignment gives one catalog to one envoy, once, in order.
"""

from __future__ import annotations

from typing import Any, Final, Literal

from pydantic import BaseModel, ConfigDict, Field

from schema import canonical
from schema.ids import Commit, EnvoyId, Sha256, sha256
from schema.time import Instant

CATALOG_FORMAT: Final = 1
ASSIGNMENT_FORMAT: Final = 1
CRATE_FORMAT: Final = 1
NO_SECRETS: Final = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
"""`sealed_secrets_sha256` of an assignment whose catalog names no secret: SHA-256 of nothing."""


class SignedShape(BaseModel):
    """Base of what is read from signed bytes: an unknown field is refused, nothing is coerced but times."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)


class CompiledResource(SignedShape):
    """One resource of a crate: attributes as written, templates unrendered, ordering resolved to ids.

    `id` is `crate/name`, unique within a host. With `foreach` it stands for one resource per item; those report as
    `crate/name[0]`, `crate/name[1]` ... and `spec` may use `item`.
    """

    id: str
    type: str
    spec: dict[str, Any]
    """Attributes for `schema.resources.RESOURCES[type]`; `defaults` of the crate are already merged in."""
    when: str | None = None
    foreach: str | list[Any] | None = None
    requires: list[str] = []
    """Ids that must be converged before this one: `depends_on`, and `before` of the others, resolved."""
    notify: list[str] = []
    """Ids to run after this one changed: `notify`, and `subscribes` of the others, resolved."""
    on_notify_only: bool = False
    """Runs only when notified (service restarted or reloaded, exec refreshonly)."""
    on_removal: Literal["keep", "report", "revert"] = "keep"
    mode: Literal["enforce", "audit"] = "enforce"
    file: str = ""
    line: int = 0
    """Where it is written, for reports: a report can say file and line with no server."""


class CrateObject(SignedShape):
    """One configcrate compiled: the same bytes for every host that has it."""

    format: Literal[1] = CRATE_FORMAT
    name: str
    when: str | None = None
    vars: dict[str, Any] = {}
    """Defaults: weaker than any of the catalog's vars, seen by this crate alone."""
    resources: list[CompiledResource] = []


class UsercrateObject(CrateObject):
    """One usercrate compiled. The ids of its resources are `usercrate:CRATE/NAME`; on a host, where it is applied once
    per user, they become `usercrate:CRATE@USER/NAME`. Its expressions may use `user`."""

    kind: Literal["usercrate"]
    """Required: neither kind of object can be taken for the other."""
    users: list[str] = []
    """Globs over the names of users; empty: all who are eligible."""
    include_root: bool = False


class ContentRef(SignedShape):
    """Content to fetch by digest."""

    sha256: Sha256
    size: int = Field(ge=0)


class CrateRef(ContentRef):
    """A crate object, in the place where the catalog wants it applied."""

    name: str
    requires: list[str] = []
    """Crates that must be converged before this one; all of them are in the same catalog."""


class Catalog(SignedShape):
    """All that the hosts of one profile should be. Signed once, however many they are; holds no host's name."""

    format: Literal[1] = CATALOG_FORMAT
    environment: str
    roles: list[str]
    vars: dict[str, Any]
    crates: list[CrateRef]
    content: dict[str, ContentRef]
    """Source path in the repository → content, for each `source:` of its crates. `.j2` at the end: a template."""
    secrets: list[str]
    """Names of the secrets its resources refer to, sorted: what an envoy under it is entitled to, and no more."""
    usercrates: list[CrateRef] = []
    """To be applied once per user, after all crates. The key is in a catalog only when there are any: without, its
    bytes are those that agents know from before there were usercrates; with it, such an agent refuses the catalog."""


class Assignment(SignedShape):
    """The signed word that one envoy is to be one catalog. An older, foreign, mixed or unsigned one is refused."""

    format: Literal[1] = ASSIGNMENT_FORMAT
    project: str
    envoy_id: EnvoyId
    epoch: int = Field(ge=0)
    generation: int = Field(ge=0)
    """Grows with each assignment to this envoy within an epoch."""
    commit: Commit
    catalog_sha256: Sha256
    sealed_secrets_sha256: Sha256
    plan_root: Sha256
    created: Instant
    expires: Instant


class SealedSecrets(BaseModel):
    """The secrets of one catalog, sealed to one envoy's X25519 key (HPKE, RFC 9180).

    The digest of `dumps(self)` stands in the signed assignment, since HPKE's base mode does not say who sealed.
    """

    model_config = ConfigDict(frozen=True, defer_build=True)

    sealed: dict[str, str]
    """Secret name → base64 of `enc ‖ ciphertext`, as `sealing.seal` makes it."""

    @property
    def sha256(self) -> str:
        """`sealed_secrets_sha256` of the assignment that goes with it."""
        return sha256(canonical.dumps(self.model_dump())) if self.sealed else NO_SECRETS


def secret_info(project: str, envoy_id: str, name: str) -> bytes:
    """Binds a ciphertext to its envoy and name: HPKE's `info`, to which `sealing` adds the catalog's digest."""
    return b"\0".join((b"vigo-secret-v1", project.encode(), envoy_id.encode(), name.encode()))
