"""A proposal laid into a config repository: what would be written, what stands in its way, and what it would come to.

Nothing is overwritten unless that is asked for; `roles.vgo`, of which there is one, is added to. The compiler is the
judge: a resource that something else on the host owns already is taken out of the proposal, and what the repository
gives a host otherwise than was meant is told.
"""

from __future__ import annotations

import io
import re
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from reconciler import graph
from reconciler.documents import formatting
from reconciler.documents.compose import compose
from reconciler.documents.kinds import Kind
from reconciler.importing import writing
from reconciler.importing.ansible.layout import same
from reconciler.importing.proposals import Proposal, listed
from reconciler.repository import listing
from reconciler.repository.trees import Entry, Tree
from schema.diagnostics import Diagnostic, Severity
from schema.merging import settle

MAX_ROUNDS: Final = 10
"""Times that resources are taken out and the rest is compiled again."""

SETTINGS: Final = "vigo.vgo"
ROLES: Final = "roles.vgo"
_FIRST: Final = b"language: 1\n"
_OWNER: Final = re.compile(r"is also owned by (?P<crate>[^/\s]+)/(?P<resource>.+)$")


class Fitted(NamedTuple):
    """What a proposal comes to in a repository."""

    files: dict[str, bytes]
    """Path → bytes, of all that would be new or different."""
    conflicts: list[str]
    """What is there already and says something else."""
    diagnostics: list[Diagnostic]
    """Of the repository with the proposal in it, those that it had before left out."""
    tree: Tree
    """The repository with the proposal in it."""

    @property
    def valid(self) -> bool:
        """Whether no diagnostic is an error."""
        return not any(item.severity is Severity.ERROR for item in self.diagnostics)


class Overlay:
    """A tree with other files laid over it."""

    commit: str | None = None

    def __init__(self, below: Tree | None, files: Mapping[str, bytes]) -> None:
        self._below: Final = below
        self._blobs: Final = {listing.blob_id(data): data for data in files.values()}
        entries = dict(below.entries()) if below is not None else {}
        entries |= {path: Entry(listing.blob_id(data), len(data)) for path, data in files.items()}
        self._entries: Final = dict(sorted(entries.items()))
        self.id: Final = listing.blob_id(repr([(path, entry.oid) for path, entry in self._entries.items()]).encode())

    def entries(self) -> Mapping[str, Entry]:
        """See `Tree`."""
        return self._entries

    def subtrees(self) -> Mapping[str, str]:
        """See `Tree`."""
        return {"": self.id}

    def refused(self) -> Mapping[str, str]:
        """See `Tree`."""
        return self._below.refused() if self._below is not None else {}

    def read(self, oid: str) -> bytes:
        """See `Tree`."""
        found = self._blobs.get(oid)
        if found is not None:
            return found
        assert self._below is not None
        return self._below.read(oid)


def fit(proposal: Proposal, below: Tree | None) -> Fitted:
    """Lay a proposal over a repository, or over nothing.

    What had to give way is taken out of the proposal, and its notes say so.
    """
    cache = graph.Cache()
    before = graph.compile_tree(below, cache) if below is not None and below.entries() else None
    known = {(item.code, item.file, item.message) for item in before.diagnostics} if before is not None else set()
    existing = _contents(below)
    for _ in range(MAX_ROUNDS):
        files, conflicts = _laid(proposal, existing)
        tree = Overlay(below, files)
        compilation = graph.compile_tree(tree, cache)
        fresh = [item for item in compilation.diagnostics if (item.code, item.file, item.message) not in known]
        if not _give_way(proposal, files, fresh):
            break
    if compilation.graph is not None:
        _compare(proposal, compilation.graph)
    if before is not None and before.graph is not None:
        _tell_replaced(proposal, before.graph)
    return Fitted(files, conflicts, fresh, tree)


class _Existing:
    def __init__(self, tree: Tree | None) -> None:
        self._tree: Final = tree

    def get(self, path: str) -> bytes | None:
        entry = self._tree.entries().get(path) if self._tree is not None else None
        return self._tree.read(entry.oid) if entry is not None and self._tree is not None else None


def _contents(tree: Tree | None) -> _Existing:
    return _Existing(tree)


def _laid(proposal: Proposal, existing: _Existing) -> tuple[dict[str, bytes], list[str]]:
    desired = dict(proposal.files)
    for path, crate in proposal.crates.items():
        desired[path] = writing.crate(crate)
    conflicts: list[str] = []
    files: dict[str, bytes] = {}
    if existing.get(SETTINGS) is None:
        files[SETTINGS] = _FIRST
    for path, content in sorted(desired.items()):
        held = existing.get(path)
        if held is not None and held != content:
            conflicts.append(path)
        if held != content:
            files[path] = content
    if proposal.roles:
        held = existing.get(ROLES)
        content, clashes = _roles(proposal.roles, held)
        conflicts += [f"{ROLES}: {name}" for name in clashes]
        if content != held:
            files[ROLES] = content
    return files, conflicts


def _roles(roles: Mapping[str, Mapping[str, Any]], held: bytes | None) -> tuple[bytes, list[str]]:
    """`roles.vgo` with these roles in it, and which of them it had otherwise."""
    before = compose(held).data if held is not None else None
    old = before.get("roles") if isinstance(before, dict) else None
    if held is None or not isinstance(old, dict):
        clash = list(roles) if held is not None else []
        return writing.document(Kind.ROLES, {"roles": dict(roles)}), clash
    clashes = [name for name, entry in roles.items() if name in old and old[name] != entry]
    if all(old.get(name) == entry for name, entry in roles.items()):
        return held, []
    loader = YAML(typ="rt")
    loader.preserve_quotes = True
    loader.width = 1 << 20
    loader.indent(mapping=2, sequence=4, offset=2)
    written = io.StringIO()
    try:
        document = loader.load(held.decode())
        for name, entry in roles.items():
            document["roles"][name] = _fresh(entry)
        loader.dump(document, written)
        return formatting.canonical(written.getvalue().encode(), Kind.ROLES), clashes
    except (YAMLError, formatting.NotFormattable, UnicodeDecodeError):
        return writing.document(Kind.ROLES, {"roles": {**old, **roles}}), [*clashes, "comments would be lost"]


def _fresh(value: Any) -> Any:
    """A copy: the round-trip dumper makes anchors of what stands in two places."""
    if isinstance(value, Mapping):
        return {key: _fresh(item) for key, item in value.items()}
    return [_fresh(item) for item in value] if isinstance(value, list) else value


def _give_way(proposal: Proposal, files: Mapping[str, bytes], fresh: list[Diagnostic]) -> bool:
    """Take out what the compiler refuses of the proposed resources; whether there was any."""
    paths = {crate.name: path for path, crate in proposal.crates.items()}
    leaving: dict[str, dict[int, str]] = {}
    for item in fresh:
        if item.severity is not Severity.ERROR:
            continue
        if item.file in proposal.crates and item.file in files:
            at = _resource_at(files[item.file], item.line)
            if at is not None:
                leaving.setdefault(item.file, {})[at] = item.message
            continue
        named = _OWNER.search(item.message) if item.code == "crate.owned-twice" else None
        if named is not None and named["crate"] in paths:
            path = paths[named["crate"]]
            at = _resource_named(proposal, path, named["resource"])
            if at is not None:
                leaving.setdefault(path, {})[at] = f"{item.message.partition(' is also')[0]} is owned in {item.file}"
    for path, places in leaving.items():
        resources = proposal.crates[path].resources
        for at in sorted(places, reverse=True):
            attributes, comment = resources.pop(at)
            if comment and at < len(resources) and not resources[at][1]:
                resources[at] = (resources[at][0], comment)
            thing = next(iter(list(attributes.values())[1:]), path)
            proposal.notes.add(f"{attributes['type']} {thing}", f"{places[at]}: left out")
    return bool(leaving)


def _resource_at(source: bytes, line: int) -> int | None:
    lines = compose(source).item_lines.get("resources", [])
    found = [at for at, first in enumerate(lines) if first <= line]
    return found[-1] if found else None


def _resource_named(proposal: Proposal, path: str, name: str) -> int | None:
    for at, (attributes, _) in enumerate(proposal.crates[path].resources):
        if name in (attributes.get("name"), list(attributes.values())[1]):
            return at
    return None


def _compare(proposal: Proposal, compiled: graph.Graph) -> None:
    """Note the vars that a host would have otherwise than was meant, and the hosts that another block takes."""
    differing: dict[str, list[str]] = {}
    elsewhere: list[str] = []
    for hostname, desired in proposal.hosts.items():
        profile = compiled.match(hostname)
        if profile is None or profile.document.path not in proposal.files:
            elsewhere.append(hostname)
            continue
        found = settle(profile.resolution.vars)
        for key, value in desired.items():
            if key not in found or not same(found[key], value):
                differing.setdefault(key, []).append(hostname)
    if elsewhere:
        proposal.notes.add("hosts", f"{listed(elsewhere)}: another match block of the repository wins")
    for key, hosts in sorted(differing.items()):
        message = f"comes to another value for {listed(hosts)}, by what the repository says already"
        proposal.notes.add(f"var {key}", message)


def _tell_replaced(proposal: Proposal, before: graph.Graph) -> None:
    """Note the hosts that a block of the repository applied to until now."""
    hosts = list(proposal.hosts) or _matches(proposal)
    replaced: dict[str, list[str]] = {}
    for hostname in hosts:
        profile = before.match(hostname)
        if profile is not None and profile.document.path not in proposal.files:
            place = f"{profile.document.path}, match {profile.pattern.text}"
            replaced.setdefault(place, []).append(hostname)
    for place, names in replaced.items():
        message = f"applied to {listed(names)} until now: the exact name wins, so bring over what it gave"
        proposal.notes.add(place, message)


def _matches(proposal: Proposal) -> list[str]:
    found = []
    for path, content in proposal.files.items():
        if path.endswith(".vgo"):
            data = compose(content).data
            blocks = data.get("envoys") if isinstance(data, dict) else None
            found += [str(block["match"]) for block in blocks or ()]
    return found
