"""A package repository: where it is, and whose signature it needs."""

from __future__ import annotations

import re
from typing import Annotated, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, StringConstraints, model_validator

from schema.resources.base import ResourceSpec
from schema.shapes import OneOrMany


def _without_credentials(uri: str) -> str:
    if re.match(r"[a-z0-9+.-]+://[^/]*@", uri):
        raise ValueError("credentials do not belong into a URI, which everybody may read: see apt_auth.conf(5)")
    return uri


def _plain(fingerprint: str) -> str:
    plain = re.sub(r"\s", "", fingerprint).upper()
    if not re.fullmatch(r"[0-9A-F]{40}|[0-9A-F]{64}", plain):
        raise ValueError("a fingerprint is all 40 (or 64) hexadecimal digits of it; a key id is not enough")
    return plain


Uri = Annotated[
    str,
    StringConstraints(pattern=r"^[a-z][a-z0-9+.-]*:[^\s\x00]+$", max_length=2048),
    AfterValidator(_without_credentials),
]
Suite = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9.][A-Za-z0-9._/~+-]*$", max_length=128)]
Component = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9][A-Za-z0-9._/+-]*$", max_length=128)]
Architecture = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9-]*$", max_length=32)]
Fingerprint = Annotated[str, StringConstraints(max_length=128), AfterValidator(_plain)]


class RepositorySpec(ResourceSpec):
    """One repository in the form of the host: a deb822 `.sources` file of apt, or a `.repo` file of dnf or zypper.

    Its key comes from this configuration and never from the network, and is trusted for this repository alone. When it
    is new or has changed its package lists are fetched, those of no other; where that fails it is taken back.
    """

    IDENTITY: ClassVar[str] = "repository"
    OWNS: ClassVar[str | None] = "repository"

    repository: str = Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$", max_length=100)
    """Its name, and that of its files."""
    state: Literal["present", "absent"] = "present"
    uris: OneOrMany[Uri] = Field(default=[], max_length=20)
    """Where it is; required, unless `mirrorlist` says it."""
    suites: OneOrMany[Suite] = Field(default=[], max_length=20)
    """Apt: the suites, as `bookworm`; one that ends in `/` is a path, and has no components. Required there."""
    components: OneOrMany[Component] = Field(default=[], max_length=20)
    """Apt: the components, as `main`."""
    architectures: OneOrMany[Architecture] = Field(default=[], max_length=20)
    """Apt: only these; the host's own when not given."""
    types: OneOrMany[Literal["deb", "deb-src"]] = Field(default=["deb"], min_length=1, max_length=2)
    """Apt: packages, their sources, or both."""
    mirrorlist: Uri | None = None
    """Dnf, zypper: a list of mirrors, in place of `uris`."""
    description: str | None = Field(default=None, pattern=r"^[^\n\r\x00]+$", max_length=200)
    """Dnf, zypper: the name that is shown."""
    enabled: bool = True
    key: str | None = Field(default=None, min_length=1)
    """The OpenPGP keys that sign it, armored."""
    source: str | None = None
    """The same as a path under `files/`, armored or binary."""
    fingerprint: OneOrMany[Fingerprint] = Field(default=[], max_length=20)
    """The whole fingerprints of those keys: required with a key, and held against it before anything is written."""
    signed_lists: bool = False
    """Dnf, zypper: the lists, too, have to be signed (`repo_gpgcheck`). With apt they always have to."""
    unsigned: bool = False
    """Nothing has to be signed: only for what nobody else can write to."""

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.state == "absent":
            return self
        if bool(self.uris) == (self.mirrorlist is not None):
            raise ValueError("give uris or mirrorlist, one of them")
        if self.key is not None and self.source is not None:
            raise ValueError("give key or source, not both")
        has_key = self.key is not None or self.source is not None
        if has_key != bool(self.fingerprint):
            raise ValueError("a key and its fingerprint belong together: neither is enough alone")
        if self.unsigned and (has_key or self.signed_lists):
            raise ValueError("a repository that is unsigned has no key")
        if any(suite.endswith("/") for suite in self.suites) and self.components:
            raise ValueError("a suite that ends in / is a path, which has no components")
        return self
