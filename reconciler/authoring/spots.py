"""What stands at a position: a key, a name, a value, or a word of an expression, of a document or a template."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from reconciler.authoring import cursor, fragments, outline, places, shapes, values
from reconciler.authoring.cursor import Slot
from reconciler.authoring.fragments import Fragment, Sort
from reconciler.authoring.places import What
from reconciler.authoring.snapshots import Snapshot
from reconciler.authoring.texts import Position, Span, Text
from reconciler.documents.kinds import CONTENT, Kind
from reconciler.documents.marks import Path
from reconciler.expressions import EACH
from reconciler.expressions import Path as VarPath
from schema.merging import APPEND


class Spot(NamedTuple):
    """One place and what is there."""

    kind: Kind | None
    """None in a template."""
    path: Path
    on_key: bool
    text: str
    """The key, or the scalar."""
    span: Span
    scalars: Mapping[Path, str]
    """Path → scalar, of what stands around."""
    fragment: Fragment | None = None
    """The word of an expression, when it is one."""

    @property
    def names(self) -> What | None:
        """What the text names or gives a name to; None when it is an expression, or no name."""
        if self.kind is None or self.fragment is not None:
            return None
        defined = places.defined_at(self.kind, self.path, on_key=self.on_key)
        return defined or (None if self.on_key else places.used_at(self.kind, self.path))

    @property
    def var(self) -> VarPath | None:
        """The keys of vars that it is about, as a path below `vars`; None when about none."""
        if self.fragment is not None:
            path = self.fragment.path
            return path[1:] if self.fragment.sort is Sort.PATH and path[0] == "vars" and len(path) > 1 else None
        depth = shapes.has_vars(self.path)
        if depth is None or not self.on_key or len(self.path) <= depth or self.kind is Kind.WORKFLOW:
            return None
        return tuple(part.removesuffix(APPEND) if isinstance(part, str) else EACH for part in self.path[depth:])


def find(snapshot: Snapshot, path: str, text: Text, position: Position) -> Spot | None:
    """What stands at a position of a file; None where nothing does."""
    kind = snapshot.kind(path)
    if kind is None:
        return _in_template(text, position) if is_template(path) else None
    outlined = outline.of(text.source)
    found = outlined.at(position)
    if found is None:
        return None if outlined.whole else _guessed(kind, text, position)
    node, on_key = found
    scalars = {each.path: each.text for each in outlined.nodes.values() if each.text is not None}
    if on_key:
        assert node.key is not None
        return Spot(kind, node.path, on_key, str(node.path[-1]), node.key, scalars)
    assert node.text is not None
    begin, offset = text.offset(node.value.start), text.offset(position)
    fragment = fragments.at(text.source, begin, offset, bare=is_bare(kind, node.path))
    if fragment is not None:
        fragment = resolved(fragment, node.path, scalars)
        return Spot(kind, node.path, on_key, str(fragment.path[-1]), _span(text, fragment), scalars, fragment)
    return Spot(kind, node.path, on_key, node.text, node.value, scalars)


def is_template(path: str) -> bool:
    """Whether expressions in a file are rendered."""
    return path.partition("/")[0] in CONTENT and path.endswith(".j2")


def is_bare(kind: Kind, path: Path) -> bool:
    """Whether the value at a path is an expression without braces."""
    return (
        path[-1:] != () and path[-1] in shapes.EXPRESSIONS and shapes.has_vars(path) is None and kind is not Kind.TASK
    )


def resolved(fragment: Fragment, path: Path, scalars: Mapping[Path, str]) -> Fragment:
    """A word that begins with `item`, as the path that its `foreach` goes through."""
    if fragment.sort is Sort.PATH and fragment.path[0] == "item":
        stands = item_path(path, scalars)
        if stands is not None:
            return fragment._replace(path=(*stands, *fragment.path[1:]))
    return fragment


def item_path(path: Path, scalars: Mapping[Path, str]) -> VarPath | None:
    """What `item` stands for at a path of a crate."""
    foreach = scalars.get((*path[:2], "foreach"))
    return values.item_path(foreach) if foreach else None


def _in_template(text: Text, position: Position) -> Spot | None:
    fragment = fragments.at(text.source, 0, text.offset(position), bare=False)
    if fragment is None:
        return None
    return Spot(
        None, (), on_key=False, text=str(fragment.path[-1]), span=_span(text, fragment), scalars={}, fragment=fragment
    )


def _guessed(kind: Kind, text: Text, position: Position) -> Spot | None:
    """What indentation says, where a file cannot be read so far."""
    seen = cursor.find(text, position)
    if seen.slot in (Slot.NOTHING, Slot.TEXT):
        return None
    word = text.within(seen.word).strip("\"'")
    if not word:
        return None
    on_key = seen.slot is Slot.KEY or text.line(position.line)[seen.word.end_column - 1 :].startswith(":")
    path = (*seen.path, word) if seen.slot is Slot.KEY else seen.path
    return Spot(kind, path, on_key, word, seen.word, seen.scalars)


def _span(text: Text, fragment: Fragment) -> Span:
    return Span(*text.position(fragment.begin), *text.position(fragment.end))
