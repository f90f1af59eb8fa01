"""Selecting: which match blocks a question about hosts is about.

A block is left out only where it is certain that it has no such host: what is said of all that remain holds for every
host there is. Globs are decided exactly; of a regular expression only the literal text at its ends is looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Final

from reconciler.graph.matching import Matcher
from reconciler.graph.patterns import ANY, STAR, Pattern, PatternKind, Token
from reconciler.graph.profiles import Profile
from reconciler.graph.roles import RoleSet

_LITERAL: Final = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-")
_LETTER: Final = re.compile(r"[A-Za-z0-9-]|\\[.-]")
_QUANTIFIERS: Final = frozenset("?*+{")
_PLAIN_ESCAPES: Final = re.compile(r"(?:[^\\]|\\[.\-dDwWsSbBAz])*")
"""Regular expressions in which a backslash never gives the letters behind it another meaning."""


def living(matcher: Matcher, order: Sequence[Profile]) -> list[Profile]:
    """The profiles that can have a host: none whose block another always wins over."""
    dead = {hidden for hidden, _ in matcher.shadows()}
    return [profile for index, profile in enumerate(order) if index not in dead]


def select(
    profiles: Sequence[Profile],
    roles: RoleSet,
    *,
    pattern: Pattern | None = None,
    environment: str | None = None,
    role: str | None = None,
    configcrate: str | None = None,
) -> Iterator[Profile]:
    """The profiles that fit all that is given."""
    for profile in profiles:
        if environment is not None and profile.environment != environment:
            continue
        if role is not None and role not in roles_of(profile, roles):
            continue
        if configcrate is not None and configcrate not in profile.resolution.crates:
            continue
        if pattern is None or overlap(pattern, profile.pattern):
            yield profile


def roles_of(profile: Profile, roles: RoleSet) -> list[str]:
    """The roles of a profile with those that they include, each once, a role behind what it includes."""
    found: dict[str, None] = {}
    for name in profile.roles:
        found.update(dict.fromkeys(roles.closures.get(name, (name,))))
    return list(found)


def overlap(one: Pattern, other: Pattern) -> bool:
    """Whether some name may match both."""
    for exact, pattern in ((one, other), (other, one)):
        if exact.kind is PatternKind.EXACT:
            return pattern.matches(exact.folded)
    if one.folded == STAR or other.folded == STAR:
        return True
    (head, tail), (other_head, other_tail) = _literals(one), _literals(other)
    begins = head.startswith(other_head) or other_head.startswith(head)
    if not begins or not (tail.endswith(other_tail) or other_tail.endswith(tail)):
        return False
    return PatternKind.REGEX in (one.kind, other.kind) or _meet(one.tokens, other.tokens)


def _literals(pattern: Pattern) -> tuple[str, str]:
    """Texts with which every name that matches begins and ends, as far as they can be seen."""
    if pattern.kind is not PatternKind.REGEX:
        return pattern.runs[0], pattern.runs[-1]
    body = pattern.folded.removeprefix("^").removesuffix("$")
    if _branches(body) or not _PLAIN_ESCAPES.fullmatch(body):
        return "", ""
    return _beginning(body).lower(), _ending(body).lower()


def _beginning(body: str) -> str:
    at, found = 0, ""
    while (letter := _LETTER.match(body, at)) is not None:
        found, at = found + letter[0][-1], letter.end()
    return found[:-1] if body[at : at + 1] in _QUANTIFIERS else found


def _ending(body: str) -> str:
    at, found = len(body), ""
    while at > 0:
        escaped = at > 1 and body[at - 2] == "\\"
        if escaped and body[at - 1] in ".-":
            found, at = body[at - 1] + found, at - 2
        elif not escaped and body[at - 1] in _LITERAL:
            found, at = body[at - 1] + found, at - 1
        else:
            break
    return found


def _branches(body: str) -> bool:
    """Whether a regular expression has alternatives that no bracket holds together."""
    depth, at, within_class = 0, 0, False
    while at < len(body):
        letter = body[at]
        if letter == "\\":
            at += 1
        elif within_class:
            within_class = letter != "]"
        elif letter == "[":
            within_class = True
        elif letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == "|" and depth == 0:
            return True
        at += 1
    return False


def _meet(one: Sequence[Token], other: Sequence[Token]) -> bool:
    """By dynamic programming: `reach[i]` is whether one[:i] and what has been read of other match some text."""
    reach = [True] + [False] * len(one)
    for index, token in enumerate(one):
        reach[index + 1] = reach[index] and token == STAR
    for token in other:
        after = [reach[0] and token == STAR] + [False] * len(one)
        for index, letter in enumerate(one):
            if token == STAR or letter == STAR:
                after[index + 1] = reach[index + 1] or after[index]
            else:
                after[index + 1] = reach[index] and _share(letter, token)
        reach = after
    return reach[-1]


def _share(one: Token, other: Token) -> bool:
    """Whether one letter can be both."""
    if ANY in (one, other):
        return True
    first = one if isinstance(one, frozenset) else frozenset((one,))
    second = other if isinstance(other, frozenset) else frozenset((other,))
    return not first.isdisjoint(second)
