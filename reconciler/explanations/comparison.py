"""Comparison: in what two hosts differ, and what each difference requires to be explained."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from reconciler.explanations import conditions, outcomes
from reconciler.explanations.conditions import Trials
from reconciler.explanations.contributions import Candidate, Contributions, Written
from reconciler.explanations.outcomes import MAX_TRIALS, Input
from reconciler.explanations.overlay import Keys
from reconciler.explanations.resources import Declared, declared
from reconciler.graph.linking import Linked
from schema.explanations import CauseKind, Difference, DifferenceKind

MAX_DIFFERENCES: Final = 5_000

Whose = Literal["one", "other"]
Requirement = tuple[Candidate, ...]


@dataclass
class Found:
    """A difference, and what must be named to explain it: of each requirement, one candidate."""

    difference: Difference
    requirements: list[Requirement] = field(default_factory=list)
    sides: dict[Candidate, set[Whose]] = field(default_factory=dict)

    def require(self, candidates: Sequence[Candidate], *whose: Whose) -> None:
        """Add a requirement."""
        if candidates:
            self.requirements.append(tuple(candidates))
            for each in candidates:
                self.sides.setdefault(each, set()).update(whose)

    def take(self, other: Found) -> None:
        """Require all that another difference does."""
        self.requirements += other.requirements
        for candidate, whose in other.sides.items():
            self.sides.setdefault(candidate, set()).update(whose)


class Comparison:
    """Two hosts, held against each other. A host that no block matches has nothing."""

    def __init__(self, one: Contributions | None, other: Contributions | None) -> None:
        self.found: Final[list[Found]] = []
        self.undecided: Final[list[str]] = []
        self.left_out = 0
        self._vars_of: Final[dict[str, list[tuple[Keys, Found]]]] = {}
        """Those that differ, by their first key."""
        self._environment: Found | None = None
        self._roles: Final[list[Found]] = []
        if one is None or other is None:
            self._alone(one, other)
            return
        self._one: Final = one
        self._other: Final = other
        self._compare_environments()
        self._compare_roles()
        shared = [*self._compare_crates(), *self._compare_usercrates()]
        self._compare_vars()
        self._compare_resources(shared)

    def _add(self, kind: DifferenceKind, name: str, one: Any = None, other: Any = None) -> Found:
        found = Found(Difference(kind=kind, name=name, one=one, other=other))
        if len(self.found) < MAX_DIFFERENCES:
            self.found.append(found)
        else:
            self.left_out += 1
        return found

    def _alone(self, one: Contributions | None, other: Contributions | None) -> None:
        """All that one of them has, and the block that gives it."""
        has, whose = (one, "one") if one is not None else (other, "other")
        if has is None:
            return
        things: list[tuple[DifferenceKind, str, Any]] = []
        if has.profile.environment:
            things.append((DifferenceKind.ENVIRONMENT, has.profile.environment, has.profile.environment))
        things += [(DifferenceKind.ROLE, role, True) for role in has.roles]
        things += [(DifferenceKind.CRATE, name, label) for name, label in has.profile.resolution.crates.items()]
        things += [(DifferenceKind.USERCRATE, name, at) for name, at in has.profile.resolution.usercrates.items()]
        things += [(DifferenceKind.VAR, ".".join(keys), value) for keys, value in has.values.items()]
        for kind, name, value in things:
            found = self._add(kind, name, **{whose: value})
            found.require([has.of_block()], "one" if one is not None else "other")
        if not things:
            found = self._add(DifferenceKind.ENVIRONMENT, "match block", **{whose: has.profile.match_pattern})
            found.require([has.of_block()], "one" if one is not None else "other")

    # environments, roles, crates

    def _compare_environments(self) -> None:
        one, other = self._one.profile.environment, self._other.profile.environment
        if one == other:
            return
        found = self._environment = self._add(DifferenceKind.ENVIRONMENT, "environment", one or None, other or None)
        if one:
            found.require(self._one.of_environment(), "one")
        if other:
            found.require(self._other.of_environment(), "other")

    def _compare_roles(self) -> None:
        for has, lacks, whose in self._sides():
            for role, listed in has.roles.items():
                if role not in lacks.roles:
                    found = self._add(DifferenceKind.ROLE, role, **{whose: True})
                    found.require(self._unshared(has.of_role(listed), has, lacks), whose)
                    self._roles.append(found)

    def _compare_crates(self) -> list[tuple[Linked, Linked]]:
        """What only one of them has; the crates that both have."""
        one, other = self._one.profile.resolution.crates, self._other.profile.resolution.crates
        for has, lacks, whose in self._sides():
            for name, label in has.profile.resolution.crates.items():
                if name in lacks.profile.resolution.crates:
                    continue
                found = self._add(DifferenceKind.CRATE, name, **{whose: label})
                excluded = lacks.of_exclusion(name) if lacks.brings(name) else []
                if excluded:
                    found.require(self._unshared(excluded, lacks, has), "other" if whose == "one" else "one")
                else:
                    found.require(self._unshared(has.of_crate(name), has, lacks), whose)
        theirs = {linked.name: linked for linked in self._other.profile.crates.linked}
        return [
            (linked, theirs[linked.name])
            for linked in self._one.profile.crates.linked
            if linked.name in one and linked.name in other and linked.name in theirs
        ]

    def _compare_usercrates(self) -> list[tuple[Linked, Linked]]:
        for has, lacks, whose in self._sides():
            for name, label in has.profile.resolution.usercrates.items():
                if name not in lacks.profile.resolution.usercrates:
                    found = self._add(DifferenceKind.USERCRATE, name, **{whose: label})
                    found.require(self._unshared(has.of_usercrate(name), has, lacks), whose)
        theirs = {linked.name: linked for linked in self._other.profile.usercrates.linked}
        return [
            (linked, theirs[linked.name]) for linked in self._one.profile.usercrates.linked if linked.name in theirs
        ]

    # vars

    def _compare_vars(self) -> None:
        one, other = self._one.values, self._other.values
        for keys in {**one, **other}:
            mine, theirs = one.get(keys, _ABSENT), other.get(keys, _ABSENT)
            if mine is theirs or (mine is not _ABSENT and theirs is not _ABSENT and _same(mine, theirs)):
                continue
            found = self._add(DifferenceKind.VAR, ".".join(keys), _none(mine), _none(theirs))
            self._vars_of.setdefault(keys[0], []).append((keys, found))
            self._explain_var(found, keys)

    def _explain_var(self, found: Found, keys: Keys) -> None:
        mine, theirs = self._one.writers_of(keys), self._other.writers_of(keys)
        for has, lacks, whose, writers in (
            (self._one, self._other, "one", mine),
            (self._other, self._one, "other", theirs),
        ):
            for written in writers:
                if not lacks.says(written):
                    candidates = self._unshared(has.of_written(written), has, lacks)
                    found.require(candidates, "one" if whose == "one" else "other")
        if not found.requirements:  # the same lines, in another order
            self._require_all(found, mine, theirs)

    def _require_all(self, found: Found, mine: Iterable[Written], theirs: Iterable[Written]) -> None:
        for has, writers, whose in ((self._one, mine, "one"), (self._other, theirs, "other")):
            for written in writers:
                line = [each for each in has.of_written(written) if each.kind is CauseKind.LINE]
                found.require(line, "one" if whose == "one" else "other")

    # resources

    def _compare_resources(self, shared: Sequence[tuple[Linked, Linked]]) -> None:
        trials = Trials(MAX_TRIALS)
        undecided: dict[str, None] = {}
        for mine, theirs in shared:
            scopes = [
                conditions.scope_of(has.profile, has.hostname, linked, has.traits)
                for has, linked in ((self._one, mine), (self._other, theirs))
            ]
            others = {each.id: each for each in declared(theirs)}
            for each in declared(mine):
                twin = others.pop(each.id, None)
                if twin is None:
                    self._changed(each, None, mine, theirs)
                    continue
                self._compare_one(each, twin, scopes, trials, undecided)
            for twin in others.values():
                self._changed(None, twin, mine, theirs)
        self.undecided.extend(undecided)

    def _compare_one(
        self,
        one: Declared,
        other: Declared,
        scopes: Sequence[conditions.Scope],
        trials: Trials,
        undecided: dict[str, None],
    ) -> None:
        if (one.linked is not other.linked) and not _alike(one, other):
            self._changed(one, other, one.linked, other.linked)
            return
        if scopes[0] == scopes[1]:
            return  # whatever it reads, it reads the same
        analyses = outcomes.reads(one)
        inputs = outcomes.inputs(analyses, *scopes)
        mine, theirs = (outcomes.outcome(each, scope, trials) for each, scope in zip((one, other), scopes, strict=True))
        if trials.spent:
            self.left_out += 1
            return
        if mine.instances is None or theirs.instances is None:
            asks = outcomes.asked_of_host(analyses)
            traits = [each for each in asks if each.startswith("traits.")]
            unknown = [each for each in asks if each not in traits]
            if "traits" not in scopes[0] or "traits" not in scopes[1]:
                unknown += traits
            undecided.update(dict.fromkeys(unknown))
            if not inputs:
                return
        elif mine == theirs:
            return
        else:
            inputs = outcomes.decisive(one, scopes[0], scopes[1], inputs, trials)
        found = self._add(DifferenceKind.RESOURCE, one.id, *_counts(mine, theirs))
        found.difference.keys = outcomes.differing_keys(mine, theirs) or None
        for each in inputs:
            self._explain_input(found, each, one.linked, other.linked)

    def _explain_input(self, found: Found, read: Input, mine: Linked, theirs: Linked) -> None:
        root, *rest = read
        keys = tuple(map(str, rest))
        if root == "traits":
            found.require([Candidate(CauseKind.TRAIT, ".".join(keys), keys)], "one", "other")
        elif root == "host" and keys == ("hostname",):
            found.require([Candidate(CauseKind.HOST, "hostname")], "one", "other")
        elif root == "host":
            for each in self._roles if keys == ("roles",) else [self._environment]:
                if each is not None:
                    found.take(each)
        else:
            self._explain_read_var(found, keys, mine, theirs)

    def _explain_read_var(self, found: Found, keys: Keys, mine: Linked, theirs: Linked) -> None:
        around = self._vars_of.get(keys[0], ()) if keys else ()
        known = [each for path, each in around if path[: len(keys)] == keys or keys[: len(path)] == path]
        for each in known:
            found.take(each)
        if not known:  # their crates' own defaults
            for linked, whose in ((mine, "one"), (theirs, "other")):
                candidate = Candidate(CauseKind.LINE, linked.crate.document.path, ("vars", *keys[:1]), on_key=True)
                found.require([candidate], "one" if whose == "one" else "other")

    def _changed(self, one: Declared | None, other: Declared | None, mine: Linked, theirs: Linked) -> None:
        """A resource that is not the same in both revisions."""
        some = one or other
        assert some is not None
        found = self._add(DifferenceKind.RESOURCE, some.id, one and "declared", other and "declared")
        if one is not None and other is not None:
            keys = {*one.spec, *other.spec}
            found.difference.keys = (
                sorted(
                    key
                    for key in keys
                    if one.spec.get(key) != other.spec.get(key) or _content(one, key) != _content(other, key)
                )
                or None
            )
        file = Candidate(CauseKind.FILE, mine.crate.document.path)
        contents = [
            path
            for path, content in mine.content.items()
            if path in theirs.content and theirs.content[path].ref != content.ref and some.spec.get("source") == path
        ]
        same_text = one is not None and other is not None and one.spec == other.spec and one.resource == other.resource
        if not same_text:
            found.require([Candidate(CauseKind.LINE, file.file, ("resources", some.at)), file], "one", "other")
        for path in contents:
            found.require([Candidate(CauseKind.FILE, path)], "one", "other")
        if not found.requirements:
            found.require([file], "one", "other")

    def _sides(self) -> tuple[tuple[Contributions, Contributions, Literal["one", "other"]], ...]:
        return ((self._one, self._other, "one"), (self._other, self._one, "other"))

    @staticmethod
    def _unshared(candidates: Sequence[Candidate], has: Contributions, lacks: Contributions) -> list[Candidate]:
        """The candidates that do not hold for the other, too; the exact ones where all others do."""
        left = [each for each in candidates if each.kind is CauseKind.LINE or not lacks.shares(each, has)]
        return left or list(candidates[-1:])


_ABSENT: Final = object()


def _none(value: Any) -> Any:
    return None if value is _ABSENT else value


def _same(one: Any, other: Any) -> bool:
    """Whether two values are one; true and 1 are not."""
    if type(one) is not type(other):
        return False
    if isinstance(one, list):
        return len(one) == len(other) and all(map(_same, one, other))
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(_same(value, other[key]) for key, value in one.items())
    return bool(one == other)


def _alike(one: Declared, other: Declared) -> bool:
    """Whether a resource is declared alike, and its file the same."""
    return (
        one.resource == other.resource
        and one.spec == other.spec
        and _content(one, "source") == _content(other, "source")
        and getattr(one.linked.crate.document.parsed.model, "when", None)
        == getattr(other.linked.crate.document.parsed.model, "when", None)
    )


def _content(each: Declared, key: str) -> str | None:
    source = each.spec.get("source")
    content = each.linked.content.get(source) if key == "source" and isinstance(source, str) else None
    return content.ref.sha256 if content is not None else None


def _counts(one: outcomes.Outcome, other: outcomes.Outcome) -> tuple[Any, Any]:
    """How many of a resource each has, where that differs."""
    if one.instances is None or other.instances is None:
        return None, None
    mine, theirs = len(one.instances), len(other.instances)
    return (None, None) if mine == theirs else (mine, theirs)
