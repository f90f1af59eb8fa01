"""The graph: what a tree means, as one value that never changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import chain

from reconciler.documents import Documents
from reconciler.graph import plan
from reconciler.graph.linking import Linked
from reconciler.graph.matching import Matcher
from reconciler.graph.plan import Plan
from reconciler.graph.profiles import Profile
from reconciler.graph.roles import RoleSet
from schema.diagnostics import Diagnostic
from schema.protocol.plans import PlanProof


@dataclass(frozen=True, eq=False)
class Graph:
    """The desired state of every host that the tree matches."""

    commit: str | None
    """Hex; None for the index or a directory."""
    tree_id: str
    plan_root: str
    """SHA-256 (hex) over what every profile is to be: see `plan`."""
    profiles: Mapping[str, Profile]
    """By id, in the order in which their blocks stand: path, then place in the file."""
    crates: Mapping[str, Linked]
    """By name."""
    documents: Documents
    roles: RoleSet
    matcher: Matcher
    order: Sequence[Profile]
    """The profile of each of the matcher's patterns."""
    usercrates: Mapping[str, Linked]
    """By name."""
    tree: Plan
    """Of which `plan_root` is the root."""

    @cached_property
    def bodies(self) -> Mapping[str, bytes]:
        """Crate objects by SHA-256."""
        return {linked.crate.sha256: linked.crate.body for linked in self._delivered}

    @cached_property
    def blobs(self) -> Mapping[str, str]:
        """SHA-256 of content → its blob id."""
        return {each.ref.sha256: each.oid for linked in self._delivered for each in linked.content.values()}

    @property
    def _delivered(self) -> Iterable[Linked]:
        return chain(self.crates.values(), self.usercrates.values())

    def match(self, hostname: str) -> Profile | None:
        """The profile of a host; None when no block matches its name."""
        index = self.matcher.match(hostname)
        return None if index is None else self.order[index]

    def assign(self, hostnames: Iterable[str]) -> dict[str, str | None]:
        """Host name → id of its profile; None where no block matches. Depends on the names alone."""
        names, order = list(hostnames), self.order
        found = zip(names, self.matcher.matches(names), strict=True)
        return {name: None if index is None else order[index].id for name, index in found}

    def proof(self, profile_id: str, catalog_sha256: str) -> PlanProof | None:
        """That a profile with this catalog is under the plan root; None where it is not."""
        profile = self.profiles.get(profile_id)
        if profile is None or profile.catalog_sha256 != catalog_sha256:
            return None
        found = plan.proof(self.tree, profile.leaf_hash)
        if found is None:
            return None
        path = profile.document.path
        bucket, branches = found
        return PlanProof(
            file=path,
            pattern=profile.id[len(path) + 1 :],
            bucket=[leaf.hex() for leaf in bucket],
            branches=[[node.hex() for node in others] for others in branches],
        )

    def object(self, sha256: str) -> bytes | None:
        """The bytes of a crate object or of content that a catalog names; None for a digest that none does."""
        body = self.bodies.get(sha256)
        if body is not None:
            return body
        oid = self.blobs.get(sha256)
        return None if oid is None else self.documents.tree.read(oid)


@dataclass(frozen=True)
class Compilation:
    """What compiling a tree gave."""

    graph: Graph | None
    """None if and only if a diagnostic is an error."""
    diagnostics: list[Diagnostic]
    """By file, line and column."""
    documents: Documents | None = None
    """What was read, sound or not."""
