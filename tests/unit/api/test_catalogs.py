"""Catalogs at hand: signed once, and nobody gets an object but by a catalog that names it."""

from __future__ import annotations

import asyncio
import base64
import json
from dataclasses import dataclass, field

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from api.gateway import frames
from api.services import catalogs as module
from api.services.assignments import Stored, to_target
from api.services.catalogs import Catalogs
from schema import canonical
from schema.ids import sha256
from schema.protocol.desired import Catalog, ContentRef, CrateRef
from schema.protocol.messages import INLINE_OBJECT_BYTES
from schema.protocol.signing import Domain, Signed, Signer, verify

KEY = Ed25519PrivateKey.generate()


@dataclass
class OneProfile:
    catalog: Catalog

    @property
    def catalog_body(self) -> bytes:
        return canonical.dumps(self.catalog.model_dump(mode="json"))

    @property
    def catalog_sha256(self) -> str:
        return sha256(self.catalog_body)


@dataclass
class MemoryGraph:
    profiles: dict[str, OneProfile]
    objects: dict[str, bytes]
    read: list[str] = field(default_factory=list)

    def object(self, digest: str) -> bytes | None:
        self.read.append(digest)
        return self.objects.get(digest)


def graph_of(**contents: bytes) -> MemoryGraph:
    """One profile for each name, whose catalog names that one content and a crate of the same bytes."""
    profiles = {}
    for name, data in contents.items():
        ref = ContentRef(sha256=sha256(data), size=len(data))
        crate = CrateRef(name=name, sha256=sha256(b"crate " + data), size=1)
        catalog = Catalog(
            environment="production", roles=[], vars={}, crates=[crate], content={f"files/{name}": ref}, secrets=[],
            usercrates=[CrateRef(name=name, sha256=sha256(b"usercrate " + data), size=1)],
        )  # fmt: skip
        profiles[name] = OneProfile(catalog)
    objects = {sha256(data): data for data in contents.values()}
    for kind in (b"crate ", b"usercrate "):
        objects |= {sha256(kind + data): kind + data for data in contents.values()}
    return MemoryGraph(profiles, objects)


def digests(graph: MemoryGraph) -> dict[str, str]:
    return {name: profile.catalog_sha256 for name, profile in graph.profiles.items()}


def test_a_catalog_is_signed_over_its_very_bytes_and_once() -> None:
    catalogs, graph = Catalogs(KEY), graph_of(web=b"1")
    catalogs.put(catalogs.sign(graph))
    catalog = catalogs.find(digests(graph)["web"])
    assert catalog is not None
    signed = Signed.model_validate_json(catalog.json)
    assert verify(KEY.public_key(), Domain.CATALOG, signed) == graph.profiles["web"].catalog_body
    again = catalogs.sign(graph_of(web=b"1", db=b"2"))
    assert again[catalog.sha256].json is catalog.json


def test_an_object_is_had_only_by_a_catalog_that_names_it() -> None:
    catalogs, graph = Catalogs(KEY), graph_of(web=b"1", db=b"2")
    catalogs.put(catalogs.sign(graph))
    web, db = digests(graph)["web"], digests(graph)["db"]
    ones, twos = sha256(b"1"), sha256(b"2")

    async def story() -> None:
        crates = [sha256(b"crate 1"), sha256(b"usercrate 1")]
        found = await catalogs.objects(web, [ones, twos, "0" * 64, *crates])
        assert [digest for digest, data in found.items() if data is not None] == [ones, *crates]
        assert json.loads(found[ones] or b"")["data"] == base64.b64encode(b"1").decode()
        assert await catalogs.object_bytes(web, twos) is None
        assert await catalogs.object_bytes(db, twos) == b"2"
        assert await catalogs.object_bytes("f" * 64, ones) is None
        assert await catalogs.objects("f" * 64, [ones]) == {ones: None}

    asyncio.run(story())
    assert set(graph.read) == {ones, sha256(b"crate 1"), sha256(b"usercrate 1"), twos}


def test_a_large_object_is_not_sent_in_a_frame() -> None:
    large = b"x" * (INLINE_OBJECT_BYTES + 1)
    catalogs, graph = Catalogs(KEY), graph_of(web=large)
    catalogs.put(catalogs.sign(graph))
    found = asyncio.run(catalogs.objects(digests(graph)["web"], [sha256(large)]))
    assert json.loads(found[sha256(large)] or b"") == {"sha256": sha256(large), "data": None}


def test_the_graph_before_stays_at_hand_and_the_one_before_that_does_not() -> None:
    catalogs = Catalogs(KEY)
    graphs = [graph_of(web=data) for data in (b"1", b"2", b"3")]
    for graph in graphs:
        catalogs.put(catalogs.sign(graph))
    known = [catalogs.find(digests(graph)["web"]) is not None for graph in graphs]
    assert known == [False, True, True]
    catalogs.put(catalogs.sign(graphs[2]))
    assert catalogs.find(digests(graphs[1])["web"]) is not None


def test_what_is_small_and_new_goes_along_and_is_one_text_for_all(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ALONG_BYTES", 20)
    catalogs, before, after = Catalogs(KEY), graph_of(web=b"1"), graph_of(web=b"2", db=b"x" * 30)
    for graph in (before, after):
        catalogs.put(catalogs.sign(graph))
    held, web, db = digests(before)["web"], digests(after)["web"], digests(after)["db"]

    async def story() -> None:
        found = await catalogs.along(held, web)
        names = [each["sha256"] for each in json.loads(found or b"")]
        assert sorted(names) == sorted(sha256(each) for each in (b"2", b"crate 2", b"usercrate 2"))
        assert await catalogs.along(held, web) is found
        assert sha256(b"x" * 30) not in str(await catalogs.along(held, db))
        assert await catalogs.along("f" * 64, web) is None
        assert await catalogs.along(held, "f" * 64) is None
        assert await catalogs.along(web, web) is None

    asyncio.run(story())


def test_what_is_kept_encoded_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ENCODED_BYTES", 5_000)
    contents = {f"n{number}": bytes([number]) * 1_000 for number in range(10)}
    catalogs, graph = Catalogs(KEY), graph_of(**contents)
    catalogs.put(catalogs.sign(graph))

    async def story() -> None:
        for _ in range(2):
            for name, data in contents.items():
                found = await catalogs.objects(digests(graph)[name], [sha256(data)])
                assert json.loads(found[sha256(data)] or b"")["data"] == base64.b64encode(data).decode()

    asyncio.run(story())
    assert sum(len(data) for data in catalogs._encoded.values()) == catalogs._encoded_bytes <= 5_000


def test_a_thousand_hosts_of_two_profiles_are_two_encoded_catalogs() -> None:
    graph = graph_of(web=b"a", db=b"b")
    held = Catalogs(KEY)
    held.put(held.sign(graph))
    signed: list[bytes] = []
    for catalog in held.sign(graph).values():
        catalog.signer = _Counting(KEY, signed)
    digests = [profile.catalog_sha256 for profile in graph.profiles.values()]
    targets = []
    for number in range(1_000):
        stored = Stored(
            f"envoy {number}", 1, 1, "a" * 64, "c" * 40, digests[number % 2], "0" * 64, "p", "production",
            '{"body":"the assignment"}', "", "", 1, 2,
        )  # fmt: skip
        target = to_target(stored, held)
        assert target is not None
        targets.append(target)
    # Signed twice in all, and of each catalog there is one text: every frame refers to it.
    assert len(signed) == 2
    texts = {id(frames.apply(target.pieces(with_catalog=True)).pieces[4]) for target in targets}
    assert len(texts) == 2


class _Counting(Signer):
    """Signs, and keeps what it signed."""

    def __init__(self, key: Ed25519PrivateKey, signed: list[bytes]) -> None:
        super().__init__(key)
        self._signed = signed

    def sign(self, domain: Domain, body: bytes) -> Signed:
        self._signed.append(body)
        return super().sign(domain, body)
