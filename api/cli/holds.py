"""`vigo holds`, `vigo break-glass`, and what holds hosts in `vigo config` and `vigo envoys`."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import typer

from api.cli import output
from api.cli.client import Client, connected, segment
from api.cli.options import Json
from schema.time import parse_duration

glass = typer.Typer(
    no_args_is_help=True,
    help="A permission that is on for a while: a commit goes through freezes and missing approvals. Everybody is told.",
)

HostOrId = Annotated[str, typer.Argument(metavar="HOST", help="Hostname or id.")]
Until = Annotated[
    str | None,
    typer.Option(metavar="WHEN", help="How long (6h, 3d), or until which RFC 3339 time; else until it is taken off."),
]
Reason = Annotated[str, typer.Option(metavar="TEXT", help="Why; everybody sees it.")]
Match = Annotated[
    str | None, typer.Option(metavar="PATTERN", help="Only these hosts: a name, a glob or a /regular expression/.")
]


@connected
def freeze(client: Client, *, until: Until = None, match: Match = None, reason: Reason = "") -> None:
    """Freeze hosts: commits come into force, but no frozen host moves until the freeze ends."""
    body = {"freeze_until": moment(until), "match": match, "reason": reason}
    _show_frozen(client.post("/api/v1/config/freeze", {key: value for key, value in body.items() if value is not None}))


@connected
def unfreeze(
    client: Client,
    *,
    match: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Only the freeze of this pattern, as it was given.")
    ] = None,
) -> None:
    """Take off every freeze, or the one of a pattern: the hosts follow the newest commit."""
    query = {"match": match} if match is not None else {}
    _show_frozen(client.request("POST", "/api/v1/config/unfreeze", query=query))


@connected
def maintenance(
    client: Client,
    host: HostOrId,
    *,
    until: Until = None,
    reason: Reason = "",
    end: Annotated[bool, typer.Option("--end", help="The work is done: the host follows the newest commit.")] = False,
) -> None:
    """Say that somebody is at work on a host: it gets nothing new, and its failures do not count."""
    _hold(client, host, "maintenance", until, reason, end=end)


@connected
def quarantine(
    client: Client,
    host: HostOrId,
    *,
    until: Until = None,
    reason: Reason = "",
    end: Annotated[bool, typer.Option("--end", help="Take the host back: it follows the newest commit.")] = False,
) -> None:
    """Set apart a host that nobody trusts: it gets nothing new, and counts as healthy nowhere."""
    _hold(client, host, "quarantine", until, reason, end=end)


@connected
def list_(client: Client, *, json_: Json = False) -> None:
    """List what holds hosts now: freezes, maintenance and quarantine, and who goes through."""
    found = client.get("/api/v1/holds")
    if json_:
        output.emit_json(found)
        return
    output.table(
        ("kind", "hosts", "until", "reason", "by"),
        [
            (
                hold["kind"],
                hold.get("hostname") or hold.get("match") or "all",
                output.when(hold.get("until")) or "taken off",
                hold["reason"],
                hold["created_by"],
            )
            for hold in found["holds"]
        ],
        empty="nothing holds any host",
    )
    for each in found["break_glass"]:
        output.warning(_said(each))


@glass.command("open")
@connected
def open_(
    client: Client,
    *,
    for_: Annotated[str, typer.Option("--for", metavar="DURATION", help="How long: 30m, 2h; at most 4h.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why it cannot wait; it stands in the audit log.")],
    commit: Annotated[str | None, typer.Option(metavar="COMMIT", help="What goes through: this commit.")] = None,
    author: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Or the commits of this author.")] = None,
    match: Match = None,
    json_: Json = False,
) -> None:
    """Let a commit, or an author's commits, through freezes and missing approvals for a while."""
    body = {"commit": commit, "author": author, "match": match, "until": moment(for_), "reason": reason}
    made = client.post("/api/v1/break-glass", {key: value for key, value in body.items() if value is not None})
    if json_:
        output.emit_json(made)
        return
    output.line(output.visible(_said(made)))
    output.note(f"`vigo break-glass close {made['id']}` ends it")


@glass.command("close")
@connected
def close(client: Client, permission: Annotated[str, typer.Argument(metavar="ID", help="Of the permission.")]) -> None:
    """End a permission before its time. What went through stays where it is."""
    client.delete(f"/api/v1/break-glass/{segment(permission)}")
    output.line("closed")


@glass.command("list")
@connected
def glasses(client: Client, *, json_: Json = False) -> None:
    """List permissions, on and over, the newest first, with what went through."""
    found = client.get("/api/v1/break-glass")
    if json_:
        output.emit_json(found)
        return
    output.table(
        ("id", "opened", "by", "for", "until", "ended by", "let through", "reason"),
        [
            (
                each["id"],
                output.when(each["opened_at"]),
                each["opened_by"],
                _named(each),
                output.when(each["until"]),
                each["ended_by"],
                " ".join(commit[:12] for commit in each["used_for"]),
                each["reason"],
            )
            for each in found["break_glass"]
        ],
        empty="there never was one",
    )


def show(found: list[dict[str, Any]]) -> None:
    """Print what holds hosts: each freeze, and how much else there is."""
    for hold in found:
        if hold["kind"] == "freeze":
            _show_freeze(hold)
    others = sum(hold["kind"] != "freeze" for hold in found)
    if others:
        output.line(f"{others} more hold hosts back; `vigo holds` lists them")


def moment(text: str | None) -> str | None:
    """A duration from now, or a time, as RFC 3339; None for None.

    Raises:
        typer.BadParameter: neither.
    """
    if text is None:
        return None
    if text[:4].isdigit() and "T" in text:
        return text
    try:
        return (datetime.now(UTC) + timedelta(microseconds=parse_duration(text))).isoformat()
    except (ValueError, OverflowError) as error:
        raise typer.BadParameter(f"{text!r} is neither a duration (6h, 3d) nor an RFC 3339 time") from error


def _hold(client: Client, host: str, kind: str, until: str | None, reason: str, *, end: bool) -> None:
    path = f"/api/v1/envoys/{segment(host)}/{kind}"
    if end:
        client.delete(path)
        output.line(f"{output.visible(host)}: no {kind}")
        return
    body = {"until": moment(until), "reason": reason}
    made = client.put(path, {key: value for key, value in body.items() if value is not None})
    output.line(f"{output.visible(made['hostname'])}: {kind} {_ends(made.get('until'))}")


def _show_frozen(found: dict[str, Any]) -> None:
    if not found["frozen"]:
        output.line("nothing is frozen")
    for hold in found["holds"]:
        _show_freeze(hold)


def _show_freeze(hold: dict[str, Any]) -> None:
    whom = hold.get("match") or hold.get("hostname") or "all hosts"
    why = f": {hold['reason']}" if hold["reason"] else ""
    output.line(output.visible(f"frozen: {whom}, {_ends(hold.get('until'))}{why}"))


def _ends(until: str | None) -> str:
    return f"until {output.when(until)}" if until else "until it is taken off"


def _named(each: dict[str, Any]) -> str:
    whom = str(each.get("commit") or "")[:12] or each["author"]
    return f"{whom} on {each['match']}" if each.get("match") else whom


def _said(each: dict[str, Any]) -> str:
    return (
        f"break-glass for {_named(each)} until {output.when(each['until'])}, by {each['opened_by']}: {each['reason']}"
    )
