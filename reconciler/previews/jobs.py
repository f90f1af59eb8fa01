"""Jobs: each resource that needs a look, with what it is rendered with. The same job is one job, whoever needs it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from reconciler.graph import Profile
from reconciler.previews import reading
from reconciler.previews.moves import Ask, Move
from reconciler.previews.pairs import ResourcePair, Written
from reconciler.previews.reading import ALL, HOSTNAME, USER, Path
from reconciler.rendering.resources import Job, Side
from schema import secrets
from schema.merging import effective

MAX_JOBS: Final = 20_000
MAX_JOB_BYTES: Final = 128 * 1024 * 1024
"""Of all jobs together; what is beyond either bound is unknown."""
BEYOND: Final = -1

NO_MARKS: Final[Mapping[Path, int]] = {}
_OPTIONS: Final = orjson.OPT_SORT_KEYS | orjson.OPT_NON_STR_KEYS
_FIRST, _LAST = "\ue000", "\ue001"
_SILENT: Final = "this host has not said what it is"
_NAMELESS: Final = "it depends on the host's name"
_USERLESS: Final = "it depends on the user"
Traits = Mapping[str, Any]


class Jobs:
    """Collects jobs; each has a number."""

    def __init__(self, overrides: Mapping[Path, Any], *, named: bool) -> None:
        self.bodies: Final[list[bytes]] = []
        self._overrides: Final = overrides
        self._named: Final = named
        """Whether the subjects are hosts, whose names mean something."""
        self._numbers: Final[dict[bytes, int]] = {}
        self._bytes = 0
        self._sides: Final[dict[tuple[Any, ...], Side]] = {}
        self._of_move: Final[dict[tuple[Any, ...], int]] = {}
        self._quick: Final[dict[tuple[Any, ...], int]] = {}
        """The same by identity of what is read: most blocks share what they inherit."""
        self._alike: Final[dict[int, bool]] = {}

    def needs_host(self, ask: Ask) -> bool:
        """Whether what it comes to depends on more of a host than its profile."""
        pair = ask.pair
        return bool(pair.traits) or (not pair.host.isdisjoint((ALL, "hostname")) and HOSTNAME not in pair.plain)

    def of_move(self, move: Move, ask: Ask) -> int:
        """The number of the job for all hosts of a move."""
        pair, one, two = ask.pair, move.base, move.other
        at = id(pair)
        alike = self._alike.get(at)
        if alike is None:
            alike = self._alike[at] = _reads_alike(pair)
        same = alike and one is not None and two is not None and one.resolution is two.resolution
        before = _ids_of(one, pair.base)
        quick = (at, before, None if same else _ids_of(two, pair.other))
        found = self._quick.get(quick)
        if found is None:
            found = self._quick[quick] = self._of(move, ask, same=same)
        return found

    def _of(self, move: Move, ask: Ask, *, same: bool) -> int:
        base, other = ask.pair.base, ask.pair.other
        before = self._keys(move.base, base)
        key = (id(ask.pair), before, before if same else self._keys(move.other, other))
        found = self._of_move.get(key)
        if found is None:
            found = self._of_move[key] = self._job(move, ask, "", None)
        return found

    def of_host(self, move: Move, ask: Ask, name: str, traits: Traits | None) -> int:
        """The number of the job for one host. Traits that are None are not known."""
        return self._job(move, ask, name, traits)

    def _job(self, move: Move, ask: Ask, name: str, traits: Traits | None) -> int:
        pair = ask.pair
        plain = {path: index for index, path in enumerate(pair.plain) if not self._is_overridden(path)}
        changed = overridden(traits, self._overrides) if self._overrides and traits is not None else traits
        job = Job(
            base=self._side(move.base, ask, pair.base, plain, name, traits),
            other=self._side(move.other, ask, pair.other, plain, name, changed),
        )
        body = orjson.dumps(job, option=_OPTIONS)
        number = self._numbers.get(body)
        if number is None:
            if len(self.bodies) >= MAX_JOBS or self._bytes + len(body) > MAX_JOB_BYTES:
                return BEYOND
            number = self._numbers[body] = len(self.bodies)
            self.bodies.append(body)
            self._bytes += len(body)
        return number

    def _side(
        self,
        profile: Profile | None,
        ask: Ask,
        written: Written | None,
        plain: Mapping[Path, int],
        name: str,
        traits: Traits | None,
    ) -> Side | None:
        if profile is None or written is None:
            return None
        side = self._prepared(profile, ask, written)
        reads = written.reads
        scope = dict(side["scope"])
        if not reads.host.isdisjoint((ALL, "hostname")):
            if HOSTNAME in plain:
                scope["host"] = {**scope["host"], "hostname": _mark(plain[HOSTNAME])}
            elif self._named:
                scope["host"] = {**scope["host"], "hostname": name}
            else:
                return _unknown(side, _NAMELESS)
        if reads.user:
            if any(path not in plain or len(path) != 2 for path in reads.user):
                return _unknown(side, _USERLESS)
            scope[USER] = {path[1]: _mark(plain[path]) for path in reads.user}
        if reads.traits:
            if traits is None:
                return _unknown(side, _SILENT)
            scope["traits"] = picked(traits, reads.traits, plain)
        return _with_scope(side, scope)

    def _prepared(self, profile: Profile, ask: Ask, written: Written) -> Side:
        """A side as far as all hosts of a profile have it."""
        key = (id(written), *self._keys(profile, written))
        side = self._sides.get(key)
        if side is None:
            side = self._sides[key] = self._make(profile, ask, written)
        return side

    def _make(self, profile: Profile, ask: Ask, written: Written) -> Side:
        linked = ask.crate.base if written is ask.pair.base else ask.crate.other
        assert linked is not None
        names, reads = written.var_keys, written.reads
        own, given = linked.crate.vars, profile.resolution.vars
        if names is not None:
            own, given = ({key: of[key] for key in names if key in of} for of in (own, given))
        vars_ = effective(own, given)
        host: dict[str, Any] = {}
        if not reads.host.isdisjoint((ALL, "environment")):
            host["environment"] = profile.environment
        if not reads.host.isdisjoint((ALL, "roles")):
            host["roles"] = list(profile.roles)
        side = Side(
            when=list(written.when),
            foreach=written.foreach,
            spec=written.spec,
            identity=written.identity,
            files=dict(written.files),
            scope={"vars": vars_, "host": host, "traits": {}},
        )
        if written.may_hold_secrets or ("secret:" in str(vars_) and secrets.find(vars_)):
            side["tainted"] = reading.tainted(written.when, written.foreach, written.spec, written.template, vars_)
        return side

    def _keys(self, profile: Profile | None, written: Written | None) -> tuple[Any, ...]:
        """What tells profiles apart for a resource: the values that it reads."""
        if profile is None or written is None:
            return (None,)
        resolution = profile.resolution
        vars_ = resolution.vars
        names = written.var_keys
        values: int | bytes = id(vars_) if names is None else 0
        if names is not None:
            try:
                values = orjson.dumps({key: vars_[key] for key in names if key in vars_}, option=_OPTIONS)
            except TypeError:  # a number beyond 64 bits
                values = id(vars_)
        host = written.reads.host
        return (
            values,
            resolution.environment if "environment" in host or ALL in host else "",
            resolution.roles if "roles" in host or ALL in host else (),
        )

    def _is_overridden(self, path: Path) -> bool:
        return any(one[: len(path)] == path[: len(one)] for one in self._overrides)


def _reads_alike(pair: ResourcePair) -> bool:
    base, other = pair.base, pair.other
    return (
        base is not None
        and other is not None
        and base.var_keys == other.var_keys
        and base.reads.host == other.reads.host
    )


def _ids_of(profile: Profile | None, written: Written | None) -> tuple[Any, ...]:
    """What is the same object for profiles that have the same values of all that a resource reads; not the reverse."""
    if profile is None or written is None:
        return (None,)
    resolution, names = profile.resolution, written.var_keys
    values = (id(resolution.vars),) if names is None else tuple(map(id, map(resolution.vars.get, names)))
    return (*values, resolution.environment, resolution.roles) if written.reads_profile else values


def overridden(traits: Traits, overrides: Mapping[Path, Any]) -> dict[str, Any]:
    """Traits with other values at some paths (roots included: `("traits", "os", "version")`)."""
    changed = dict(traits)
    for path, value in overrides.items():
        at = changed
        for key in path[1:-1]:
            inner = at.get(key)
            at[key] = dict(inner) if isinstance(inner, Mapping) else {}
            at = at[key]
        at[path[-1]] = value
    return changed


def unmarked(value: Any, pair: ResourcePair, name: str, traits: Traits | None) -> Any:
    """What a job gave, with a host's own values where marks are."""
    if isinstance(value, str):
        if _FIRST not in value:
            return value
        for index, path in enumerate(pair.plain):
            mark = _mark(index)
            if mark in value:
                value = value.replace(mark, _own(path, name, traits))
        return value
    if isinstance(value, dict):
        return {key: unmarked(item, pair, name, traits) for key, item in value.items()}
    if isinstance(value, list):
        return [unmarked(item, pair, name, traits) for item in value]
    return value


def _own(path: Path, name: str, traits: Traits | None) -> str:
    if path[0] == USER:
        return f"{{{{ {'.'.join(path)} }}}}"
    return name if path == HOSTNAME else str(_at(traits, path))


def _mark(index: int) -> str:
    return f"{_FIRST}{index}{_LAST}"


def picked(traits: Traits, paths: frozenset[Path], plain: Mapping[Path, int] = NO_MARKS) -> dict[str, Any]:
    """Of the traits what is read; marks for what is only put out."""
    picked: dict[str, Any] = {}
    for path in paths:
        if len(path) == 1:
            return dict(traits)
        value = _at(traits, path)
        if value is _ABSENT:
            continue
        if path in plain and isinstance(value, str | int | float):
            value = _mark(plain[path])
        at = picked
        for key in path[1:-1]:
            at = at.setdefault(key, {})
        at[path[-1]] = value
    return picked


def _at(traits: Traits | None, path: Path) -> Any:
    found: Any = traits
    for key in path[1:]:
        if not isinstance(found, Mapping) or key not in found:
            return _ABSENT
        found = found[key]
    return found


def _unknown(side: Side, why: str) -> Side:
    found = side.copy()
    found["unknown"] = why
    return found


def _with_scope(side: Side, scope: dict[str, Any]) -> Side:
    found = side.copy()
    found["scope"] = scope
    return found


class _Absent:
    def __str__(self) -> str:
        return ""


_ABSENT: Final = _Absent()
