"""Classes: what is judged of each resource, put together into one change, and told."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from reconciler.graph import Profile
from reconciler.previews.jobs import Traits, overridden, unmarked
from reconciler.previews.moves import Ask, Move, Static
from reconciler.previews.pairs import ResourcePair, Written
from reconciler.previews.reading import Path
from reconciler.rendering.resources import MAX_ATTRIBUTES
from schema.previews import (
    MAX_CLASS,
    MAX_NAMED,
    MAX_RESOURCES,
    Action,
    AttributeChange,
    Certainty,
    ChangeClass,
    CrateChange,
    ProfilePair,
    ResourceChange,
)
from schema.resources import RESOURCES

_ORDER: Final = frozenset({"requires", "notify", "on_removal"})
_RANK: Final[Mapping[Certainty, int]] = {"change": 0, "maybe": 1, "none": 2}
_ACTS: Final = frozenset({"added", "changed", "starts"})
_LOST: Final = "no match block applies any more: nothing is sent, and the host goes on applying what it was last sent"
_LEAVES: Final = {
    "keep": "what it made stays, and is no longer looked after",
    "report": "what it made stays, and is reported as long as it is there",
    "revert": "what was there before is put back; what the agent made is removed",
}
_WORDS: Final[Mapping[str, str]] = {
    "added": "added",
    "changed": "changed",
    "removed": "removed",
    "starts": "started",
    "stops": "stopped",
    "fails": "failing",
    "order": "managed in another way",
}
MAX_TITLE: Final = 160
_USERS: Final = "which users it is for is known only on the host"
_USERCRATE: Final = "usercrate:"


@dataclass(slots=True)
class _Change:
    pair: ResourcePair
    action: Action
    maybe: str
    consequence: str
    about: str
    attributes: list[dict[str, Any]]
    left_out: int
    notifies: tuple[str, ...]
    handed_over: bool = False
    """Another resource looks after what this one did."""

    @property
    def size(self) -> int:
        """Characters, about."""
        return 500 + sum(len(str(each[side])) for each in self.attributes for side in ("base", "other", "diff"))

    @property
    def key(self) -> list[Any]:
        """All that tells it from another change of the same resource."""
        shown = [each["key"] for each in self.attributes]
        return [self.pair.id, self.action, self.maybe, self.consequence, shown, self.left_out, self.notifies]


@dataclass(slots=True, eq=False)
class Found:
    """One change, and whom it is for."""

    static: Static
    changes: list[_Change]
    certainty: Certainty
    digest: str
    size: int = 0
    """Characters, about, once it is told."""
    names: list[str] = field(default_factory=list)
    profiles: dict[tuple[Profile | None, Profile | None], None] = field(default_factory=dict)

    @property
    def count(self) -> int:
        """Hosts."""
        return len(self.names)

    @property
    def removes(self) -> bool:
        """Whether something that is managed leaves."""
        return self.static.membership == "lost" or any(
            change.action == "removed" and not change.handed_over for change in self.changes
        )

    def order(self) -> tuple[Any, ...]:
        """Sorts what is certain before what is not, and what is for many before what is for few."""
        return (_RANK[self.certainty], -self.count, self.digest)

    def take(self, move: Move, names: Sequence[str]) -> None:
        """These hosts, too."""
        self.names.extend(names)
        self.profiles[move.base, move.other] = None
        self.profiles |= move.also

    def told(self, overrides: Mapping[Path, Any], traits: Mapping[str, Traits]) -> ChangeClass:
        """The class, with the values of its first host where they differ from host to host."""
        names = sorted(self.names)
        example = names[0]
        seen = traits.get(example)
        shown = overridden(seen, overrides) if overrides and seen is not None else seen
        pairs = list(self.profiles)
        static = self.static
        resources = self._shown()
        return ChangeClass(
            id=self.digest,
            title=self._title(),
            certainty=self.certainty,
            membership=static.membership,
            count=len(names),
            hosts=names[:MAX_NAMED],
            left_out=max(0, len(names) - MAX_NAMED) or None,
            example=example,
            profiles=[ProfilePair(base=one or None, other=two or None) for one, two in map(_ids, pairs[:MAX_NAMED])],
            environment=static.environment,
            roles_added=list(static.roles_added),
            roles_removed=list(static.roles_removed),
            crates=[_with_carriers(crate, pairs) for crate in static.crates[:MAX_RESOURCES]],
            reordered=static.reordered,
            vars=list(static.vars),
            resources=[_told(change, example, shown) for change in resources],
            vars_left_out=static.vars_left_out or None,
            resources_left_out=(len(self.changes) - len(resources)) or None,
            notes=self._notes(),
        )

    def _shown(self) -> list[_Change]:
        shown: list[_Change] = []
        room = MAX_CLASS
        for change in self.changes[:MAX_RESOURCES]:
            room -= change.size
            if room < 0 and shown:
                break
            shown.append(change)
        self.size = MAX_CLASS - room
        return shown

    def _title(self) -> str:
        static = self.static
        if static.membership == "lost":
            return "no match block applies any more"
        said = ["now under a match block"] if static.membership == "gained" else []
        whole = {crate.name: crate.action for crate in static.crates if crate.action != "changed"}
        said += [f"{name} {action}" for name, action in whole.items()]
        by_crate: dict[str, Counter[str]] = {}
        for change in self.changes:
            crate = change.pair.id.partition("/")[0]
            if crate not in whole:
                by_crate.setdefault(crate, Counter())[_WORDS[change.action]] += 1
        said += [
            f"{crate}: {', '.join(f'{count} {word}' for word, count in words.items())}"
            for crate, words in by_crate.items()
        ]
        if static.reordered:
            said.append("crates in another order")
        if not said and self.certainty == "none":
            what = [crate.name for crate in static.crates] or [f"vars {var.key}" for var in static.vars]
            said = [f"nothing visible ({', '.join(what[:3])})" if what else "nothing visible"]
        text = "; ".join(said)
        return text if len(text) <= MAX_TITLE else f"{text[: MAX_TITLE - 1]}…"

    def _notes(self) -> list[str]:
        notes = []
        if self.static.membership == "lost":
            notes.append(_LOST)
        if self.certainty == "none":
            notes.append("other bytes are sent, but all that they come to is the same")
        return notes


def of(move: Move, judged: Sequence[Any]) -> Found | None:
    """The change that a move is, given what was judged of each of its asks; None when it is none at all."""
    changes = [
        change for ask, verdict in zip(move.asks, judged, strict=True) if (change := _change(ask, verdict)) is not None
    ]
    if move.static.empty and not changes and move.same_catalog:
        return None
    _hand_over(changes)
    static = move.static
    certain = static.membership != "kept" or static.reordered or any(not change.maybe for change in changes)
    certainty: Certainty = "change" if certain else "maybe" if changes else "none"
    body = orjson.dumps(
        [
            static.membership,
            static.environment.model_dump() if static.environment is not None else None,
            static.roles_added,
            static.roles_removed,
            [(crate.name, crate.action) for crate in static.crates],
            static.reordered,
            [var.model_dump() for var in static.vars],
            static.vars_left_out,
            [change.key for change in changes],
        ],
        option=orjson.OPT_NON_STR_KEYS,
    )
    return Found(static, changes, certainty, hashlib.sha256(body).hexdigest())


def _hand_over(changes: Sequence[_Change]) -> None:
    """Say of what is removed which resource comes in its stead, where one owns the same thing."""
    owners = {thing: change for change in changes if change.action in _ACTS and (thing := _owned(change)) is not None}
    for change in changes:
        thing = _owned(change) if change.action == "removed" else None
        if thing is not None and thing in owners:
            change.handed_over = True
            change.consequence = f"{owners[thing].pair.id} looks after it from now on"


def _owned(change: _Change) -> tuple[str, str] | None:
    model = RESOURCES.get(change.pair.shown.type)
    return (model.OWNS, change.about) if model is not None and model.OWNS is not None and change.about else None


def _change(ask: Ask, verdict: Mapping[str, Any]) -> _Change | None:
    pair = ask.pair
    settings = [_setting(*each) for each in pair.settings]
    refused = verdict.get("refused")
    action: Action
    if refused is not None:
        action = "added" if pair.base is None else "removed" if pair.other is None else "changed"
        return _Change(pair, action, refused, "", "", settings, 0, ())
    if not verdict["action"] and not settings:
        return None
    action = verdict["action"] or _by_settings(pair)
    attributes = [*verdict["attributes"], *settings][: MAX_ATTRIBUTES + len(settings)]
    notifies = pair.other.notify if pair.other is not None and action in _ACTS and not pair.other.notify_only else ()
    if pair.other is not None and pair.other.mode == "audit":
        notifies = ()
    maybe = verdict["maybe"] if verdict["action"] else ""
    if pair.shown.users is not None:
        maybe = maybe or _USERS
    return _Change(
        pair,
        action,
        maybe,
        _consequence(pair, action, verdict),
        verdict["about"],
        attributes,
        verdict["left_out"],
        notifies,
    )


def _by_settings(pair: ResourcePair) -> Action:
    return "order" if all(name in _ORDER for name, _, _ in pair.settings) else "changed"


def _setting(name: str, base: Any, other: Any) -> dict[str, Any]:
    sides = [list(side) if isinstance(side, tuple) else side for side in (base, other)]
    return {
        "name": name,
        "item": "",
        "base": sides[0],
        "other": sides[1],
        "diff": "",
        "note": "",
        "key": [name, *sides],
    }


def _consequence(pair: ResourcePair, action: Action, verdict: Mapping[str, Any]) -> str:
    base, other = pair.base, pair.other
    if action == "removed" and base is not None:
        return _left(base)
    if action == "stops":
        return f"it is not applied while its condition does not hold ({verdict['why']}); what it made stays"
    if action == "fails":
        return f"it fails, and what waits for it is skipped: {verdict['why']}"
    said = [verdict["why"]] if verdict["why"] else []
    if verdict["was_about"] and base is not None:
        said.append(f"at {verdict['was_about']} {_left(base)}")
    if other is not None and other.mode == "audit":
        said.append("audit only: reported, never done")
    elif other is not None and other.notify_only and action in _ACTS:
        said.append("it runs only when notified")
    return "; ".join(said)


def _left(written: Written) -> str:
    """What the host makes of a resource that has left the catalog."""
    if written.notify_only or written.type == "exec":
        return "it is not run any more"
    model = RESOURCES.get(written.type)
    revertible = model is not None and model.REVERTIBLE
    word = "keep" if written.on_removal == "revert" and not revertible else written.on_removal
    return _LEAVES.get(word, _LEAVES["keep"])


def _told(change: _Change, example: str, traits: Traits | None) -> ResourceChange:
    pair, shown = change.pair, change.pair.shown

    def own(value: Any) -> Any:
        return unmarked(value, pair, example, traits)

    return ResourceChange(
        id=pair.id,
        type=shown.type,
        action=change.action,
        maybe=change.maybe or None,
        about=own(change.about),
        attributes=[
            AttributeChange(
                name=each["name"],
                item=f"{pair.id}{each['item']}" if each["item"] else None,
                base=own(each["base"]),
                other=own(each["other"]),
                diff=own(each["diff"]) or None,
                note=each["note"] or None,
            )
            for each in change.attributes
        ],
        left_out=change.left_out or None,
        consequence=own(change.consequence) or None,
        notifies=list(change.notifies),
        file=shown.file,
        line=shown.line,
    )


def _with_carriers(crate: CrateChange, pairs: Sequence[tuple[Profile | None, Profile | None]]) -> CrateChange:
    sides = [base if crate.action == "removed" else other for base, other in pairs]
    name = crate.name.removeprefix(_USERCRATE)
    if name == crate.name:
        found = {profile.resolution.crates.get(name) for profile in sides if profile is not None}
    else:
        found = {profile.resolution.usercrates.get(name) for profile in sides if profile is not None}
    carriers = sorted(each for each in found if each is not None)
    return crate.model_copy(update={"carriers": carriers[:MAX_NAMED]})


def _ids(pair: tuple[Profile | None, Profile | None]) -> tuple[str, str]:
    base, other = pair
    return (base.id if base is not None else "", other.id if other is not None else "")
