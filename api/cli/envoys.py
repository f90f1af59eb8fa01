"""`vigo envoys`: the managed hosts."""

from __future__ import annotations

from typing import Annotated, Any, Final

import typer

from api.cli import holds, output
from api.cli.client import Client, connected, segment
from api.cli.exits import Problem
from api.cli.options import Json

app = typer.Typer(no_args_is_help=True, help="The managed hosts: list them, enrol one, look at one, revoke one.")

NAMED: Final = 3
"""Hosts that a note names; of the others it tells how many."""
HostOrId = Annotated[str, typer.Argument(metavar="HOST", help="Hostname or id.")]


@app.command("list")
@connected
def list_(
    client: Client,
    *,
    include_revoked: Annotated[bool, typer.Option("--include-revoked", help="Show revoked envoys as well.")] = False,
    limit: Annotated[int, typer.Option(min=1, max=500, help="Envoys of one page.")] = 500,
    offset: Annotated[int, typer.Option(min=0, help="Envoys to skip.")] = 0,
    json_: Json = False,
) -> None:
    """List envoys, with convergence and connection."""
    found = client.get("/api/v1/envoys", includeRevoked=include_revoked, limit=limit, offset=offset)
    if json_:
        output.emit_json(found)
        return
    output.table(
        ("hostname", "connection", "convergence", "environment", "commit", "last run"),
        [_row(envoy) for envoy in found["envoys"]],
        empty="no envoys; `vigo envoys token HOST` enrols one",
    )
    stalled: dict[str, list[str]] = {}
    for envoy in found["envoys"]:
        if envoy.get("stalled"):
            stalled.setdefault(envoy["stalled"], []).append(envoy["hostname"])
    for why, names in stalled.items():
        more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
        verb = "gets" if len(names) == 1 else "get"
        output.note(output.visible(f"{', '.join(names[:NAMED])}{more} {verb} nothing newer: {why}"))
    if found["hasMore"]:
        output.line(f"{found['total']} in all; --offset {found['nextOffset']} shows the next")


@app.command()
@connected
def show(client: Client, host: HostOrId, *, json_: Json = False) -> None:
    """Show one envoy: identity, what it should be, and what it last did."""
    found = client.get(f"/api/v1/envoys/{segment(host)}")
    if json_:
        output.emit_json(found)
        return
    output.fields((key, _flat(value)) for key, value in found.items())


@app.command()
@connected
def token(
    client: Client,
    host: Annotated[str, typer.Argument(metavar="HOST", help="The hostname that the token will give.")],
    *,
    expires_in: Annotated[
        str | None, typer.Option(metavar="DURATION", help="How long it may be used: 1h, 30m.", show_default=False)
    ] = None,
    json_: Json = False,
) -> None:
    """Make a one-time token that enrols one host.

    The host decides configuration and secrets by its name, so the name is fixed here and never claimed by the agent.
    """
    body = {"hostname": host} | ({} if expires_in is None else {"expires_in": expires_in})
    found = client.post("/api/v1/bootstrap/tokens", body)
    if json_:
        output.emit_json(found)
        return
    output.line(found["token"])
    output.note(f"on {host}, before {found['expires_at']}:")
    output.note(f"  vigo-agent enrol --server {client.access.server} --token TOKEN")


@app.command()
@connected
def update(
    client: Client,
    host: Annotated[str | None, typer.Argument(metavar="HOST", help="Hostname or id.", show_default=False)] = None,
    *,
    everyone: Annotated[bool, typer.Option("--all", help="All envoys, spread over a while.")] = False,
    json_: Json = False,
) -> None:
    """Have an envoy, or all, check now whether it is what it should be."""
    if (host is None) != everyone:
        raise Problem("name a host, or say --all", hint="`vigo envoys update --help` tells how")
    path = "/api/v1/envoys/update" if host is None else f"/api/v1/envoys/{segment(host)}/update"
    found = client.post(path, None)
    if json_:
        output.emit_json(found)
        return
    within = f", within {found['within_s']:.0f} s" if found["within_s"] else ""
    output.line(f"{found['reached']} of {found['asked']} were reached and check{within}")
    if found["reached"] < found["asked"]:
        output.note("the others are not connected, or run an older agent: they check when they do by themselves")


@app.command()
@connected
def tags(
    client: Client,
    host: HostOrId,
    *,
    set_: Annotated[
        str | None, typer.Option("--set", metavar="TAGS", help="All that it is to have, by commas.", show_default=False)
    ] = None,
    add: Annotated[str | None, typer.Option(metavar="TAGS", help="Put on, by commas.", show_default=False)] = None,
    remove: Annotated[str | None, typer.Option(metavar="TAGS", help="Take off.", show_default=False)] = None,
    json_: Json = False,
) -> None:
    """Show the tags of an envoy, or set them."""
    path = f"/api/v1/envoys/{segment(host)}/tags"
    found = client.get(path)
    if not (set_ is None and add is None and remove is None):
        wished = set(_listed(set_) if set_ is not None else found["tags"]) | set(_listed(add))
        found = client.put(path, {"tags": sorted(wished - set(_listed(remove)))})
    if json_:
        output.emit_json(found)
        return
    output.line(output.visible(f"{found['hostname']}: {', '.join(found['tags']) or 'no tags'}"))


@app.command()
@connected
def convergence(
    client: Client,
    host: HostOrId,
    *,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many changes of words.")] = 20,
    json_: Json = False,
) -> None:
    """Show how an envoy's words became what they are: convergence, drift, reachability."""
    found = client.get(f"/api/v1/envoys/{segment(host)}/convergence", limit=limit)
    if json_:
        output.emit_json(found)
        return
    words = ", ".join(found[kind] for kind in ("convergence", "drift", "reachability"))
    output.line(output.visible(f"{found['hostname']}: {words}"))
    output.table(
        ("at", "what", "was", "became"),
        [(output.when(each["at"]), each["kind"], each["before"], each["after"]) for each in found["transitions"]],
        empty="nothing is known of it yet",
    )


@app.command()
@connected
def revoke(
    client: Client,
    host: HostOrId,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Revoke an envoy's certificate: it is disconnected and never served again."""
    if not yes:
        typer.confirm(f"revoke {output.visible(host)}?", abort=True)
    client.delete(f"/api/v1/envoys/{segment(host)}")
    output.line(f"{output.visible(host)} is revoked")


app.command("maintenance")(holds.maintenance)
app.command("quarantine")(holds.quarantine)


def _row(envoy: dict[str, Any]) -> tuple[object, ...]:
    return (
        envoy.get("hostname"),
        "revoked" if envoy.get("revoked") else envoy.get("status"),
        "" if envoy.get("revoked") else envoy.get("convergence"),
        envoy.get("environment"),
        str(envoy.get("commit") or "")[:12],
        output.when(envoy.get("lastRunAt")),
    )


def _listed(text: str | None) -> list[str]:
    return [each.strip() for each in (text or "").split(",") if each.strip()]


def _flat(value: object) -> object:
    if isinstance(value, dict):
        return ", ".join(f"{key}={_flat(item)}" for key, item in value.items())
    if isinstance(value, list):
        return ", ".join(str(_flat(item)) for item in value)
    return value
