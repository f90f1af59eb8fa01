"""What `rollout.vgo` and `invariants.vgo` name, held against the tree, and waves that cannot be meant.

Who is in a wave, and whether an invariant holds, is told by `reconciler.rollout`, which knows hosts.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final, NamedTuple

from reconciler import expressions, zones
from reconciler.documents import Document, Documents, Kind
from reconciler.documents.complaints import diagnostic, listed, nearest
from reconciler.documents.marks import Path
from reconciler.graph import patterns, selecting
from reconciler.graph.matching import Matcher
from reconciler.graph.references import Known
from schema import guardrails, traits
from schema.diagnostics import Diagnostic
from schema.documents.environments import Environments
from schema.documents.invariants import OF_HOST, ROOTS, Invariant, Invariants
from schema.documents.rollout import HealthCheck, Rollout, Wave, Window

_KINDS: Final = (Kind.ROLLOUT, Kind.INVARIANTS)


class Told(NamedTuple):
    """What was wrong, and all that it depends on."""

    documents: Sequence[Document]
    environments: Sequence[Document]
    names: Known
    matcher: Matcher
    diagnostics: list[Diagnostic]


def check(documents: Documents, names: Known, matcher: Matcher, before: Told | None) -> Told:
    """What is wrong with rollout and invariants of a tree, beyond each file itself; `before`, when nothing changed."""
    about = [document for kind in _KINDS for document in documents.of(kind)]
    environments = documents.of(Kind.ENVIRONMENTS) if about else ()
    if (
        before is not None
        and before.names is names
        and before.matcher is matcher
        and _ids(before.documents) == _ids(about)
        and _ids(before.environments) == _ids(environments)
    ):
        return before
    checks = _Checks(documents, environments, names, matcher)
    found = [each for document in about for each in checks.of(document)]
    return Told(about, environments, names, matcher, found)


def _ids(documents: Sequence[Document]) -> list[int]:
    return [id(each) for each in documents]


class _Checks:
    def __init__(self, documents: Documents, environments: Sequence[Document], names: Known, matcher: Matcher) -> None:
        self._documents: Final = documents
        self._names: Final = names
        self._matcher: Final = matcher
        self._environments: Final = {
            name
            for each in environments
            if isinstance(each.parsed.model, Environments)
            for name in each.parsed.model.environments
        }
        self._document: Document

    def of(self, document: Document) -> Iterator[Diagnostic]:
        """What is wrong with one file."""
        self._document = document
        model = document.parsed.model
        if isinstance(model, Rollout):
            yield from self._rollout(model)
        elif isinstance(model, Invariants):
            yield from self._invariants(model)

    def _rollout(self, rollout: Rollout) -> Iterator[Diagnostic]:
        yield from self._conditions((), rollout.health, rollout.windows, rollout.max_in_flight)
        seen: set[str] = set()
        canaries = ""
        whole = ""
        for index, wave in enumerate(rollout.waves):
            at: Path = ("waves", index)
            if wave.name in seen:
                yield self._at("rollout.duplicate", (*at, "name"), f"a second wave is called {wave.name}")
            seen.add(wave.name)
            if wave.canaries and canaries:
                hint = f"{canaries} has one host for each class of changes already"
                yield self._at("rollout.canaries", (*at, "canaries"), "there is a wave of canaries before it", hint)
            elif whole:
                message = f"no host is left for {wave.name}: {whole} takes all that are not in a wave before it"
                yield self._at("rollout.no-host", (*at, "name"), message)
            if wave.canaries:
                canaries = canaries or wave.name
            elif not wave.selects and wave.percent in (None, 100):
                whole = whole or wave.name
            yield from self._hosts(at, wave.match, wave.environment, "rollout.no-host", f"the wave {wave.name}")
            yield from self._conditions(at, wave.health or (), wave.windows or (), wave.max_in_flight)
        yield from self._percentages(rollout.waves, whole=bool(whole))

    def _percentages(self, waves: Sequence[Wave], *, whole: bool) -> Iterator[Diagnostic]:
        """Percentages count what earlier waves took, so that those of the same hosts must rise; and reach 100."""
        last: dict[tuple[object, ...], tuple[int, Wave]] = {}
        for index, wave in enumerate(waves):
            if wave.percent is None:
                continue
            key = (wave.match, tuple(wave.environment or ()), tuple(wave.tag or ()))
            before = last.get(key)
            if before is not None and before[1].percent is not None and wave.percent <= before[1].percent:
                message = f"{wave.percent} % is not more than the {before[1].percent} % of {before[1].name}"
                hint = "a percentage counts what the waves before it took"
                yield self._at("rollout.percent", ("waves", index, "percent"), message, hint)
            last[key] = (index, wave)
        unselected = last.get((None, (), ()))
        if unselected is not None and not whole:
            index, wave = unselected
            message = f"the percentages end at {wave.percent} %: no wave is for the rest"
            hint = "add a wave without match, environment, tag and percent"
            yield self._at("rollout.percent", ("waves", index, "percent"), message, hint)

    def _conditions(
        self, at: Path, health: Sequence[HealthCheck], windows: Sequence[Window], in_flight: int | str | None
    ) -> Iterator[Diagnostic]:
        for index, check_ in enumerate(health):
            if check_.command is not None and (why := guardrails.dangerous_words(check_.command)):
                hint = "a health check looks at a host and changes nothing"
                yield self._at("rollout.guardrail", (*at, "health", index, "command"), f"the command {why}", hint)
        for index, window in enumerate(windows):
            if window.zone not in zones.zones():
                message = f"there is no time zone {window.zone}"
                hint = nearest(window.zone, zones.zones()) or "as Europe/Berlin, America/New_York or UTC"
                yield self._at("rollout.zone", (*at, "windows", index, "zone"), message, hint)
        if in_flight == "0%":
            yield self._at("rollout.share", (*at, "max_in_flight"), "no host at a time: no wave would ever begin")

    def _invariants(self, model: Invariants) -> Iterator[Diagnostic]:
        seen: set[str] = set()
        for index, invariant in enumerate(model.invariants):
            at: Path = ("invariants", index)
            if invariant.name in seen:
                yield self._at("invariant.duplicate", (*at, "name"), f"a second invariant is called {invariant.name}")
            seen.add(invariant.name)
            yield from self._selector(at, invariant)
            root, _, path = (invariant.for_each or "").partition(".")
            if root == "traits" and traits.lookup(path) is None:
                near = traits.nearest(path)
                hint = f"did you mean traits.{near}?" if near else ""
                yield self._at("expression.unknown-trait", (*at, "for_each"), f"no host has a trait {path}", hint)

    def _selector(self, at: Path, invariant: Invariant) -> Iterator[Diagnostic]:
        where = invariant.where
        at = (*at, "where")
        yield from self._hosts(at, where.match, where.environment, "invariant.no-host", f"what {invariant.name} counts")
        for key, name, known in (
            ("role", where.role, self._names.roles),
            ("configcrate", where.configcrate, self._names.crates),
        ):
            if name is not None and name not in known:
                code = "crate.unknown" if key == "configcrate" else "role.unknown"
                yield self._at(code, (*at, key), f"there is no {key} {name}", nearest(name, known))
        if where.when is not None:
            yield from self._when((*at, "when"), where.when)

    def _when(self, at: Path, text: str) -> Iterator[Diagnostic]:
        analysis = expressions.analyse(text, template=False, roots=ROOTS)
        found = [(each.line, each.column, "expression.invalid", each.message, each.hint) for each in analysis.problems]
        for word in analysis.unknown:
            hint = nearest(word.name, ROOTS) or f"here: {listed(ROOTS)}"
            found.append((word.line, word.column, "expression.unknown-name", f"there is no {word.name}", hint))
        for use in analysis.paths:
            root, *path = (str(part) for part in use.path)
            if root == "host" and path and path[0] not in OF_HOST:
                hint = nearest(path[0], OF_HOST) or f"here: {listed(OF_HOST)}"
                found.append((use.line, use.column, "expression.unknown-name", f"host has no {path[0]}", hint))
            elif root == "traits" and path and traits.lookup(path) is None:
                near = traits.nearest(path)
                message, hint = f"no host has a trait {'.'.join(path)}", f"did you mean {near}?" if near else ""
                found.append((use.line, use.column, "expression.unknown-trait", message, hint))
        for line, column, code, message, hint in found:
            place = self._documents.within(self._document, at, text, line, column)
            yield diagnostic(code, self._document.path, *place, message, hint)

    def _hosts(
        self, at: Path, match: str | None, environments: Sequence[str] | None, code: str, what: str
    ) -> Iterator[Diagnostic]:
        """What is wrong with whom something is for."""
        if match is not None:
            try:
                pattern = patterns.parse(match)
            except patterns.BadPattern as error:
                yield self._at("match.pattern", (*at, "match"), str(error), error.hint)
            else:
                if not any(selecting.overlap(pattern, each) for each in self._matcher.patterns):
                    message = f"no match block has a host that {match} matches: no host can be in {what}"
                    yield self._at(code, (*at, "match"), message)
        for index, name in enumerate(environments or ()):
            if name not in self._environments:
                known = self._environments
                message = f"there is no environment {name}"
                hint = nearest(name, known) or (f"there are {listed(known)}" if known else "none is defined anywhere")
                path: Path = (*at, "environment", index)
                yield self._at("rollout.environment", path, message, hint)

    def _at(self, code: str, path: Path, message: str, hint: str = "") -> Diagnostic:
        place = self._documents.place(self._document, path)
        return diagnostic(code, self._document.path, *place, message, hint)
