"""Coverage: lines of the config that matter to no host, or to one alone, and what nothing uses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final, NamedTuple

from reconciler.documents import Document
from reconciler.documents.kinds import CONTENT, Kind
from reconciler.explanations.places import Places
from reconciler.explanations.reading import files_of, reads_of
from reconciler.explanations.tallies import AN_EXCLUSION, Reached, Tally
from reconciler.graph import Graph
from reconciler.graph.linking import TEMPLATE
from reconciler.graph.resolution import MATCH_BLOCK
from schema.documents.environments import Environments
from schema.explanations import Coverage, Covered, Finding
from schema.explanations import SubjectOfCoverage as About

MAX_FOUND: Final = 1_000
_ORDER: Final = {
    Finding.NO_HOST: 0,
    Finding.UNUSED: 0,
    Finding.UNREAD: 0,
    Finding.OVERRIDDEN: 1,
    Finding.REDUNDANT: 1,
    Finding.ONE_HOST: 2,
}


class Report(NamedTuple):
    """A finding, its place not yet looked up."""

    finding: Finding
    about: About
    name: str
    source: str
    document: Document | None
    way: tuple[str | int, ...]
    path: str
    host: str = ""
    by: str = ""
    on_key: bool = False


def coverage(graph: Graph, hostnames: Iterable[str] | None = None) -> Coverage:
    """Which lines of the config matter to no host, or to exactly one.

    Args:
        hostnames: the hosts there are; without, each match block that can win stands for one.
    """
    tally = Tally(graph, hostnames)
    reports = _Reports(tally).made
    counted = Counter(each.finding for each in reports)
    reports.sort(key=lambda each: (_ORDER[each.finding], each.path))
    places = Places(graph)
    shown = [_covered(places, each) for each in reports[:MAX_FOUND]]
    shown.sort(key=lambda each: (each.at.file, each.at.line, each.at.column, each.finding, each.name))
    return Coverage(
        basis=tally.basis,
        hosts=tally.counts.total() + tally.unmatched,
        unmatched=tally.unmatched,
        statements=len(tally.statements) + len(tally.listed) + len(graph.profiles) + len(tally.levels),
        counts={finding.value: counted[finding] for finding in Finding if counted[finding]},
        found=shown,
        left_out=max(0, len(reports) - MAX_FOUND) or None,
        commit=graph.commit,
    )


class _Reports:
    """What a tally comes to."""

    def __init__(self, tally: Tally) -> None:
        self.tally: Final = tally
        self.graph: Final = tally.graph
        self.made: Final[list[Report]] = []
        self._blocks()
        self._levels()
        self._vars()
        self._lists()
        self._unused()

    def _blocks(self) -> None:
        tally = self.tally
        for at, profile in enumerate(self.graph.order):
            block = Report(
                Finding.NO_HOST,
                About.BLOCK,
                profile.match_pattern,
                MATCH_BLOCK,
                profile.document,
                ("envoys", profile.index, "match"),
                profile.document.path,
            )
            count = tally.counts[profile.id]
            if not count:
                by = self.graph.order[tally.shadows[at]].match_pattern if at in tally.shadows else ""
                self.made.append(block._replace(by=by))
            elif count == 1 and profile.id in tally.host_of:
                self.made.append(block._replace(finding=Finding.ONE_HOST, host=tally.host_of[profile.id]))

    def _levels(self) -> None:
        for document in self.graph.documents.of(Kind.INHERITED):
            if not self.tally.levels[document.path]:
                self._add(Finding.NO_HOST, About.LEVEL, document.path, document, ())

    def _vars(self) -> None:
        reads = reads_of(self.graph)
        for statement, reached in self.tally.statements.items():
            if not reached.reach:
                continue  # what holds it is reported: a block, a level, a role, an environment, a crate
            document = self.graph.documents.by_path[statement.path]
            said = Report(
                Finding.UNREAD,
                About.VAR,
                statement.dotted,
                statement.source,
                document,
                statement.way,
                statement.path,
                on_key=True,
            )
            if not reads.has(tuple(statement.dotted.split("."))):
                self.made.append(said)
            elif not reached.decides:
                self.made.append(said._replace(finding=Finding.OVERRIDDEN, by=reached.only_by))
            else:
                self._alone(said, reached)

    def _lists(self) -> None:
        for listed, reached in self.tally.listed.items():
            if not reached.reach:
                continue
            document = self.graph.documents.by_path[listed.path]
            about = About.EXCLUSION if listed.excludes else About.LISTING
            said = Report(Finding.REDUNDANT, about, listed.crate, listed.source, document, listed.way, listed.path)
            if reached.decides:
                self._alone(said, reached)
            elif reached.by == {AN_EXCLUSION}:
                self.made.append(said._replace(finding=Finding.OVERRIDDEN, by=AN_EXCLUSION))
            else:
                self.made.append(said._replace(by=reached.only_by))

    def _alone(self, said: Report, reached: Reached) -> None:
        """Report what decides for one host, unless all its block does."""
        host = self.tally.host(reached)
        if host and said.source != MATCH_BLOCK:
            self.made.append(said._replace(finding=Finding.ONE_HOST, host=host, by=""))

    def _unused(self) -> None:
        graph, tally = self.graph, self.tally
        for name, linked in graph.crates.items():
            if name not in tally.crates:
                self._add(Finding.UNUSED, About.CRATE, name, linked.crate.document, ("name",))
        for document in graph.documents.of(Kind.USERCRATE):
            if document.stem not in tally.usercrates:
                self._add(Finding.UNUSED, About.USERCRATE, document.stem, document, ("name",))
        for role in graph.roles.entries:
            if not tally.roles[role] and graph.roles.document is not None:
                self._add(Finding.UNUSED, About.ROLE, role, graph.roles.document, ("roles", role))
        for document in graph.documents.of(Kind.ENVIRONMENTS):
            model = document.parsed.model
            for name in model.environments if isinstance(model, Environments) else ():
                if not tally.environments[document.path, name]:
                    self._add(Finding.UNUSED, About.ENVIRONMENT, name, document, ("environments", name))
        named = files_of(graph)
        for path in graph.documents.entries:
            if path.partition("/")[0] in CONTENT and path not in named:
                about = About.TEMPLATE if path.endswith(TEMPLATE) else About.FILE
                self.made.append(Report(Finding.UNUSED, about, path, path, None, (), path))

    def _add(self, finding: Finding, about: About, name: str, document: Document, way: tuple[str | int, ...]) -> None:
        on_key = about in (About.ROLE, About.ENVIRONMENT)
        self.made.append(Report(finding, about, name, document.path, document, way, document.path, on_key=on_key))


def _covered(places: Places, each: Report) -> Covered:
    at = places.top(each.path) if each.document is None else places.line(each.document, each.way, on_key=each.on_key)
    return Covered(
        finding=each.finding,
        about=each.about,
        name=each.name,
        source=each.source,
        at=at,
        host=each.host or None,
        by=each.by or None,
    )
