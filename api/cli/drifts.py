"""`vigo drift`: what was found on hosts otherwise than it should be, and how to make it desired."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli import output
from api.cli.client import Client, connected
from api.cli.options import Json

app = typer.Typer(
    no_args_is_help=True, help="What was found otherwise than desired: list it, look back, make it a commit."
)


@app.command("list")
@connected
def list_(
    client: Client,
    *,
    days: Annotated[int, typer.Option(min=1, max=400, help="Of what was changed back: how far to look.")] = 7,
    how: Annotated[
        str | None, typer.Option(metavar="HOW", help="Only `corrective` or only `left`.", show_default=False)
    ] = None,
    json_: Json = False,
) -> None:
    """List hosts that drifted, with what and since when."""
    asked: dict[str, Any] = {"days": days, "limit": 500} | ({"how": how} if how is not None else {})
    hosts: list[dict[str, Any]] = []
    after: str | None = None
    while True:
        found = client.get("/api/v1/drifts", **asked, **({"after": after} if after is not None else {}))
        hosts += found["hosts"]
        after = found.get("next_after")
        if after is None:
            break
    if json_:
        output.emit_json({"hosts": hosts})
        return
    output.table(
        ("hostname", "resource", "how", "found", "times", "since", "last"),
        [_row(host, each) for host in hosts for each in host["resources"]],
        empty=f"nothing was found otherwise than desired in {days} days",
    )


@app.command()
@connected
def show(
    client: Client,
    host: Annotated[str, typer.Argument(metavar="HOST", help="Hostname or id.")],
    *,
    days: Annotated[int, typer.Option(min=1, max=400, help="How far to look back.")] = 30,
    json_: Json = False,
) -> None:
    """Show what was found on one host, also what is over."""
    found = client.get("/api/v1/drifts", hostname=host, days=days)
    if json_:
        output.emit_json(found)
        return
    resources = [each for one in found["hosts"] for each in one["resources"]]
    if not resources:
        output.line(output.visible(f"nothing was found otherwise than desired on {host} in {days} days"))
    for each in resources:
        over = f", over {output.when(each['ended_at'])} ({each['ended']})" if each.get("ended_at") else ""
        place = f"  {each['file']}:{each['line']}" if each["file"] else ""
        since = output.when(each["since"])
        often = f"once, {since}" if each["times"] == 1 else f"{each['times']} times since {since}"
        output.line(output.visible(f"{each['resource']}: {each['how']}, {often}{over}{place}"))
        for one in each["differs"]:
            output.line(output.visible(f"  {one}"))
        if each["error"]:
            output.line(output.visible(f"  {each['error']}"))


@app.command()
@connected
def history(
    client: Client,
    *,
    days: Annotated[int, typer.Option(min=1, max=400, help="How many days.")] = 14,
    json_: Json = False,
) -> None:
    """Show how the fleet was on each day, the newest first."""
    found = client.get("/api/v1/drifts/history", days=days)
    if json_:
        output.emit_json(found)
        return
    words = ("converged", "degraded", "failed", "no data", "changed", "diverged", "offline")
    output.table(
        ("day", "hosts", *words, "found", "moved"),
        [
            (
                each["day"] + ("" if each["final"] else " so far"),
                each["counts"].get("total", 0),
                *(each["counts"].get(word, 0) for word in words),
                sum(each["found"].values()),
                each["changed"],
            )
            for each in found["days"]
        ],
        empty="no day is kept yet",
    )


@app.command()
@connected
def propose(
    client: Client,
    hosts: Annotated[str, typer.Argument(metavar="HOST[,HOST]", help="Hostnames, separated by commas.")],
    *,
    resource: Annotated[
        str | None, typer.Option(metavar="CRATE/NAME", help="Only this resource.", show_default=False)
    ] = None,
    write: Annotated[bool, typer.Option("--write", help="Write the proposals of that rank to a branch.")] = False,
    rank: Annotated[int, typer.Option(min=1, max=20, help="Which of the proposals is written.")] = 1,
    show_all: Annotated[bool, typer.Option("--all", help="Show all proposals, not only the three briefest.")] = False,
    json_: Json = False,
) -> None:
    """Say which edit of the config would make desired what was found on some hosts.

    For each resource: what happens without an edit, then the edits, the briefest first, with whom each reaches.
    """
    body: dict[str, Any] = {"hosts": [name.strip() for name in hosts.split(",") if name.strip()], "write": write}
    body |= {"rank": rank} | ({"resource": resource} if resource is not None else {})
    found = client.post("/api/v1/drifts/propose", body)
    if json_:
        output.emit_json(found)
        return
    for group in found["groups"]:
        _group(group, shown=20 if show_all else 3)
    if found["left_out"]:
        output.note(f"{found['left_out']} more resources drifted; name one with --resource")
    written = found.get("written")
    if written is not None:
        output.line(output.visible(f"{written['status']}: {written['branch']} {str(written['commit'] or '')[:12]}"))


def _group(group: dict[str, Any], *, shown: int) -> None:
    output.line(output.visible(f"{group['resource']} ({group['type']}) on {_few(group['hosts'])}"))
    for one in group["differs"]:
        output.line(output.visible(f"  {one}"))
    output.line(output.visible(f"  without an edit: {group['revert']}"))
    if group["why_none"]:
        output.line(output.visible(f"  no edit: {group['why_none']}"))
    for each in group["proposals"][:shown]:
        reach = f"changes {each['blast_total']} hosts"
        if each["others"]:
            reach += f", {each['others']} on which it was not found"
        missed = len(group["hosts"]) - len(each["covers"])
        reach += f", leaves out {missed}" if missed else ""
        output.line(output.visible(f"  {each['rank']}. {each['level']}: {each['summary']}: {reach}"))
        if each["also"]:
            output.line(output.visible(f"     reads the same and changes with it: {_few(each['also'])}"))
        if each["rank"] == 1:
            for line in each["diff"].splitlines():
                output.line(output.visible(f"     {line}"))
    if len(group["proposals"]) > shown:
        output.line(f"  and {len(group['proposals']) - shown} more with --all")


def _row(host: dict[str, Any], each: dict[str, Any]) -> tuple[object, ...]:
    told = "; ".join(each["differs"][:2]) or each["error"]
    line = told.splitlines()[0] if told else ""
    return (
        host["hostname"],
        each["resource"],
        each["how"],
        line if len(line) <= 72 else f"{line[:72]}…",
        each["times"],
        output.when(each["since"]),
        output.when(each["last_at"]),
    )


def _few(names: list[str]) -> str:
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
