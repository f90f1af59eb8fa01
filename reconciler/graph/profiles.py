"""Profiles: what a match block resolves to, the catalog it becomes, and the proof that its hosts can take it."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Container, Iterable, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, NamedTuple

from reconciler.documents import Document
from reconciler.documents.complaints import nearest
from reconciler.documents.marks import Path
from reconciler.graph import crate_sets, encoding, proofs
from reconciler.graph import resolution as resolution_
from reconciler.graph.crate_sets import CrateSet
from reconciler.graph.linking import Linked, failing, unmet, unmet_within
from reconciler.graph.patterns import Pattern
from reconciler.graph.proofs import Need
from reconciler.graph.resolution import Resolution
from reconciler.graph.scopes import appends
from reconciler.late import Late
from schema import secrets
from schema.merging import APPEND, merge, settle
from schema.protocol.desired import CATALOG_FORMAT, Catalog

MAX_CATALOG_BYTES: Final = 4 << 20
MAX_PLAN_BYTES: Final = 512 << 20
"""Of all distinct catalogs together."""


class PlanTooLargeError(Exception):
    """The catalogs of a tree take more memory than a server gives them."""


class Finding(NamedTuple):
    """What is wrong with one profile; the same finding of many profiles is told once."""

    code: str
    document: Document
    where: Path
    """In the document."""
    need: Need | None
    """What is not met: its text, at `where`, says the exact place."""
    message: str
    hint: str


@dataclass(eq=False)
class Profile(Late):
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
    findings: Sequence[Finding] = field(repr=False)
    """What is wrong with it."""
    usercrates: CrateSet
    """Applied once per user of a host, after its crates; none of it is in `crates`."""

    def untouched(self, changed: frozenset[str]) -> bool:
        """Whether none of the crates and roles that it is made of is among these names."""
        return (
            changed.isdisjoint(self.resolution.crates)
            and changed.isdisjoint(self.resolution.roles)
            and changed.isdisjoint(self.crates.depends_on)
            and (
                not self.resolution.usercrates
                or (changed.isdisjoint(self.resolution.usercrates) and changed.isdisjoint(self.usercrates.depends_on))
            )
        )

    @property
    def leaf_hash(self) -> bytes:
        """Of the plan's Merkle tree."""
        return leaf_hash(self.document.path, self.id, self.catalog_sha256)

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
        """Resources of all its crates; one with `foreach` counts once. Those of usercrates depend on a host's users."""
        return self.crates.resource_count

    @cached_property
    def catalog(self) -> Catalog:
        """The catalog as a model."""
        return Catalog.model_validate_json(self.catalog_body)


class Profiles:
    """Makes the profiles of one compile; crate sets and equal bodies are shared."""

    def __init__(
        self,
        linked: Mapping[str, Linked],
        sets: MutableMapping[tuple[Linked, ...], CrateSet],
        usercrates: Mapping[str, Linked],
        *,
        cold: bool = False,
    ) -> None:
        """Of a compile that makes all profiles (`cold`) something is found out about all crates first."""
        self._linked: Final = linked
        self._contested: Final = crate_sets.contested(linked.values()) if cold else None
        self._usercrates: Final = usercrates
        self._known_sets: Final = sets
        self._parts: Final[dict[int, tuple[object, crate_sets.Part]]] = {}
        """Id of what names them, which is kept so that no other gets that id → crates that go together."""
        self._bodies: Final[dict[str, bytes]] = {}
        self._held = 0

    def remake(self, profile: Profile) -> Profile:
        """The profile of a block that still resolves alike, when some of its crates have changed."""
        resolution = profile.resolution
        crates = self._crate_set(resolution.crates, self._linked, profile.crates)
        return self._profile(profile.id, profile.pattern, profile.document, profile.index, resolution, crates)

    def make(self, id_: str, pattern: Pattern, document: Document, index: int, resolution: Resolution) -> Profile:
        """The profile of a resolved block, with what is wrong with it."""
        crates = self._joined(resolution.parts) if self._contested is not None and resolution.parts else None
        if crates is None:
            crates = self._crate_set(resolution.crates, self._linked, None)
        return self._profile(id_, pattern, document, index, resolution, crates)

    def _profile(
        self, id_: str, pattern: Pattern, document: Document, index: int, resolution: Resolution, crates: CrateSet
    ) -> Profile:
        catalog_vars, settled = resolution.vars, resolution.vars
        usercrates = crate_sets.NOTHING
        if resolution.usercrates:
            usercrates = self._crate_set(resolution.usercrates, self._usercrates, None)
        if not resolution.simple:
            settled = settle(resolution.vars)
            all_linked = (*crates.linked, *usercrates.linked)
            if not _stays_open(resolution.vars, {key for linked in all_linked for key in linked.crate.vars}):
                catalog_vars = settled
        body, named = self._encode(resolution, crates, usercrates, catalog_vars)
        digest = hashlib.sha256(body).hexdigest()
        if digest not in self._bodies:
            self._held += len(body)
            if self._held > MAX_PLAN_BYTES:
                raise PlanTooLargeError
        findings = _findings(resolution, crates, self._linked, catalog_vars, settled)
        if usercrates.linked:
            findings += _findings_of_usercrates(resolution, crates, usercrates, self._usercrates, catalog_vars, settled)
        if len(body) > MAX_CATALOG_BYTES:
            message = f"the catalog takes {len(body)} bytes; it may take {MAX_CATALOG_BYTES}"
            findings.append(Finding("catalog.too-large", document, ("envoys", index, "match"), None, message, ""))
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
            findings,
            usercrates,
        )

    def _joined(self, named: Sequence[resolution_.Part]) -> CrateSet | None:
        """The set of crates that come in parts; None where a part is not free."""
        parts = [self._part(each) for each in named]
        if not all([each.is_free for each in parts]):  # noqa: C419 - a generator takes twice the time
            return None
        chosen = tuple([linked for each in parts for linked in each.linked])
        found = self._known_sets.get(chosen)
        if found is None:
            found = self._known_sets[chosen] = crate_sets.joined(parts, chosen)
        return found

    def _part(self, named: resolution_.Part) -> crate_sets.Part:
        kept = self._parts.get(id(named))
        if kept is None:
            assert self._contested is not None
            chosen = tuple([linked for name in dict(named) if (linked := self._linked.get(name)) is not None])
            kept = self._parts[id(named)] = (named, crate_sets.part(chosen, self._contested))
        return kept[1]

    def _crate_set(self, names: Iterable[str], known: Mapping[str, Linked], before: CrateSet | None) -> CrateSet:
        chosen = tuple([linked for name in names if (linked := known.get(name)) is not None])
        found = self._known_sets.get(chosen)
        if found is None:
            found = self._known_sets[chosen] = self._swapped(before) or crate_sets.make(
                chosen, self._contested if known is self._linked else None
            )
        return found

    def _swapped(self, before: CrateSet | None) -> CrateSet | None:
        """A set that was there before, brought up to date, where one crate of it has changed and little in that."""
        if before is None:
            return None
        known = self._linked.get
        changed = [(old, new) for old in before.linked if (new := known(old.name)) is not old]
        if len(changed) != 1:
            return None
        old, new = changed[0]
        return None if new is None else crate_sets.swap(before, old, new)

    def _encode(
        self, resolution: Resolution, crates: CrateSet, usercrates: CrateSet, catalog_vars: Mapping[str, Any]
    ) -> tuple[bytes, tuple[str, ...]]:
        encoded_vars = encoding.dumps(catalog_vars, plain=resolution.simple)
        names, content, more = crates.secrets, crates.encoded_content, b""
        if usercrates.linked:
            names = names | usercrates.secrets
            content = crate_sets.content_of((*crates.linked, *usercrates.linked))
            more = b'"usercrates":%b,' % usercrates.encoded_crates
        if b"secret:" in encoded_vars:
            names = names | secrets.find(catalog_vars)
        named = tuple(sorted(names)) if names else ()
        body = b'{"content":%b,"crates":%b,"environment":%b,"format":%d,"roles":%b,"secrets":%b,%b"vars":%b}' % (
            content,
            crates.encoded_crates,
            encoding.text(resolution.environment),
            CATALOG_FORMAT,
            encoding.dumps(resolution.roles, plain=True),
            encoding.dumps(named, plain=True) if named else b"[]",
            more,
            encoded_vars,
        )
        return body, named


def leaf_hash(path: str, id_: str, catalog_sha256: str) -> bytes:
    """The leaf of a profile in the plan's Merkle tree: over the canonical JSON of its file, the rest of its id and its
    digest."""
    named = (path, id_[len(path) + 1 :], catalog_sha256)
    return hashlib.sha256(b"\0" + encoding.dumps(named, plain=True)).digest()


def _findings(
    resolution: Resolution,
    crates: CrateSet,
    known: Container[str],
    catalog_vars: Mapping[str, Any],
    settled: Mapping[str, Any],
) -> list[Finding]:
    found: list[Finding] = [
        Finding("vars.append", layer.document, path, None, f"{path[-1]} appends to what is no list", "")
        for layer, path in resolution.conflicts
    ]
    return found + _findings_within(resolution, crates, known, catalog_vars, settled)


def _findings_of_usercrates(
    resolution: Resolution,
    crates: CrateSet,
    usercrates: CrateSet,
    known: Container[str],
    catalog_vars: Mapping[str, Any],
    settled: Mapping[str, Any],
) -> list[Finding]:
    found = _findings_within(resolution, usercrates, known, catalog_vars, settled)
    for linked, second, first in crate_sets.clashes_between(crates, usercrates):
        message = f"{second.kind} {second.thing} is also owned by {first.resource}"
        found.append(Finding("crate.owned-twice", linked.crate.document, second.where, None, message, ""))
    return found


def _findings_within(
    resolution: Resolution,
    crates: CrateSet,
    known: Container[str],
    catalog_vars: Mapping[str, Any],
    settled: Mapping[str, Any],
) -> list[Finding]:
    found: list[Finding] = []
    if resolution.whole:
        for linked, name in crates.missing:
            if name in known:  # one that does not exist at all has been told of
                message = f"{linked.name} depends on {name}, which the same host does not have"
                found.append(
                    Finding("crate.missing-dependency", linked.crate.document, ("depends_on",), None, message, name)
                )
        if _may_lack(crates, catalog_vars, settled):
            found += [
                each for linked in crates.linked if linked.whole for each in _lacking(linked, catalog_vars, settled)
            ]
    for linked, second, first in crates.clashes:
        message = f"{second.kind} {second.thing} is also owned by {first.resource}"
        found.append(Finding("crate.owned-twice", linked.crate.document, second.where, None, message, ""))
    return found


def _may_lack(crates: CrateSet, catalog_vars: Mapping[str, Any], settled: Mapping[str, Any]) -> bool:
    """Whether some crate may ask for what is not there: the quick half of `_lacking`, for all crates at once."""
    if crates.unmet_within or failing(crates.outer_needs, settled):
        return True
    if catalog_vars is not settled:
        return True
    return not crates.inner_keys.isdisjoint(catalog_vars) and any(
        unmet_within(linked, catalog_vars) for linked in crates.linked if not linked.inner_keys.isdisjoint(catalog_vars)
    )


def _lacking(linked: Linked, catalog_vars: Mapping[str, Any], settled: Mapping[str, Any]) -> Iterator[Finding]:
    for need, wrong_type in unmet(linked, catalog_vars, settled):
        if wrong_type:
            message = f"foreach goes through {need.dotted}, which is not a list"
            yield Finding("vars.not-a-list", linked.crate.document, need.origin.where, need, message, "")
        else:
            found = settle(merge(linked.crate.vars, catalog_vars))
            hint = nearest(*proofs.lacks(found, need.path))
            message = f"{need.dotted} is not defined"
            yield Finding("vars.undefined", linked.crate.document, need.origin.where, need, message, hint)


def _stays_open(vars_: Mapping[str, Any], own_keys: Collection[str]) -> bool:
    """Whether something still appends to what a crate may have a default for: the host closes that, crate by crate."""
    return any(
        key.removesuffix(APPEND) in own_keys and (key.endswith(APPEND) or (isinstance(item, dict) and appends(item)))
        for key, item in vars_.items()
    )
