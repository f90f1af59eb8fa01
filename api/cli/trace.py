"""`vigo trace`: where the configuration of one host comes from, value by value; and where a crate is applied."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Final, Literal

import typer

from api.cli import crates, local, output
from api.cli.client import Client, connected
from api.cli.exits import Problem
from api.cli.options import AsOf, Json, Repo, Rev, one_source

LONGEST_VALUE: Final = 60


@connected
def trace(
    client: Client,
    host: Annotated[
        str | None,
        typer.Argument(metavar="[HOST]", help="The host's name; it need not be enrolled.", show_default=False),
    ] = None,
    *,
    repo: Repo = None,
    rev: Rev = None,
    as_of: AsOf = None,
    configcrate: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Only what concerns this configcrate; without HOST: the hosts that have it."),
    ] = None,
    usercrate: Annotated[
        str | None, typer.Option(metavar="NAME", help="Without HOST: the hosts that have this usercrate.")
    ] = None,
    include_tree: Annotated[
        bool, typer.Option("--include-tree", help="Without HOST: also match blocks that no enrolled host is under.")
    ] = False,
    json_: Json = False,
    places: Annotated[
        bool, typer.Option("--places", help="With --json: also where each value is written, which people always see.")
    ] = False,
) -> None:
    """Show where each crate and value of a host comes from; or with no host, what brings a crate to which hosts.

    Answers for what the server has in force, or with --repo for a repository as it stands here.
    """
    one_source(repo, rev, as_of)
    if not host:
        found = _inverse(client, repo, rev, as_of, configcrate, usercrate, include_tree=include_tree)
        if json_:
            output.emit_json(found)
        else:
            _show_inverse(found)
        return
    if usercrate or include_tree:
        raise typer.BadParameter("--usercrate and --include-tree go without HOST")
    shown = places or not json_
    if repo is None:
        found = client.get(
            "/api/v1/config/trace",
            hostname=host,
            configcrate=configcrate,
            places="true" if shown else None,
            asOf=as_of,
        )
        if configcrate and found["matched"] and not found.get("configcrates"):
            crates.note_unless_served(client, configcrate, as_of)
    else:
        from reconciler import graph

        compiled = local.compiled(local.open_tree(repo, rev=rev), repo)
        if configcrate:
            crates.note_unless_known(configcrate, compiled.crates)
        traced = graph.trace(compiled, host, configcrate=configcrate, places=shown)
        found = (traced if shown else traced.without_places()).model_dump(mode="json", exclude_none=True)
    if json_:
        output.emit_json(found)
    else:
        _show(found)


def _inverse(
    client: Client,
    repo: Path | None,
    rev: str | None,
    as_of: str | None,
    configcrate: str | None,
    usercrate: str | None,
    *,
    include_tree: bool,
) -> dict[str, Any]:
    name = configcrate or usercrate
    if not name or (configcrate and usercrate):
        raise typer.BadParameter("name a HOST, or one --configcrate or --usercrate")
    subject: Literal["configcrate", "usercrate"] = "configcrate" if configcrate else "usercrate"
    if repo is None:
        asked = {subject: name, "include_tree": "true" if include_tree else None, "asOf": as_of}
        found: dict[str, Any] = client.get("/api/v1/config/trace", **asked)
        return found
    from reconciler import graph
    from reconciler.documents.complaints import nearest
    from schema.traces import InverseTrace

    compiled = local.compiled(local.open_tree(repo, rev=rev), repo)
    carried = graph.carriers(compiled, subject, name)
    if carried is None:
        known = compiled.crates if subject == "configcrate" else compiled.usercrates
        raise Problem(f"there is no {subject} {name}", hint=nearest(name, known))
    # Nobody is enrolled in a repository: what there is to say is said of match blocks.
    refs = graph.tree_refs(compiled, carried)
    answer = InverseTrace(subject=subject, value=name, include_tree=True, envoys=[], tree_refs=refs)
    return answer.model_dump(mode="json")


def _show_inverse(found: dict[str, Any]) -> None:
    header = ("environment", "from")
    rows = [(each["hostname"], each["match"], each["environment"], each["carrier"]) for each in found["envoys"]]
    refs = found.get("tree_refs") or ()
    if rows or not refs:
        output.table(("host", "match", *header), rows, empty=f"no enrolled host has {output.visible(found['value'])}")
    if rows and refs:
        output.line()
    if refs:
        unmet = [(each["match"], each["environment"], each["carrier"]) for each in refs]
        output.table(("match block, no host enrolled", *header), unmet, empty="")


def _show(found: dict[str, Any]) -> None:
    name = output.visible(found["hostname"])
    if not found["matched"]:
        output.line(f"{name}: no match block applies")
        return
    output.line(name, tone="bold")
    output.fields(
        (
            ("matched", f"{found['match_pattern']} ({found['pattern_type']})"),
            ("environment", found.get("environment") or "none"),
            ("roles", ", ".join(found.get("roles") or ()) or "none"),
            ("resources", found.get("resource_count", 0)),
        )
    )
    for expansion in found.get("role_expansion") or ():
        includes = f" includes {', '.join(expansion['includes'])};" if expansion["includes"] else ""
        brings = ", ".join(expansion["configcrates"])
        output.line(output.visible(f"role {expansion['role']}:{includes} brings {brings or 'no crate'}"))
    output.line()
    sources = found.get("configcrate_sources") or {}
    output.table(
        ("crate", "from"),
        [(crate, sources.get(crate, "")) for crate in found.get("configcrates") or ()],
        empty="no crates",
    )
    output.line()
    if users := found.get("usercrate_sources"):
        output.table(("usercrate, for each user", "from"), list(users.items()), empty="")
        output.line()
    output.table(
        ("var", "value", "from", "written at"),
        [(var["key"], _short(var["value"]), var["source"], _place(var.get("place"))) for var in found["var_sources"]],
        empty="no vars",
    )


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= LONGEST_VALUE else text[: LONGEST_VALUE - 1] + "…"


def _place(place: dict[str, Any] | None) -> str:
    return f"{place['file']}:{place['line']}:{place['column']}" if place else ""
