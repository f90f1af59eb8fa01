"""Tallies: for each line of a config, how many hosts it reaches, and for how many it decides anything.

Match blocks that share their directory, roles and environment are counted together; what a block says itself is then
laid over that. So each line is looked at a few times, however many hosts there are.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from reconciler.documents.kinds import Kind
from reconciler.explanations import hosts as names
from reconciler.explanations.overlay import Keys, Leaf, Overlay, leaves
from reconciler.explanations.places import block_of
from reconciler.explanations.statements import Listed, Statement, Way, environment_lists, level_lists, role_lists
from reconciler.graph import Graph, Profile
from reconciler.graph.patterns import PatternKind
from reconciler.graph.resolution import MATCH_BLOCK
from reconciler.graph.scopes import Layer
from schema.explanations import Basis

AN_EXCLUSION: Final = "an exclusion"
OF_HOSTS: Final = "vars of its hosts"


class Weight(NamedTuple):
    """Hosts, counted, and the numbers of their profiles, summed: of a single host, the sum is its profile's."""

    hosts: int
    numbers: int


NONE: Final = Weight(0, 0)


@dataclass(slots=True)
class Reached:
    """Whom a line reaches, and for whom it decides."""

    reach: int = 0
    decides: int = 0
    """Hosts on which it has a part in what comes out."""
    numbers: int = 0
    """Of the profiles of those, summed."""
    by: set[str] = field(default_factory=set)
    """Who overrides it; at most two are kept."""

    def add(self, weight: Weight) -> None:
        """It decides for these hosts."""
        self.decides += weight.hosts
        self.numbers += weight.numbers

    def take(self, weight: Weight, by: str) -> None:
        """It does not decide for these hosts after all."""
        self.decides -= weight.hosts
        self.numbers -= weight.numbers
        self.blame(by, weight.hosts)

    def blame(self, by: str, hosts: int) -> None:
        """Somebody overrides it, for some hosts."""
        if hosts and len(self.by) < 2:
            self.by.add(by)

    @property
    def only_by(self) -> str:
        """Who overrides it, where that is always the same; else empty."""
        return next(iter(self.by)) if len(self.by) == 1 else ""


class _Said(NamedTuple):
    leaf: Leaf
    statement: Statement
    reached: Reached


class Tally:
    """Counts over one graph."""

    def __init__(self, graph: Graph, hostnames: Iterable[str] | None) -> None:
        self.graph: Final = graph
        self.basis: Final = Basis.BLOCKS if hostnames is None else Basis.HOSTS
        self.unmatched = 0
        self.counts: Final[Counter[str]] = Counter()
        """Profile id → hosts."""
        self.host_of: Final[dict[str, str]] = {}
        """Profile id → the first of its hosts, where one is known by name."""
        self.shadows: Final = dict(graph.matcher.shadows())
        if hostnames is None:
            self._count_blocks()
        else:
            self._count_hosts(hostnames)
        self.statements: Final[dict[Statement, Reached]] = defaultdict(Reached)
        self.listed: Final[dict[Listed, Reached]] = defaultdict(Reached)
        self.roles: Final[Counter[str]] = Counter()
        """Role → hosts; so are the next two."""
        self.environments: Final[Counter[tuple[str, str]]] = Counter()
        """By document and name."""
        self.levels: Final[Counter[str]] = Counter()
        self.crates: Final[set[str]] = set()
        """That some host has."""
        self.usercrates: Final[set[str]] = set()
        self._said: Final[dict[int, list[_Said]]] = {}
        self._ids: Final = list(graph.profiles)
        numbers = {id_: number for number, id_ in enumerate(self._ids)}
        self._weights: Final = {id_: Weight(count, count * numbers[id_]) for id_, count in self.counts.items()}
        self._walk()

    def host(self, reached: Reached) -> str:
        """The one host that a line decides for, by name; empty where it is not one, or one without a name."""
        return self.host_of.get(self._ids[reached.numbers], "") if reached.decides == 1 else ""

    def _count_blocks(self) -> None:
        for at, profile in enumerate(self.graph.order):
            if at not in self.shadows:
                self.counts[profile.id] = 1
                if profile.pattern.kind is PatternKind.EXACT:
                    self.host_of[profile.id] = profile.pattern.folded

    def _count_hosts(self, hostnames: Iterable[str]) -> None:
        for hostname in dict.fromkeys(map(names.folded, hostnames)):
            profile = self.graph.match(hostname)
            if profile is None:
                self.unmatched += 1
            else:
                self.counts[profile.id] += 1
                self.host_of.setdefault(profile.id, hostname)

    def _weight(self, profiles: Iterable[Profile]) -> Weight:
        weights = [self._weights.get(profile.id, NONE) for profile in profiles]
        return Weight(sum(each.hosts for each in weights), sum(each.numbers for each in weights))

    def _walk(self) -> None:
        """Go through the profiles, in groups that share all but their own block."""
        groups: dict[tuple[int, tuple[str, ...], str], list[Profile]] = defaultdict(list)
        for profile in self.graph.profiles.values():
            resolution = profile.resolution
            groups[id(resolution.scope), resolution.roles, resolution.environment].append(profile)
            if self.counts[profile.id]:
                self.crates.update(resolution.crates)
                self.usercrates.update(resolution.usercrates)
        for profiles in groups.values():
            weight = self._weight(profiles)
            self._holders(profiles[0], weight.hosts)
            self._vars(profiles, weight)
            self._lists(profiles, weight)
        self._defaults()

    def _holders(self, profile: Profile, hosts: int) -> None:
        resolution = profile.resolution
        for document in resolution.scope.levels:
            self.levels[document.path] += hosts
        closures = self.graph.roles.closures
        for role in {each for listed in resolution.roles for each in closures.get(listed, ())}:
            self.roles[role] += hosts
        if resolution.environment:
            for document in resolution.scope.environment_documents:
                self.environments[document.path, resolution.environment] += hosts

    # vars

    def _vars(self, profiles: Sequence[Profile], weight: Weight) -> None:
        """Lay the layers that all share over each other; then each block's own, which is between them."""
        layers = [layer for layer in profiles[0].resolution.layers if layer.label != MATCH_BLOCK]
        base: Overlay[Statement] = Overlay()
        strong: Overlay[Statement] = Overlay()
        for layer in layers:
            if layer.document.kind is not Kind.ENVIRONMENTS:
                self._lay(base, layer, weight.hosts)
        below = {keys: frozenset(writers) for keys, writers in base.live.items()}
        for layer in layers:
            if layer.document.kind is Kind.ENVIRONMENTS:
                for each in self._says(layer):
                    strong.put(each.leaf, each.statement)
                self._lay(base, layer, weight.hosts)
        for writers in base.live.values():
            for statement in writers:
                self.statements[statement].add(weight)
        for profile in profiles:
            own = next((layer for layer in profile.resolution.layers if layer.label == MATCH_BLOCK), None)
            if own is not None:
                self._lay_block(profile, own, base, below, strong)

    def _says(self, layer: Layer) -> list[_Said]:
        """The statements of a layer that is no block's; made once."""
        found = self._said.get(id(layer.vars))
        if found is None:
            source = f"role:{layer.path[1]}" if layer.document.kind is Kind.ROLES else layer.label
            found = self._said[id(layer.vars)] = []
            for leaf in leaves(layer.vars):
                statement = Statement(layer.document.path, (*layer.path, *leaf.written), leaf.dotted, source)
                found.append(_Said(leaf, statement, self.statements[statement]))
        return found

    def _lay(self, overlay: Overlay[Statement], layer: Layer, hosts: int) -> None:
        for leaf, statement, reached in self._says(layer):
            reached.reach += hosts
            for gone in overlay.put(leaf, statement):
                self.statements[gone].blame(statement.source, hosts)

    def _lay_block(
        self,
        profile: Profile,
        own: Layer,
        base: Overlay[Statement],
        below: Mapping[Keys, frozenset[Statement]],
        strong: Overlay[Statement],
    ) -> None:
        """A block's own vars: over what is weaker than they are, below the environment's."""
        weight = self._weights.get(profile.id, NONE)
        taken: set[Statement] = set()
        for leaf in leaves(own.vars):
            way: Way = ("envoys", profile.index, "vars", *leaf.written)
            reached = self.statements[Statement(profile.document.path, way, leaf.dotted, MATCH_BLOCK)]
            reached.reach += weight.hosts
            stronger = next(
                (
                    writers[0]
                    for keys in strong.ended_by(leaf.keys)
                    if not all(map(_is_append, writers := strong.live[keys]))
                ),
                None,
            )
            if stronger is not None:
                reached.blame(stronger.source, weight.hosts)
                continue
            reached.add(weight)
            if leaf.append:
                continue
            for keys in base.ended_by(leaf.keys):
                for gone in base.live[keys]:
                    if gone in below.get(keys, ()) and gone not in taken:
                        taken.add(gone)
                        self.statements[gone].take(weight, MATCH_BLOCK)

    def _defaults(self) -> None:
        """Crates' own defaults, under all that their hosts have."""
        by_top: dict[str, dict[str, list[tuple[Reached, Leaf]]]] = defaultdict(dict)
        made: dict[str, list[Reached]] = {}
        for name, linked in self.graph.crates.items():
            made[name] = []
            for leaf in leaves(linked.crate.vars):
                way = ("vars", *leaf.written)
                statement = Statement(linked.crate.document.path, way, leaf.dotted, f"configcrate:{name}")
                reached = self.statements[statement]
                made[name].append(reached)
                by_top[leaf.keys[0]].setdefault(name, []).append((reached, leaf))
        hosts: Counter[str] = Counter()
        numbers: Counter[str] = Counter()
        for profile in self.graph.profiles.values():
            weight, crates = self._weights.get(profile.id, NONE), profile.resolution.crates
            if not weight.hosts:
                continue
            for name in crates:
                hosts[name] += weight.hosts
                numbers[name] += weight.numbers
            for key in by_top.keys() & profile.resolution.vars.keys():
                for name in by_top[key].keys() & crates.keys():
                    for reached, leaf in by_top[key][name]:
                        if _covers(profile.resolution.vars, leaf):
                            reached.take(weight, OF_HOSTS)
        for name, each in made.items():
            for reached in each:
                reached.reach += hosts[name]
                reached.add(Weight(hosts[name], numbers[name]))

    # lists of crates

    def _lists(self, profiles: Sequence[Profile], weight: Weight) -> None:
        first = profiles[0]
        shared = [*level_lists(first), *role_lists(self.graph, first)]
        late = list(environment_lists(first))
        for each in (*shared, *late):
            self.listed[each].reach += weight.hosts
        plain = []
        for profile in profiles:
            block = block_of(profile)
            if block.configcrates or block.exclude_configcrates:
                own = list(_own_lists(profile))
                mine = self._weights.get(profile.id, NONE)
                for each in own:
                    self.listed[each].reach += mine.hosts
                self._decide(profile, mine, shared, [*late, *own])
            else:
                plain.append(profile)
        if plain:
            self._decide(plain[0], self._weight(plain), shared, late)

    def _decide(self, profile: Profile, weight: Weight, shared: Sequence[Listed], late: Sequence[Listed]) -> None:
        """Which listing each crate comes from, and which exclusion takes one away."""
        brought: dict[str, Listed] = {}
        for each in (*shared, *late):
            if not each.excludes:
                brought.setdefault(each.crate, each)
        for each in (*shared, *late):
            reached = self.listed[each]
            if each.excludes:
                if each.crate in brought:
                    reached.add(weight)
            elif each.crate not in profile.resolution.crates:
                reached.blame(AN_EXCLUSION, weight.hosts)
            elif brought[each.crate] == each:
                reached.add(weight)
            else:
                reached.blame(brought[each.crate].source, weight.hosts)


def _own_lists(profile: Profile) -> Iterable[Listed]:
    block, path = block_of(profile), profile.document.path
    for at, name in enumerate(block.configcrates):
        yield Listed(path, ("envoys", profile.index, "configcrates", at), name, MATCH_BLOCK)
    for at, name in enumerate(block.exclude_configcrates):
        yield Listed(path, ("envoys", profile.index, "exclude_configcrates", at), name, MATCH_BLOCK, excludes=True)


def _is_append(statement: Statement) -> bool:
    return str(statement.way[-1]).endswith("+")


def _covers(vars_: Mapping[str, object], leaf: Leaf) -> bool:
    """Whether vars have another value in a leaf's place."""
    found: object = vars_
    for key in leaf.keys:
        if not isinstance(found, dict):
            return True
        if key not in found:
            return False
        found = found[key]
    return not isinstance(found, dict) or not isinstance(leaf.value, dict)
