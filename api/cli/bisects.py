"""`vigo bisect`: which commit, crate and attribute bad hosts have in common."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from api.cli import hosts_said, output
from api.cli.client import Client, connected
from api.cli.options import Json

SHOWN: Final = 8
"""Changes of a suspect, and hosts of a list, that are printed."""


@connected
def bisect(
    client: Client,
    *,
    bad: Annotated[
        list[str],
        typer.Option("--bad", metavar="HOSTS", help="Bad hosts: names or patterns, with commas; @FILE has one a line."),
    ],
    since: Annotated[
        str,
        typer.Option("--since", metavar="TIME", help="When all was well: an RFC 3339 time, or how long ago: 3h, 2d."),
    ],
    good: Annotated[
        list[str] | None,
        typer.Option("--good", metavar="HOSTS", help="Hosts that are well; by default all that are not bad."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=20, help="How many suspects.")] = 5,
    json_: Json = False,
) -> None:
    """Name the change since a time that bad hosts have in common and others do not. No host is touched.

    Suspects come from the config of every revision since then, ranked by how well they separate the two.
    """
    asked = {"bad": _patterns(bad), "good": _patterns(good or ()), "since": _moment(since), "limit": limit}
    found: dict[str, Any] = client.post("/api/v1/bisect", asked)
    if json_:
        output.emit_json(found)
    else:
        show(found)


def show(found: Mapping[str, Any]) -> None:
    """Print the suspects, the likeliest first, each with what speaks for it and against."""
    _say(
        f"{found['bad_count']} bad, {found['good_count']} well; {found['revisions']} revisions since"
        f" {output.when(found['since'])}, {found['changed_nothing']} of them changed nothing for a bad host"
    )
    for note in found["notes"]:
        output.note(f"note: {note}")
    if not found["suspects"]:
        output.line("no change of the config is common to bad hosts: look elsewhere", tone="bold")
    for number, each in enumerate(found["suspects"], start=1):
        output.line()
        _suspect(number, each, found)
    if found.get("left_out"):
        output.line()
        _say(f"and {found['left_out']} less likely; --limit shows more")


def _suspect(number: int, each: Mapping[str, Any], found: Mapping[str, Any]) -> None:
    verdict = "exactly the bad hosts have it" if each["exact"] else f"score {each['score']:.2f}"
    _say(f"{number}. {each['commit'][:12]} {each['summary']} ({verdict})", tone="bold")
    _say(f"   {each['author']}, in force since {output.when(each['in_force_at'])}, revision {each['sequence']}")
    for change in each["changes"][:SHOWN]:
        _say(f"   {_change(change)}")
        if change.get("at", {}).get("source", "").strip():
            _say(f"     {change['at']['source'].strip()}")
    more = len(each["changes"]) - SHOWN + (each.get("changes_left_out") or 0)
    if more > 0:
        _say(f"   and {more} changes more")
    _say(f"   has it: {each['bad']} of {found['bad_count']} bad, {each['good']} of {found['good_count']} well")
    for word, key in (("bad without it", "bad_without"), ("well with it", "good_with")):
        if each[key]:
            _say(f"   {word}: {_some(each[key], each.get(f'{key}_left_out') or 0)}")
    if each["changed_again"]:
        _say(f"   changed once more by {', '.join(commit[:12] for commit in each['changed_again'][:SHOWN])}")
    crates = f" ({_some(each['revert_crates'])})" if each["revert_crates"] else ""
    _say(f"   to revert the commit would change {each['revert_hosts']} hosts{crates}")


def _change(change: Mapping[str, Any]) -> str:
    what = f"{change['name']} {change['attribute']}" if change.get("attribute") else change["name"]
    at = f"{change['at']['file']}:{change['at']['line']}: " if change.get("at") else ""
    sides = [str(change[key]) for key in ("base", "other") if change.get(key) is not None]
    values = f": {' → '.join(sides)}" if sides else ""
    read = f", read by {_some(change['resources'])}" if change.get("resources") else ""
    return f"{at}{change['kind']} {what} {change['action']}{values}{read}"


def _say(text: str, *, tone: str | None = None) -> None:
    output.line(output.visible(text), tone=tone)


def _some(names: Sequence[str], left_out: int = 0) -> str:
    more = max(0, len(names) - SHOWN) + left_out
    return ", ".join(names[:SHOWN]) + (f" and {more} more" if more else "")


def _patterns(said: Sequence[str]) -> list[str]:
    found: list[str] = []
    for each in said:
        if each.startswith("@"):
            found += hosts_said.names(Path(each[1:]))
        else:
            found += filter(None, (part.strip() for part in each.split(",")))
    return found


def _moment(text: str) -> str:
    from schema.time import parse_duration, to_rfc3339

    try:
        return to_rfc3339(time.time_ns() // 1_000 - parse_duration(text))
    except ValueError:
        return text
