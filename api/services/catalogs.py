"""Catalogs at hand: signed, encoded once, and with the objects they name.

Kept for the graph in force and the one before it, since agents may still be fetching for that, and for those that hosts
are still released to. All of it derives from a commit and the signing key, so a restart makes the same bytes again.
"""

from __future__ import annotations

import asyncio
import base64
from collections import OrderedDict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Final, NamedTuple, Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.services.vouching import Hand
from reconciler.ports import Assigned
from schema.protocol.desired import Catalog
from schema.protocol.messages import INLINE_OBJECT_BYTES, MAX_ALONG, ObjectData
from schema.protocol.signing import Domain, Signer

ENCODED_BYTES: Final = 64 * 1024 * 1024
"""How much of encoded objects is kept at hand; what was used longest ago goes first."""
ALONG_BYTES: Final = 32 * 1024
"""How much of objects goes along with a target."""
ALONG_KEPT: Final = 1_024
"""Pairs of catalogs of which it is kept what goes along from the one to the other."""


class Target(NamedTuple):
    """What one envoy is to be, ready to send."""

    epoch: int
    generation: int
    assignment_sha256: str
    assignment: bytes
    """JSON of the signed assignment."""
    catalog_sha256: str
    catalog: bytes
    """JSON of the signed catalog; one object for all envoys of a profile."""
    sealed_secrets: bytes | None = None
    """JSON of the sealed secrets; None when the catalog names none."""
    assigned: Assigned | None = None
    """The same, as the loop looks at it."""
    profile: str = ""
    """What the catalog is of."""
    approved: bytes | None = None
    """JSON of the approval of its plan; made for agents that ask for it."""
    along: bytes | None = None
    """JSON of the objects that go along, one text for all envoys that come from the same catalog."""

    @property
    def order(self) -> tuple[int, int]:
        """By this the newer of two targets is known."""
        return (self.epoch, self.generation)

    def pieces(self, *, with_catalog: bool) -> tuple[bytes, ...]:
        """The JSON of a `Target` message, in pieces that are shared where they can be."""
        return (
            b'{"assignment":',
            self.assignment,
            b',"catalog":',
            self.catalog if with_catalog else b"null",
            b',"sealed_secrets":',
            self.sealed_secrets or b"null",
            *((b',"approved":', self.approved) if self.approved is not None else ()),
            *((b',"along":', self.along) if self.along is not None else ()),
            b"}",
        )


class Profile(Protocol):
    """Of `reconciler.graph.Profile`, what a catalog is made of."""

    @property
    def catalog(self) -> Catalog: ...
    @property
    def catalog_body(self) -> bytes: ...
    @property
    def catalog_sha256(self) -> str: ...


class Graph(Protocol):
    """Of `reconciler.graph.Graph`, where objects come from."""

    @property
    def profiles(self) -> Mapping[str, Profile]: ...
    def object(self, sha256: str, /) -> bytes | None:
        """The bytes of a crate object or content."""
        ...


@dataclass(eq=False)
class SignedCatalog:
    """One catalog, as all envoys of its profiles get it. It is signed when the first is to get it."""

    sha256: str
    graph: Graph = field(repr=False)
    profile: Profile = field(repr=False)
    signer: Signer = field(repr=False)

    @cached_property
    def json(self) -> bytes:
        """JSON of the signed catalog. Ed25519 gives the same signature each time."""
        return self.signer.sign(Domain.CATALOG, self.profile.catalog_body).model_dump_json().encode()

    @cached_property
    def secrets(self) -> tuple[str, ...]:
        """Names of the secrets that it needs."""
        return tuple(self.profile.catalog.secrets)

    @cached_property
    def sizes(self) -> Mapping[str, int]:
        """Digest → bytes of all that it names: its crates and its content."""
        catalog = self.profile.catalog
        return {ref.sha256: ref.size for ref in (*catalog.crates, *catalog.usercrates, *catalog.content.values())}

    def within(self, graph: Graph, profile: Profile) -> SignedCatalog:
        """The same catalog in another graph; what is known of it is not computed again."""
        made = SignedCatalog(self.sha256, graph, profile, self.signer)
        made.__dict__.update({name: self.__dict__[name] for name in _KEPT if name in self.__dict__})
        return made


_KEPT: Final = ("json", "secrets", "sizes")


class Catalogs:
    """The catalogs at hand. Used from the event loop's thread; `sign` alone may run in another."""

    def __init__(self, key: Ed25519PrivateKey) -> None:
        self._signer = Hand(key)
        self._current: dict[str, SignedCatalog] = {}
        self._previous: dict[str, SignedCatalog] = {}
        self._others: dict[str, dict[str, SignedCatalog]] = {}
        """By commit, of those that are not in force."""
        self._commit = ""
        self._encoded: OrderedDict[str, bytes] = OrderedDict()
        self._encoded_bytes = 0
        self._along: OrderedDict[tuple[str, str], bytes | None] = OrderedDict()

    def sign(self, graph: Graph) -> dict[str, SignedCatalog]:
        """The catalogs of a graph, by digest; what has been signed is not signed again."""
        made: dict[str, SignedCatalog] = {}
        for profile in graph.profiles.values():
            sha256 = profile.catalog_sha256
            if sha256 in made:
                continue
            known = self._current.get(sha256)
            if known is None:
                made[sha256] = SignedCatalog(sha256, graph, profile, self._signer)
            elif known.profile is profile:
                known.graph = graph  # which has the same objects, and does not keep the one before alive
                made[sha256] = known
            else:
                made[sha256] = known.within(graph, profile)
        return made

    def put(self, catalogs: dict[str, SignedCatalog], commit: str = "") -> None:
        """Put a new graph's catalogs in force. Those before stay at hand until `retain` says otherwise."""
        if catalogs.keys() != self._current.keys():
            self._previous = self._current
        if commit and self._commit and commit != self._commit:
            self._others[self._commit] = self._current
        self._others.pop(commit, None)
        self._current, self._commit = catalogs, commit

    def recall(self, graph: Graph, commit: str) -> None:
        """Have the catalogs of a graph that was in force before at hand."""
        if commit != self._commit:
            self._others[commit] = {
                profile.catalog_sha256: self.find(profile.catalog_sha256)
                or SignedCatalog(profile.catalog_sha256, graph, profile, self._signer)
                for profile in graph.profiles.values()
            }

    def retain(self, commits: Collection[str]) -> None:
        """Let go of the catalogs of all other commits, but for the one in force and those just before it."""
        for commit in self._others.keys() - set(commits):
            del self._others[commit]

    def find(self, sha256: str) -> SignedCatalog | None:
        """A catalog at hand."""
        found = self._current.get(sha256) or self._previous.get(sha256)
        if found is None:
            found = next((of[sha256] for of in self._others.values() if sha256 in of), None)
        return found

    async def object_bytes(self, catalog_sha256: str, sha256: str) -> bytes | None:
        """The bytes of an object, if that catalog is at hand and names it."""
        catalog = self.find(catalog_sha256)
        if catalog is None or sha256 not in catalog.sizes:
            return None
        return await asyncio.to_thread(catalog.graph.object, sha256)

    async def objects(self, catalog_sha256: str, digests: Iterable[str]) -> dict[str, bytes | None]:
        """JSON of `ObjectData` for each of these digests, or None where the catalog does not name it."""
        catalog = self.find(catalog_sha256)
        found: dict[str, bytes | None] = {}
        unread: list[str] = []
        for sha256 in digests:
            if catalog is None or sha256 not in catalog.sizes:
                found[sha256] = None
            elif (known := self._encoded.get(sha256)) is not None:
                self._encoded.move_to_end(sha256)
                found[sha256] = known
            else:
                unread.append(sha256)
        if catalog is not None and unread:
            # Blobs are read from the repository, in a thread: the loop waits for no disk.
            read = await asyncio.to_thread(lambda: {sha256: _encode(catalog.graph, sha256) for sha256 in unread})
            for sha256, encoded in read.items():
                found[sha256] = encoded
                if encoded is not None:
                    self._keep(sha256, encoded)
        return found

    async def along(self, held: str, catalog_sha256: str) -> bytes | None:
        """JSON of the objects that go along with a target to an envoy that holds another catalog: the smallest of what
        is new in it. None where there are none, or it is not known what that envoy has."""
        if (held, catalog_sha256) in self._along:
            return self._along[held, catalog_sha256]
        before, catalog = self.find(held), self.find(catalog_sha256)
        if before is None or catalog is None:
            return None
        chosen: list[str] = []
        room = ALONG_BYTES
        for size, sha256 in sorted((size, name) for name, size in catalog.sizes.items() if name not in before.sizes):
            room -= size
            if room < 0 or len(chosen) == MAX_ALONG:
                break
            chosen.append(sha256)
        found = (await self.objects(catalog_sha256, chosen)).values()
        encoded = b",".join(data for data in found if data is not None)
        self._along[held, catalog_sha256] = made = b"[" + encoded + b"]" if encoded else None
        if len(self._along) > ALONG_KEPT:
            self._along.popitem(last=False)
        return made

    def _keep(self, sha256: str, encoded: bytes) -> None:
        if sha256 not in self._encoded:
            self._encoded[sha256] = encoded
            self._encoded_bytes += len(encoded)
        while self._encoded_bytes > ENCODED_BYTES:
            self._encoded_bytes -= len(self._encoded.popitem(last=False)[1])


def _encode(graph: Graph, sha256: str) -> bytes | None:
    data = graph.object(sha256)
    if data is None:
        return None
    inline = base64.b64encode(data).decode("ascii") if len(data) <= INLINE_OBJECT_BYTES else None
    return ObjectData(sha256=sha256, data=inline).model_dump_json().encode()
