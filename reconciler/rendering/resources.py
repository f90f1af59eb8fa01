"""One resource in two revisions, rendered: what becomes of it. Runs in the child; plain data in and out.

What only the host can tell is unknown, never guessed: then both sides are compared as they are written, and the answer
says why.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, Literal, NamedTuple, NotRequired, TypedDict

from reconciler.rendering.texts import difference, digest
from schema.expressions import ExpressionError, Kind, Renderer
from schema.secrets import MASK

MAX_ITEMS: Final = 10_000
MAX_ATTRIBUTES: Final = 40
"""That one answer shows."""
MAX_VALUE: Final = 2_000
"""Characters of one value; a longer text is shown as its difference, or cut."""
CONTENT: Final = "content"
SOURCE: Final = "source"
TEMPLATE: Final = ".j2"
_DERIVED: Final = "it derives from a secret, whose value is not here"
_HIDDEN: Final = frozenset({"password_hash"})
"""Attributes that are never shown."""


class File(TypedDict):
    """What a source names: its text, or where it has none that can be shown, its digest and size."""

    text: str | None
    sha256: str
    size: int


class Side(TypedDict):
    """One resource in one revision, and all that it is rendered with."""

    when: list[str]
    """The crate's condition and its own, as far as there are any."""
    foreach: NotRequired[str | list[Any] | None]
    spec: dict[str, Any]
    identity: str
    """Name of the attribute that says what it is about."""
    files: dict[str, File]
    scope: dict[str, Any]
    unknown: NotRequired[str]
    """Why it cannot be rendered here at all."""
    tainted: NotRequired[list[str]]
    """Attributes that derive from a secret, whose value is not here; `when` and `foreach` may be among them."""


class Job(TypedDict):
    """A side is None where the revision does not have the resource."""

    base: Side | None
    other: Side | None


class Shown(TypedDict):
    """One attribute that differs. `key` tells it from other differences; the rest is for people."""

    name: str
    item: str
    base: Any
    other: Any
    diff: str
    note: str
    key: Any


class Verdict(TypedDict):
    """What becomes of it. `action` is empty where nothing does that anybody could see."""

    action: Literal["", "added", "changed", "removed", "starts", "stops", "fails"]
    maybe: str
    why: str
    """Of a failure, or of a condition that does not hold."""
    about: str
    was_about: str
    """What the base was about, where that is something else: it is left behind."""
    attributes: list[Shown]
    left_out: int


class _Instance(NamedTuple):
    about: str
    attributes: dict[str, Any]


class _Rendered(NamedTuple):
    gate: Literal["yes", "no", "maybe"]
    why: str
    """Of a gate that is not open."""
    instances: dict[str, _Instance] | None
    """By the item's mark: empty, or `[0]` of a foreach. None: not rendered."""
    failure: str
    unknown: str


class _Unknown(Exception):
    pass


_RENDERER: Final = Renderer()
_ABSENT: Final[Any] = object()


def judged(job: Job) -> Verdict:
    """What becomes of a resource between two revisions."""
    base, other = job["base"], job["other"]
    one = _rendered(base) if base is not None else None
    two = _rendered(other) if other is not None else None
    verdict = Verdict(action="", maybe="", why="", about="", was_about="", attributes=[], left_out=0)
    verdict["about"] = _about(other if other is not None else base, two if two is not None else one)
    verdict["maybe"] = "; ".join(dict.fromkeys(why for side in (one, two) if (why := _doubt(side))))
    if one is None or one.gate == "no":
        _arrives(verdict, other, two, absent=one is None)
    elif two is None or two.gate == "no":
        _leaves(verdict, base, one, two)
    elif two.failure:
        if one.failure != two.failure or one.gate != two.gate:
            verdict["action"], verdict["why"] = "fails", two.failure
    else:
        assert base is not None
        assert other is not None
        _differs(verdict, base, other, one, two)
    return verdict


def _arrives(verdict: Verdict, side: Side | None, two: _Rendered | None, *, absent: bool) -> None:
    if side is None or two is None or two.gate == "no":
        verdict["maybe"] = ""
        return
    verdict["action"] = "added" if absent else "starts"
    if two.failure:
        verdict["action"], verdict["why"] = "fails", two.failure
        return
    _show(verdict, None, two.instances, None, side)


def _leaves(verdict: Verdict, side: Side | None, one: _Rendered, two: _Rendered | None) -> None:
    assert side is not None
    verdict["action"] = "removed" if two is None else "stops"
    verdict["why"] = two.why if two is not None else ""
    verdict["about"] = _about(side, one)
    _show(verdict, one.instances, None, side, None)


def _differs(verdict: Verdict, base: Side, other: Side, one: _Rendered, two: _Rendered) -> None:
    before, after = one.instances, two.instances
    if one.failure:
        verdict["why"] = f"it failed before: {one.failure}"
        before = {}
    rendered = before is not None and after is not None
    _show(verdict, before, after, base, other)
    if verdict["attributes"] or one.failure:
        verdict["action"] = "changed"
    elif (one.gate, one.why) != (two.gate, two.why) or not rendered:
        # As written they are the same, or only the condition is not: what they read differs.
        verdict["action"] = "changed"
        verdict["maybe"] = verdict["maybe"] or two.why
    was = _about(base, one)
    if before is not None and after is not None and was != verdict["about"] and len(before) == len(after) == 1:
        verdict["was_about"] = was
    if not verdict["action"]:
        verdict["maybe"] = ""


# rendering


def _rendered(side: Side) -> _Rendered:
    if why := side.get("unknown", ""):
        return _Rendered("maybe" if side["when"] else "yes", why, None, "", why)
    gate, why = _gate(side)
    if gate == "no":
        return _Rendered("no", why, {}, "", "")
    if why and gate == "yes":
        return _Rendered("yes", "", None, why, "")
    try:
        return _Rendered(gate, why, _instances(side), "", "")
    except _Unknown as error:
        return _Rendered(gate, why, None, "", str(error))
    except ExpressionError as error:
        if error.kind is Kind.UNKNOWN:
            return _Rendered(gate, why, None, "", error.message)
        return _Rendered(gate, why, None, error.message, "")


def _gate(side: Side) -> tuple[Literal["yes", "no", "maybe"], str]:
    """Whether its conditions hold; `yes` with a reason: one of them has no value, and so it fails."""
    maybe = ""
    for condition in side["when"]:
        if "when" in side.get("tainted", ()):
            maybe = maybe or f"when: {condition}: it depends on a secret"
            continue
        try:
            if not _RENDERER.holds(condition, side["scope"]):
                return "no", f"when: {condition}"
        except ExpressionError as error:
            if error.kind is not Kind.UNKNOWN:
                return "yes", f"when: {error.message}"
            maybe = maybe or f"when: {condition}: {error.message}"
    return ("maybe", maybe) if maybe else ("yes", "")


def _instances(side: Side) -> dict[str, _Instance]:
    foreach, scope = side.get("foreach"), side["scope"]
    if foreach is None:
        return {"": _instance(side, scope)}
    if "foreach" in side.get("tainted", ()):
        raise _Unknown("foreach depends on a secret")
    items = _RENDERER.evaluate(foreach, scope) if isinstance(foreach, str) else _RENDERER.render_value(foreach, scope)
    if not isinstance(items, list):
        raise ExpressionError("foreach is no list", Kind.TYPE)
    if len(items) > MAX_ITEMS:
        raise ExpressionError(f"foreach has more than {MAX_ITEMS} items", Kind.LIMIT)
    return {f"[{number}]": _instance(side, {**scope, "item": item}) for number, item in enumerate(items)}


def _instance(side: Side, scope: Mapping[str, Any]) -> _Instance:
    attributes: dict[str, Any] = _RENDERER.render_value(side["spec"], scope)
    for name, raw in side["spec"].items():
        # As the host has it: what stands in a text of several words is text, and a whole expression keeps its type.
        if name in (CONTENT, side["identity"]) and isinstance(raw, str) and not isinstance(attributes[name], str):
            attributes[name] = _RENDERER.render(raw, scope)
    source = attributes.get(SOURCE)
    file = side["files"].get(source) if isinstance(source, str) else None
    if file is not None:
        del attributes[SOURCE]
        attributes[CONTENT] = file
        if source is not None and source.endswith(TEMPLATE) and file["text"] is not None:
            attributes[CONTENT] = _RENDERER.render(file["text"], scope)
        elif file["text"] is not None:
            attributes[CONTENT] = file["text"]
    return _Instance(str(attributes.get(side["identity"], "")), attributes)


def _unrendered(side: Side) -> dict[str, _Instance]:
    """What is written, where it cannot be rendered."""
    attributes = dict(side["spec"])
    file = side["files"].get(str(attributes.get(SOURCE)))
    if file is not None:
        del attributes[SOURCE]
        attributes[CONTENT] = file["text"] if file["text"] is not None else file
    if side.get("foreach") is not None:
        attributes["foreach"] = side.get("foreach")
    if side["when"]:
        attributes["when"] = " and ".join(side["when"])
    return {"": _Instance(str(attributes.get(side["identity"], "")), attributes)}


# showing


def _show(
    verdict: Verdict,
    before: Mapping[str, _Instance] | None,
    after: Mapping[str, _Instance] | None,
    base: Side | None,
    other: Side | None,
) -> None:
    """Put what differs into the verdict; where a side could not be rendered, what differs as they are written."""
    rendered = (before is not None or base is None) and (after is not None or other is None)
    if not rendered:
        before = _unrendered(base) if base is not None else None
        after = _unrendered(other) if other is not None else None
    found: list[Shown] = []
    doubts = certain = False
    for item in dict.fromkeys((*(before or {}), *(after or {}))):
        one = before[item].attributes if before is not None and item in before else {}
        two = after[item].attributes if after is not None and item in after else {}
        for name in sorted({*one, *two}):
            was, now = one.get(name, _ABSENT), two.get(name, _ABSENT)
            if was is not _ABSENT and now is not _ABSENT and _same(was, now):
                if not _may_differ(name, base, other):
                    continue
                doubts = True
            else:
                certain = True
            hidden = _is_hidden(name, one, two, base, other)
            shown = _shown(name, item, was, now, hidden=hidden)
            if not (rendered or shown["note"]):
                shown["note"] = "as written, not rendered"
            found.append(shown)
    if doubts and not certain:
        verdict["maybe"] = verdict["maybe"] or _DERIVED
    verdict["attributes"] = found[:MAX_ATTRIBUTES]
    verdict["left_out"] = len(found) - len(verdict["attributes"])
    if verdict["left_out"]:
        last = verdict["attributes"][-1]
        last["key"] = [last["key"], *(shown["key"] for shown in found[MAX_ATTRIBUTES : 10 * MAX_ATTRIBUTES])]


def _shown(name: str, item: str, was: Any, now: Any, *, hidden: str) -> Shown:
    shown = Shown(name=name, item=item, base=None, other=None, diff="", note="", key=None)
    if hidden:
        shown["base"], shown["other"] = (MASK if side is not _ABSENT else None for side in (was, now))
        shown["note"], shown["key"] = hidden, [name, item, was is _ABSENT, now is _ABSENT]
        return shown
    texts = [_text(side) for side in (was, now)]
    base, other = texts
    if base is not None and other is not None and ("\n" in base + other or len(base) + len(other) > 2 * MAX_VALUE):
        shown["diff"], key = difference(base, other)
        shown["key"] = [name, item, key]
        return shown
    shown["base"], shown["other"] = (None if side is _ABSENT else _value(side) for side in (was, now))
    whole = [None if side is _ABSENT else side for side in (was, now)]
    shown["key"] = [name, item, *whole] if len(repr(whole)) <= 2 * MAX_VALUE else [name, item, digest(repr(whole))]
    return shown


def _text(value: Any) -> str | None:
    return "" if value is _ABSENT else value if isinstance(value, str) else None


def _value(value: Any) -> Any:
    if isinstance(value, dict) and value.keys() == File.__annotations__.keys():
        return f"{value['size']} bytes, sha256 {value['sha256'][:16]}"
    text = str(value)
    return value if len(text) <= MAX_VALUE else f"{text[:MAX_VALUE]} [... {len(text) - MAX_VALUE} more]"


def _same(was: Any, now: Any) -> bool:
    return type(was) is type(now) and bool(was == now)


def _may_differ(name: str, base: Side | None, other: Side | None) -> bool:
    """Whether what is rendered alike here may not be on a host: it derives from a secret, and not in the same way."""
    if base is None or other is None or not any(name in side.get("tainted", ()) for side in (base, other)):
        return False
    same_text = base["files"] == other["files"] if name == CONTENT and base["files"] else True
    return not (same_text and base["spec"].get(name) == other["spec"].get(name) and base["scope"] == other["scope"])


def _is_hidden(name: str, one: Mapping[str, Any], two: Mapping[str, Any], base: Side | None, other: Side | None) -> str:
    if name in _HIDDEN:
        return "never shown"
    if name == CONTENT and (one.get("sensitive") or two.get("sensitive")):
        return "sensitive: not shown"
    if any(side is not None and name in side.get("tainted", ()) for side in (base, other)):
        return "derived from a secret: not shown"
    return ""


def _about(side: Side | None, rendered: _Rendered | None) -> str:
    if side is None:
        return ""
    if rendered is None or rendered.instances is None or not rendered.instances:
        return str(side["spec"].get(side["identity"], ""))
    if len(rendered.instances) == 1:
        return next(iter(rendered.instances.values())).about
    return f"{len(rendered.instances)} of {side['spec'].get(side['identity'], '')}"


def _doubt(side: _Rendered | None) -> str:
    if side is None:
        return ""
    return side.unknown or (side.why if side.gate == "maybe" else "")
