"""Crate sets: crates that go together, and all of a catalog that follows from them alone."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Final, NamedTuple

from reconciler.graph import encoding
from reconciler.graph.crates import Owned, doubly_owned
from reconciler.graph.linking import Linked, reference
from reconciler.graph.ordering import settle as in_order
from reconciler.graph.proofs import Need


@dataclass(slots=True, eq=False, weakref_slot=True)
class CrateSet:
    """Crates that some profiles have, in their order; all that does not depend on vars."""

    linked: tuple[Linked, ...]
    depends_on: frozenset[str]
    """All that one of them depends on, there or not."""
    missing: tuple[tuple[Linked, str], ...]
    """Crate, and what it depends on that is not among them."""
    clashes: tuple[tuple[Linked, Owned, Owned], ...]
    """The second owner's crate, the second owner, the first."""
    encoded_crates: bytes
    encoded_content: bytes
    secrets: frozenset[str]
    resource_count: int
    outer_needs: tuple[Need, ...]
    """One for each path that some crate asks of vars it has no default for."""
    inner_keys: frozenset[str]
    """Own vars of crates that ask for something below them."""
    unmet_within: bool
    """Whether a crate's own vars, alone, do not meet what it asks of them."""


_NO_NAMES: Final = frozenset[str]()


def contested(library: Iterable[Linked]) -> frozenset[Linked]:
    """The crates that own something which another of them owns, too."""
    owners: dict[str, Linked] = {}
    found: set[Linked] = set()
    for linked in library:
        for thing in linked.owned:
            other = owners.setdefault(thing, linked)
            if other is not linked:
                found |= {linked, other}
    return frozenset(found)


def make(chosen: tuple[Linked, ...], contested: frozenset[Linked] | None = None) -> CrateSet:
    """The set of some crates, in the order in which they were resolved.

    Args:
        contested: those of all crates that may own one thing with another, where that is known.
    """
    requires = {linked.name: depends for linked in chosen if (depends := linked.share.depends_on)}
    present = {linked.name: linked for linked in chosen} if requires else {}
    ordered = tuple(present[name] for name in in_order(list(present), requires)) if requires else chosen
    if not ordered:
        return CrateSet((), frozenset(), (), (), b"[]", b"{}", frozenset(), 0, (), frozenset(), unmet_within=False)
    references: Sequence[bytes]
    references, content, secrets, counts, outer, asks, inner_keys, unmet, owned, _ = zip(
        *[linked.share for linked in ordered], strict=True
    )
    asked = dict(zip(asks, outer, strict=True))
    if requires:
        references = [
            reference(linked.crate, [each for each in linked.crate.depends_on if each in present])
            if linked.share.depends_on
            else linked.reference
            for linked in ordered
        ]
    alone = (contested is not None and contested.isdisjoint(ordered)) or len(set(chain.from_iterable(owned))) == sum(
        map(len, owned)
    )
    return CrateSet(
        ordered,
        frozenset().union(*requires.values()) if requires else _NO_NAMES,
        tuple((present[name], other) for name in requires for other in requires[name] if other not in present),
        () if alone else _clashes(ordered),
        encoding.joined_list(references),
        encoding.joined_map(dict(chain.from_iterable(content))),
        frozenset().union(*secrets) if any(secrets) else _NO_NAMES,
        sum(counts),
        tuple(dict(chain.from_iterable(asked.values())).values()),
        frozenset(chain.from_iterable(inner_keys)),
        any(unmet),
    )


class Part(NamedTuple):
    """Crates that many sets have together, in one place of each: all that is the same for each of those."""

    linked: tuple[Linked, ...]
    references: bytes
    content: Mapping[str, bytes]
    secrets: frozenset[str]
    resource_count: int
    asked: Mapping[str, Sequence[tuple[str, Need]]]
    inner_keys: frozenset[str]
    is_unmet: bool
    is_free: bool
    """Whether none of them depends on another crate, or may own what another crate owns."""


def part(linked: tuple[Linked, ...], contested: frozenset[Linked]) -> Part:
    """What some crates bring to each set that has them."""
    shares = [each.share for each in linked]
    return Part(
        linked,
        b",".join([share.reference for share in shares]),
        dict(chain.from_iterable([share.content for share in shares])),
        frozenset(chain.from_iterable([share.secrets for share in shares])),
        sum([share.resource_count for share in shares]),
        {share.asks: share.outer for share in shares},
        frozenset(chain.from_iterable([share.inner_keys for share in shares])),
        any([share.is_unmet for share in shares]),  # noqa: C419
        contested.isdisjoint(linked) and not any(share.depends_on for share in shares),
    )


def joined(parts: Sequence[Part], linked: tuple[Linked, ...]) -> CrateSet:
    """The set that free parts make which have no crate in common, the same as `make` gives.

    Args:
        linked: their crates, in order.
    """
    content: dict[str, bytes] = {}
    asked: dict[str, Sequence[tuple[str, Need]]] = {}
    for each in parts:
        content.update(each.content)
        asked.update(each.asked)
    _, references, _, secrets, counts, _, inner_keys, unmet, _ = zip(*parts, strict=True)
    return CrateSet(
        linked,
        _NO_NAMES,
        (),
        (),
        b"[%b]" % b",".join(filter(None, references)),
        encoding.joined_map(content),
        _NO_NAMES.union(*secrets),
        sum(counts),
        tuple(dict(chain.from_iterable(asked.values())).values()),
        _NO_NAMES.union(*inner_keys),
        any(unmet),
    )


def content_of(linked: Sequence[Linked]) -> bytes:
    """The canonical bytes of all content that some crates name."""
    content: dict[str, bytes] = {}
    for each in reversed(linked):
        content.update(each.encoded_content)
    return encoding.joined_map(content)


def clashes_between(one: CrateSet, other: CrateSet) -> Sequence[tuple[Linked, Owned, Owned]]:
    """What crates of both sets own: a crate of `other`, its owner, and that of `one`."""
    mine = frozenset().union(*[linked.owned for linked in one.linked])
    if all(mine.isdisjoint(linked.owned) for linked in other.linked):
        return ()
    theirs = {id(linked) for linked in other.linked}
    both = _clashes((*one.linked, *other.linked))
    return [
        (linked, second, first)
        for linked, second, first in both
        if id(linked) in theirs and not any(first in each.crate.owned for each in other.linked)
    ]


def swap(before: CrateSet, old: Linked, new: Linked) -> CrateSet | None:
    """The set with one crate in another's stead, quickly; None where more than the crate's own object would differ."""
    if before.missing or before.clashes or not _alike(old, new):
        return None
    return replace(
        before,
        linked=tuple([new if each is old else each for each in before.linked]),
        encoded_crates=before.encoded_crates.replace(old.reference, new.reference, 1),
        resource_count=before.resource_count - len(old.crate.resources) + len(new.crate.resources),
    )


def _alike(old: Linked, new: Linked) -> bool:
    return (
        not old.crate.depends_on
        and not new.crate.depends_on
        and old.encoded_content == new.encoded_content
        and old.secrets == new.secrets
        and old.owned == new.owned
        and old.inner_keys == new.inner_keys
        and not old.inner_unmet
        and not new.inner_unmet
        and old.outer_by_path.keys() == new.outer_by_path.keys()
    )


def _clashes(ordered: Sequence[Linked]) -> tuple[tuple[Linked, Owned, Owned], ...]:
    owned = [linked.owned for linked in ordered]
    if len(frozenset().union(*owned)) == sum(map(len, owned)):
        return ()
    owners = {id(owned): linked for linked in ordered for owned in linked.crate.owned}
    return tuple(
        (owners[id(second)], second, first)
        for second, first in doubly_owned(owned for linked in ordered for owned in linked.crate.owned)
        if owners[id(second)] is not owners[id(first)]
    )


NOTHING: Final = make(())
"""Of no crates."""
