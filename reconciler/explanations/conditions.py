"""Conditions: whether a `when` holds for a host, as far as that can be told away from it, and what it asks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple

from reconciler import expressions
from reconciler.expressions import EACH, Analysis
from reconciler.expressions.secrecy import derived, secrets_read
from reconciler.graph import Profile
from reconciler.graph.linking import Linked
from schema.expressions import ExpressionError, NoHost, Renderer
from schema.expressions.functions import TRAIT_FUNCTIONS
from schema.merging import effective

MAX_ITEMS: Final = 1_000
"""Of a `foreach`, as many are looked at."""
_NAMED: Final = {
    "arch": ("traits.hardware.arch",),
    "distro": ("traits.os.distro",),
    "is_container": ("traits.hardware.container",),
    "os_family": ("traits.os.family",),
}
_PURE: Final = frozenset({"range", "version_ge"})
RENDERER: Final = Renderer(NoHost())


class Outcome(NamedTuple):
    """What became of a condition."""

    holds: bool | None
    """None where it is not known here."""
    asks: tuple[str, ...]
    """What of the host it depends on."""
    trouble: str = ""
    """Why it gives no value though all it asks is known."""


class Items(NamedTuple):
    """What a `foreach` goes through."""

    items: Sequence[Any] | None
    """None where it is not known here."""
    asks: tuple[str, ...]


class Trials:
    """Counts renderings, so that one answer takes no more than so many."""

    def __init__(self, most: int) -> None:
        self._left = most

    @property
    def spent(self) -> bool:
        """Whether there are no more."""
        return self._left < 0

    def spend(self) -> bool:
        """Take one; whether there was one."""
        self._left -= 1
        return self._left >= 0


Scope = Mapping[str, Any]


def scope_of(profile: Profile, hostname: str, linked: Linked | None, traits: Mapping[str, Any] | None) -> Scope:
    """What the expressions of one crate see on a host; without `traits` where they are not known."""
    vars_ = effective(linked.crate.vars if linked is not None else {}, profile.resolution.vars)
    host = {"hostname": hostname, "environment": profile.environment, "roles": list(profile.roles)}
    return {"vars": vars_, "host": host, **({} if traits is None else {"traits": traits})}


def judge(text: str, scope: Scope) -> Outcome:
    """Whether a bare expression holds."""
    analysis = expressions.analyse(text, template=False)
    asks = asked(analysis)
    if names := secrets_read(text, analysis, scope):
        return Outcome(None, (*asks, *(f"secret:{name}" for name in names)))
    if "traits" not in scope and analysis.needs_traits:
        return Outcome(None, asks)
    try:
        return Outcome(RENDERER.holds(text, scope), asks)
    except ExpressionError as error:
        return Outcome(None, asks, "" if analysis.needs_host else error.message)


def items_of(foreach: str | Sequence[Any], scope: Scope) -> Items:
    """The items of a `foreach`, at most `MAX_ITEMS`."""
    analysis = expressions.analyse(foreach, template=False) if isinstance(foreach, str) else None
    asks = asked(analysis) if analysis is not None else ()
    if analysis is not None and "traits" not in scope and analysis.needs_traits:
        return Items(None, asks)
    if isinstance(foreach, str) and (names := derived(foreach, scope, template=False)):
        return Items(None, (*asks, *(f"secret:{name}" for name in names)))
    try:
        found = RENDERER.evaluate(foreach, scope) if isinstance(foreach, str) else foreach
    except ExpressionError:
        return Items(None, asks)
    return Items(found[:MAX_ITEMS] if isinstance(found, list) else None, asks)


def rendered(text: str, scope: Scope) -> str | None:
    """A template's text; None where it is not known here."""
    analysis = expressions.analyse(text, template=True)
    if "traits" not in scope and analysis.needs_traits:
        return None
    if derived(text, scope, template=True):
        return None
    try:
        return RENDERER.render(text, scope)
    except ExpressionError:
        return None


def asked(analysis: Analysis) -> tuple[str, ...]:
    """What of the host a text depends on: traits, dotted, and functions that only the host can answer."""
    found = [use.dotted for use in (*analysis.paths, *analysis.asked) if use.path[0] == "traits"]
    for word in analysis.functions:
        if word.name in _NAMED:
            found += _NAMED[word.name]
        elif word.name not in _PURE and word.name not in TRAIT_FUNCTIONS:
            found.append(word.name)
    return tuple(dict.fromkeys(found))


def vars_read(analysis: Analysis) -> tuple[tuple[str, ...], ...]:
    """The vars that a text reads, as keys; up to the first index, since what is below a list is read with it."""
    found = []
    for use in analysis.paths:
        if use.path[0] == "vars":
            keys: list[str] = []
            for part in use.path[1:]:
                if not isinstance(part, str) or part == EACH:
                    break
                keys.append(part)
            found.append(tuple(keys))
    return tuple(dict.fromkeys(found))
