"""References: names of crates, roles, environments and tasks that documents use, held against those that exist."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from reconciler.documents import Document, Documents, Kind
from reconciler.documents.complaints import diagnostic, listed, nearest
from reconciler.documents.marks import Path
from reconciler.graph.scopes import Scope
from schema.diagnostics import Diagnostic
from schema.documents.configcrates import Configcrate
from schema.documents.environments import Environments
from schema.documents.inherited import Inherited
from schema.documents.leaves import Leaf, MatchBlock
from schema.documents.roles import Roles
from schema.documents.usercrates import Usercrate


@dataclass(frozen=True)
class Known:
    """The names of a tree. A file that is there is known, whatever is wrong with it."""

    crates: set[str]
    roles: set[str]
    usercrates: set[str]


class Reference(NamedTuple):
    """Names at one place of a document."""

    what: str
    """`crate`, `role` or `usercrate`: the first segment of the code, too."""
    path: Path
    names: Sequence[str]


def known(documents: Documents) -> Known:
    """The names of a tree."""
    roles = {
        name
        for document in documents.of(Kind.ROLES)
        if isinstance(document.parsed.data, dict) and isinstance(document.parsed.data.get("roles"), dict)
        for name in document.parsed.data["roles"]
    }
    return Known(
        {document.stem for document in documents.of(Kind.CONFIGCRATE)},
        roles,
        {document.stem for document in documents.of(Kind.USERCRATE)},
    )


def check(documents: Documents, document: Document, names: Known) -> list[Diagnostic]:
    """What one document names that does not exist, environments aside."""
    model = document.parsed.model
    if isinstance(model, Leaf) and all([_is_known(block, names) for block in model.envoys]):  # noqa: C419 - quicker
        return []
    by_what = {"crate": names.crates, "role": names.roles, "usercrate": names.usercrates}
    found = []
    for what, path, used in _references(document):
        for position, name in enumerate(used):
            if name not in by_what[what]:
                line, column = documents.place(document, (*path, position))
                hint = nearest(name, by_what[what])
                kind = {"crate": "configcrate"}.get(what, what)
                message = f"there is no {kind} {name}"
                found.append(diagnostic(f"{what}.unknown", document.path, line, column, message, hint))
    return found


def _is_known(block: MatchBlock, names: Known) -> bool:
    """Whether all that a block names exists: nearly always, and quick to see."""
    crates = names.crates
    return (
        crates.issuperset(block.configcrates)
        and names.roles.issuperset(block.roles)
        and crates.issuperset(block.exclude_configcrates)
        and names.usercrates.issuperset(block.usercrates)
    )


def check_environments(documents: Documents, document: Document, scope: Scope) -> list[Diagnostic]:
    """Which environments a leaf's blocks name that nothing above them defines."""
    model = document.parsed.model
    found = []
    for index, block in enumerate(model.envoys if isinstance(model, Leaf) else ()):
        name = block.environment
        if name is not None and scope.environment(name) is None and scope.whole:
            line, column = documents.place(document, ("envoys", index, "environment"))
            seen = scope.environment_names()
            hint = nearest(name, seen) or (f"defined here: {listed(seen)}" if seen else "define it in environments.vgo")
            message = f"there is no environment {name} for {document.path}"
            found.append(diagnostic("environment.unknown", document.path, line, column, message, hint))
    return found


def _references(document: Document) -> Iterator[Reference]:
    model = document.parsed.model
    if isinstance(model, Leaf):
        for index, block in enumerate(model.envoys):
            at = ("envoys", index)
            yield Reference("role", (*at, "roles"), block.roles)
            yield from _crates(at, block.configcrates, block.exclude_configcrates)
            yield Reference("usercrate", (*at, "usercrates"), block.usercrates)
    elif isinstance(model, Inherited):
        yield Reference("role", ("roles",), model.roles)
        yield from _crates((), model.configcrates, model.exclude_configcrates)
        yield Reference("usercrate", ("usercrates",), model.usercrates)
    elif isinstance(model, Roles):
        for name, role in model.roles.items():
            yield Reference("role", ("roles", name, "includes"), role.includes)
            yield Reference("crate", ("roles", name, "configcrates"), role.configcrates)
    elif isinstance(model, Environments):
        for name, each in model.environments.items():
            yield from _crates(("environments", name), each.configcrates, each.exclude_configcrates)
    elif isinstance(model, Usercrate):
        yield Reference("usercrate", ("depends_on",), model.depends_on)
    elif isinstance(model, Configcrate):
        yield Reference("crate", ("depends_on",), model.depends_on)


def _crates(at: Path, crates: Sequence[str], excluded: Iterable[str]) -> Iterator[Reference]:
    yield Reference("crate", (*at, "configcrates"), crates)
    yield Reference("crate", (*at, "exclude_configcrates"), list(excluded))
