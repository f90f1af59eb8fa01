"""Comparing: two graphs and some hosts in, every host's delta in classes out.

    comparison = compare(base, other, of_hosts(base, other, names))
    answer = comparison.answer(traits_of(comparison.asking), pool.run)

What hosts are is asked for only where it decides something; what is rendered twice alike is rendered once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final, Literal

import orjson

from reconciler.graph import Graph
from reconciler.previews import classes
from reconciler.previews.jobs import BEYOND, Jobs, Traits, picked
from reconciler.previews.moves import Move, Moves, Subject
from reconciler.previews.reading import Path
from schema.previews import MAX_ANSWER, MAX_CLASSES, ChangeClass, PreviewedRevision, RevisionPreview

Run = Callable[[Sequence[Any]], Sequence[Any]]
"""Jobs of `rendering.resources.judged` → verdicts, or `{"refused": why}`, in order."""
_BEYOND: Final = {"refused": "too many different renderings"}


class Comparison:
    """Two graphs for some hosts, as far as it goes without knowing what they are."""

    def __init__(
        self,
        base: Graph,
        other: Graph,
        subjects: Iterable[Subject],
        *,
        subject: Literal["hosts", "blocks"] = "hosts",
        overrides: Mapping[Path, Any] | None = None,
        configcrate: str | None = None,
    ) -> None:
        self._base: Final = base
        self._other: Final = other
        self._subject: Final[Literal["hosts", "blocks"]] = subject
        self._overrides: Final = overrides or {}
        self._configcrate: Final = configcrate
        self._reads: frozenset[Path] | None = None
        self._moves: Final = Moves(base, other, subjects, overrides=self._overrides, configcrate=configcrate)

    @property
    def asking(self) -> list[str]:
        """The hosts whose traits decide what they get, in order."""
        reading: dict[int, bool] = {}
        found: list[str] = []
        for move in self._moves.made:
            key = id(move.asks)
            if key not in reading:
                reading[key] = any(ask.pair.traits for ask in move.asks)
            if reading[key]:
                found += move.names
        return sorted(found)

    def kept(self, traits: Traits) -> dict[str, Any]:
        """Of a host's traits those that decide something: all of them would not fit into memory for every host."""
        if self._reads is None:
            paths = {path for move in self._moves.made for ask in move.asks for path in ask.pair.traits}
            self._reads = frozenset(paths)
        return picked(traits, self._reads)

    def answer(
        self,
        traits: Mapping[str, Traits],
        run: Run,
        *,
        base_rev: str = "base",
        other_rev: str = "other",
    ) -> RevisionPreview:
        """What becomes of every host.

        Args:
            traits: of those in `asking`, as last seen; who is missing has said nothing.
            run: renders.
            base_rev: what the base was asked for as; `other_rev` the same.
        """
        jobs = Jobs(self._overrides, named=self._subject == "hosts")
        groups = self._groups(jobs, traits)
        verdicts = list(run([orjson.Fragment(body) for body in jobs.bodies])) if jobs.bodies else []
        merged: dict[str, classes.Found] = {}
        unchanged = self._moves.unchanged
        for (move, numbers), names in groups.values():
            judged = [_BEYOND if number == BEYOND else verdicts[number] for number in numbers]
            found = classes.of(move, judged)
            if found is None:
                unchanged += len(names)
            else:
                merged.setdefault(found.digest, found).take(move, names)
        found_classes = sorted(merged.values(), key=classes.Found.order)
        silent = sum(1 for name in self.asking if name not in traits)
        return self._told(found_classes, traits, unchanged, silent, base_rev, other_rev)

    def _groups(
        self, jobs: Jobs, traits: Mapping[str, Traits]
    ) -> dict[tuple[Any, ...], tuple[tuple[Move, tuple[int, ...]], list[str]]]:
        """Hosts whose moves and renderings are the same."""
        groups: dict[tuple[Any, ...], tuple[tuple[Move, tuple[int, ...]], list[str]]] = {}
        opened: dict[int, list[int]] = {}
        for move in self._moves.made:
            asks = move.asks
            open_ = opened.get(id(asks))
            if open_ is None:
                open_ = opened[id(asks)] = [index for index, ask in enumerate(asks) if jobs.needs_host(ask)]
            numbers = [BEYOND if index in open_ else jobs.of_move(move, ask) for index, ask in enumerate(asks)]
            for names in [[name] for name in move.names] if open_ else [move.names]:
                for index in open_:
                    numbers[index] = jobs.of_host(move, asks[index], names[0], traits.get(names[0]))
                final = tuple(numbers)
                # Moves that change the same, of which nothing is rendered otherwise, are told together.
                key = (id(move.static), id(asks), move.same_catalog, final)
                group = groups.get(key)
                if group is None:
                    groups[key] = ((move, final), list(names))
                    continue
                group[1].extend(names)
                merged = group[0][0]
                if merged is not move:
                    merged.also[move.base, move.other] = None
        return groups

    def _told(
        self,
        found: Sequence[classes.Found],
        traits: Mapping[str, Traits],
        unchanged: int,
        silent: int,
        base_rev: str,
        other_rev: str,
    ) -> RevisionPreview:
        shown: list[ChangeClass] = []
        room = MAX_ANSWER
        for each in found[:MAX_CLASSES]:
            made = each.told(self._overrides, traits)
            room -= each.size
            if room < 0 and shown:
                break
            shown.append(made)
        visible = [each for each in found if each.certainty != "none"]
        what = "hosts" if self._subject == "hosts" else "match blocks"
        changed = sum(each.count for each in visible)
        notes = []
        if silent and self._subject == "hosts":
            notes.append(f"{silent:,} of the hosts have not said what they are; what depends on it is unknown")
        elif silent:
            notes.append(f"what hosts under {silent:,} of the match blocks are is not known, nor what depends on it")
        if self._configcrate is not None:
            notes.append(f"only what concerns {self._configcrate} was looked at")
        return RevisionPreview(
            base=_revision(self._base, base_rev),
            other=_revision(self._other, other_rev),
            subject=self._subject,
            summary=_summary(len(visible), changed, what) if self._moves.total else f"there are no {what} to look at",
            hosts=self._moves.total,
            kinds=len(visible),
            changed=changed,
            removing=sum(each.count for each in visible if each.removes),
            unchanged=unchanged,
            unmanaged=self._moves.unmanaged,
            configcrate=self._configcrate,
            traits={".".join(path[1:]): value for path, value in self._overrides.items()} or None,
            classes=shown,
            left_out=(len(found) - len(shown)) or None,
            notes=notes,
        )


def _summary(kinds: int, changed: int, what: str) -> str:
    if not kinds:
        return "nothing changes"
    one = what.removesuffix("s")
    return f"{kinds:,} kind{'' if kinds == 1 else 's'} of change over {changed:,} {one if changed == 1 else what}"


def _revision(graph: Graph, rev: str) -> PreviewedRevision:
    return PreviewedRevision(rev=rev, commit=graph.commit, plan_root=graph.plan_root, profiles=len(graph.profiles))
