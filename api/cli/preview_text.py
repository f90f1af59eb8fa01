"""A preview for a person at a terminal."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

from api.cli import output

SIGNS: Final[Mapping[str, str]] = {
    "added": "+",
    "changed": "~",
    "removed": "-",
    "starts": "+",
    "stops": "-",
    "fails": "!",
    "order": "~",
}
TONES: Final[Mapping[str, str]] = {"+": "green", "-": "red", "~": "yellow", "!": "red"}
CERTAINTIES: Final[Mapping[str, str]] = {"change": "", "maybe": "perhaps: ", "none": "nothing visible: "}
LONGEST_VALUE: Final = 100
NAMED: Final = 3
"""Hosts that are named; `--json` has more."""


def show(found: dict[str, Any]) -> None:
    """Print it."""
    output.line(found["summary"], tone="bold")
    output.fields([(side, _revision(found[side])) for side in ("base", "other")])
    if found.get("traits"):
        output.line(output.visible(f"what if: {_plain(found['traits'])}"))
    for number, each in enumerate(found["classes"], 1):
        output.line()
        _show_class(number, each, found["subject"])
    output.line()
    output.line(counted(found))
    for note in (*found["notes"], *left_out(found)):
        output.note(note)


def counted(found: dict[str, Any]) -> str:
    """How all that were looked at fall apart."""
    what = ("host" if found["subject"] == "hosts" else "match block") + ("" if found["hosts"] == 1 else "s")
    same = sum(each["count"] for each in found["classes"] if each["certainty"] == "none")
    parts = [
        f"{found['hosts']:,} {what}: {found['changed']:,} change",
        f"{found['unchanged'] + same:,} stay as they are",
    ]
    if found["unmanaged"]:
        parts.append(f"{found['unmanaged']:,} under no match block")
    if found["removing"]:
        parts.append(f"something is removed on {found['removing']:,}")
    return ", ".join(parts)


def left_out(found: dict[str, Any]) -> Iterator[str]:
    """What a bound cut off."""
    if found.get("left_out"):
        yield f"{found['left_out']:,} more kinds of change are not listed"


def hosts_of(each: dict[str, Any], subject: str, named: int = NAMED) -> str:
    """`12 hosts: web01, web02, web03 and 9 more`."""
    shown = each["hosts"][:named]
    more = each["count"] - len(shown)
    one = "host" if subject == "hosts" else "match block"
    word = f"{each['count']:,} {one}{'' if each['count'] == 1 else 's'}"
    return f"{word}: {', '.join(shown)}{f' and {more:,} more' if more else ''}"


def example(each: dict[str, Any]) -> Iterator[str]:
    """Of several hosts, whose values are shown."""
    if each["count"] > 1 and any(change["attributes"] for change in each["resources"]):
        yield f"shown as it is for {each['example']}"


def facts(each: dict[str, Any]) -> Iterator[str]:
    """What a class changes beside resources, a line each."""
    if each.get("environment"):
        yield f"environment: {_change(each['environment'])}"
    if each["roles_added"]:
        yield f"roles added: {', '.join(each['roles_added'])}"
    if each["roles_removed"]:
        yield f"roles removed: {', '.join(each['roles_removed'])}"
    for crate in each["crates"]:
        if crate["action"] != "changed":
            by = f" (by {', '.join(crate['carriers'])})" if crate["carriers"] else ""
            yield f"crate {crate['name']} {crate['action']}{by}"
    for var in each["vars"]:
        yield f"var {var['key']}: {_change(var)}"
    if each.get("vars_left_out"):
        yield f"and {each['vars_left_out']:,} more vars"
    yield from each["notes"]


def heading(change: dict[str, Any]) -> str:
    """`file /etc/motd is changed (motd/motd, configcrates/motd.vgo:4)`."""
    words = {"order": "is managed in another way", "fails": "fails", "starts": "starts", "stops": "stops"}
    what = f"{change['type']} {change['about']}".strip()
    said = words.get(change["action"]) or f"is {change['action']}"
    return f"{what} {said} ({change['id']}, {change['file']}:{change['line']})"


def asides(change: dict[str, Any]) -> Iterator[str]:
    """What else is to be said of a resource."""
    if change.get("maybe"):
        yield f"perhaps: {change['maybe']}"
    if change.get("consequence"):
        yield change["consequence"]
    if change["notifies"]:
        yield f"then runs {', '.join(change['notifies'])}"
    if change.get("left_out"):
        yield f"and {change['left_out']:,} more attributes"


def attributes(change: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those that say more than the heading does."""
    for each in change["attributes"]:
        told = [side for side in (each.get("base"), each.get("other")) if side is not None]
        if change["action"] not in ("added", "removed") or told != [change["about"]]:
            yield each


def attribute_name(attribute: dict[str, Any]) -> str:
    """Its name, and of a `foreach` which item's."""
    return f"{attribute['item']} {attribute['name']}" if attribute.get("item") else str(attribute["name"])


def value(of: Any) -> str:
    """A value on one line."""
    text = _plain(of)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _show_class(number: int, each: dict[str, Any], subject: str) -> None:
    output.line(output.visible(f"{number}. {CERTAINTIES[each['certainty']]}{each['title']}"), tone="bold")
    output.line(output.visible(f"   {hosts_of(each, subject)}"))
    for fact in facts(each):
        output.line(output.visible(f"   {fact}"))
    for whose in example(each):
        output.line(output.visible(f"   {whose}"))
    for change in each["resources"]:
        sign = SIGNS[change["action"]]
        output.line(output.visible(f"   {sign} {heading(change)}"), tone=TONES[sign])
        for aside in asides(change):
            output.line(output.visible(f"       {aside}"))
        for attribute in attributes(change):
            _show_attribute(attribute)
    if each.get("resources_left_out"):
        output.line(f"   and {each['resources_left_out']:,} more resources")


def _show_attribute(attribute: dict[str, Any]) -> None:
    name, note = attribute_name(attribute), attribute.get("note")
    if attribute.get("diff"):
        output.line(output.visible(f"       {name}:{f' ({note})' if note else ''}"))
        for row in attribute["diff"].splitlines():
            output.line(output.visible(f"       {row}", lines=True), tone=TONES.get(row[:1]))
        return
    output.line(output.visible(f"       {name}: {_change(attribute)}{f' ({note})' if note else ''}"))


def _change(change: dict[str, Any]) -> str:
    sides = [value(change[side]) if change.get(side) is not None else "" for side in ("base", "other")]
    if not sides[0]:
        return sides[1] or "none"
    return f"{sides[0]} → {sides[1] or 'nothing'}"


def _plain(of: Any) -> str:
    return of if isinstance(of, str) else json.dumps(of, ensure_ascii=False)


def _revision(side: dict[str, Any]) -> str:
    commit = f" {side['commit'][:12]}" if side["commit"] and not side["commit"].startswith(side["rev"]) else ""
    return f"{side['rev']}{commit}, plan root {side['plan_root']}"
