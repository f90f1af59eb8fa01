"""Profiles: what a match block resolves to, the catalog it becomes, and the proof that its hosts can take it."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

from reconciler.documents import Document
from reconciler.graph import encoding
from reconciler.graph.crates import Owned, doubly_owned
from reconciler.graph.linking import Content, Linked, unmet
from reconciler.graph.ordering import settle as in_order
from reconciler.graph.patterns import Pattern
from reconciler.graph.proofs import Need
from reconciler.graph.resolution import Resolution
from schema import secrets
from schema.merging import APPEND, settle
from schema.protocol.desired import CATALOG_FORMAT, Catalog


class CrateSet(NamedTuple):
    """Crates that some profiles have, in their order; all that does not depend on vars."""

    linked: tuple[Linked, ...]
    missing: tuple[tuple[Linked, str], ...]
    """Crate, and what it depends on that is not among them."""
    clashes: tuple[tuple[Linked, Owned, Owned], ...]
    """The second owner's crate, the second owner, the first."""
    encoded_crates: bytes
    encoded_content: bytes
    secrets: frozenset[str]
    content: Mapping[str, Content]
    resource_count: int
    proven: tuple[Linked, ...]
    """Those of which needs can be proven."""
    own_keys: frozenset[str]
    """First keys of the crates' own vars."""


class Finding(NamedTuple):
    """What one profile lacks; the same finding of many profiles is told once."""

    code: str
    linked: Linked
    need: Need | None
    owned: Owned | None
    message: str
    hint: str


@dataclass(eq=False)
class Profile:
    """What all hosts under one match block are to be."""

    id: str
    """`PATH#PATTERN` of its block; a second block with one pattern in a file has `#2` behind."""
    pattern: Pattern
    document: Document
    """Where its block stands."""
    index: int
    """Of its block among the model's."""
    resolution: Resolution
    crates: CrateSet
    catalog_body: bytes
    """Canonical JSON."""
    catalog_sha256: str
    secrets: tuple[str, ...]
    leaf_hash: bytes
    """Of the plan's Merkle tree."""
    findings: Sequence[Finding] = field(default=(), repr=False)

    @property
    def match_pattern(self) -> str:
        """The pattern as written."""
        return self.pattern.text

    @property
    def environment(self) -> str:
        """Its environment; empty when it has none."""
        return self.resolution.environment

    @property
    def roles(self) -> tuple[str, ...]:
        """Its roles as listed: inherited first."""
        return self.resolution.roles

    @property
    def configcrates(self) -> list[str]:
        """Names of its crates, in the order in which they are applied."""
        return [linked.name for linked in self.crates.linked]

    @property
    def resource_count(self) -> int:
        """Resources of all its crates; one with `foreach` counts once."""
        return self.crates.resource_count

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog as a model."""
        return Catalog.model_validate_json(self.catalog_body)


class Profiles:
    """Makes the profiles of one compile; crate sets and equal bodies are shared."""

    def __init__(self, linked: Mapping[str, Linked], sets: dict[tuple[Linked, ...], CrateSet]) -> None:
        self._linked: Final = linked
        self._known_sets: Final = sets
        self._bodies: Final[dict[str, bytes]] = {}

    def make(self, id_: str, pattern: Pattern, document: Document, index: int, resolution: Resolution) -> Profile:
        """The profile of a resolved block, with what is wrong with it."""
        crates = self._crate_set(resolution.crates)
        settled = settle(resolution.vars)
        # An append that a crate's default may be below stays open: the host closes it, crate by crate.
        open_ = any(key.endswith(APPEND) and key[:-1] in crates.own_keys for key in resolution.vars)
        catalog_vars = resolution.vars if open_ or _nested(resolution.vars, crates.own_keys) else settled
        body, named = self._encode(resolution, crates, catalog_vars)
        digest = hashlib.sha256(body).hexdigest()
        findings = _findings(resolution, crates, catalog_vars, settled)
        return Profile(
            id_,
            pattern,
            document,
            index,
            resolution,
            crates,
            self._bodies.setdefault(digest, body),
            digest,
            named,
            leaf_hash(id_, digest),
            findings,
        )

    def _crate_set(self, names: Iterable[str]) -> CrateSet:
        chosen = tuple(linked for name in names if (linked := self._linked.get(name)) is not None)
        found = self._known_sets.get(chosen)
        if found is None:
            found = self._known_sets[chosen] = _crate_set(chosen)
        return found

    def _encode(
        self, resolution: Resolution, crates: CrateSet, catalog_vars: Mapping[str, Any]
    ) -> tuple[bytes, tuple[str, ...]]:
        encoded_vars = encoding.dumps(catalog_vars)
        names = crates.secrets
        if b"secret:" in encoded_vars:
            names = names | secrets.find(catalog_vars)
        named = tuple(sorted(names))
        body = b'{"content":%b,"crates":%b,"environment":%b,"format":%d,"roles":%b,"secrets":%b,"vars":%b}' % (
            crates.encoded_content,
            crates.encoded_crates,
            encoding.text(resolution.environment),
            CATALOG_FORMAT,
            encoding.dumps(list(resolution.roles)),
            encoding.dumps(list(named)),
            encoded_vars,
        )
        return body, named


def leaf_hash(id_: str, catalog_sha256: str) -> bytes:
    """The leaf of a profile in the plan's Merkle tree (RFC 6962, 2.1): over the canonical JSON of its id and digest."""
    return hashlib.sha256(b"\0" + encoding.dumps([id_, catalog_sha256])).digest()


def _crate_set(chosen: tuple[Linked, ...]) -> CrateSet:
    by_name = {linked.name: linked for linked in chosen}
    requires = {linked.name: linked.crate.depends_on for linked in chosen}
    ordered = [by_name[name] for name in in_order(list(by_name), requires)]
    content = {path: each for linked in ordered for path, each in linked.content.items()}
    owners = {id(owned): linked for linked in ordered for owned in linked.crate.owned}
    everything = [owned for linked in ordered for owned in linked.crate.owned]
    clashes = tuple(
        (owners[id(second)], second, first)
        for second, first in doubly_owned(everything)
        if owners[id(second)] is not owners[id(first)]
    )
    return CrateSet(
        tuple(ordered),
        tuple((linked, name) for linked in ordered for name in linked.crate.depends_on if name not in by_name),
        clashes,
        encoding.joined_list(_reference(linked, by_name) for linked in ordered),
        encoding.joined_map({path: each.encoded for path, each in content.items()}),
        frozenset().union(*(linked.secrets for linked in ordered)),
        content,
        sum(len(linked.crate.resources) for linked in ordered),
        tuple(linked for linked in ordered if linked.whole and (linked.outer_needs or linked.inner_needs)),
        frozenset(key for linked in ordered for key in linked.crate.vars),
    )


def _reference(linked: Linked, present: Mapping[str, Linked]) -> bytes:
    crate = linked.crate
    return b'{"name":%b,"requires":%b,"sha256":"%b","size":%d}' % (
        encoding.text(crate.name),
        encoding.dumps([name for name in crate.depends_on if name in present]),
        crate.sha256.encode(),
        len(crate.body),
    )


def _findings(
    resolution: Resolution, crates: CrateSet, catalog_vars: Mapping[str, Any], settled: Mapping[str, Any]
) -> list[Finding]:
    found: list[Finding] = []
    if resolution.whole:
        for linked, name in crates.missing:
            message = f"{linked.name} depends on {name}, which the same host does not have"
            found.append(Finding("crate.missing-dependency", linked, None, None, message, name))
        for linked in crates.proven:
            for need, wrong_type in unmet(linked, catalog_vars, settled):
                if wrong_type:
                    message = f"foreach goes through {need.dotted}, which is not a list"
                    found.append(Finding("vars.not-a-list", linked, need, None, message, ""))
                else:
                    found.append(Finding("vars.undefined", linked, need, None, f"{need.dotted} is not defined", ""))
    for linked, second, first in crates.clashes:
        message = f"{second.kind} {second.thing} is also owned by {first.resource}"
        found.append(Finding("crate.owned-twice", linked, None, second, message, ""))
    return found


def _nested(value: Mapping[str, Any], own_keys: frozenset[str]) -> bool:
    """Whether an append stands open within a map that a crate has a default for."""
    return any(isinstance(item, dict) and key in own_keys and _has_append(item) for key, item in value.items())


def _has_append(value: Mapping[str, Any]) -> bool:
    return any(key.endswith(APPEND) or (isinstance(item, dict) and _has_append(item)) for key, item in value.items())
