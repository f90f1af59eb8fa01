"""`vigo config`: what the server has in force, and how that, or a repository here, is built."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from api.cli import crates, holds, local, output, publishes, retractions
from api.cli.client import Client, connected
from api.cli.exits import Exit, Problem
from api.cli.options import AsOf, Json, Repo, Rev, one_source, whole_commit

if TYPE_CHECKING:
    from pydantic import BaseModel

    from reconciler.graph import Graph

app = typer.Typer(no_args_is_help=True, help="What the server has in force, and why a newer commit is not.")
for _command in (publishes.publishes, publishes.versions, publishes.rollback, publishes.promote, publishes.signer):
    app.command()(_command)
app.command()(retractions.retract)
app.command()(holds.freeze)
app.command()(holds.unfreeze)


@app.command()
@connected
def status(client: Client, *, json_: Json = False) -> None:
    """Show which commit is in force, and what is wrong with a newer one.

    Ends 2 when the newest commit is not valid, 1 when the repository cannot be read.
    """
    found = client.get("/api/v1/config/status")
    if json_:
        output.emit_json(found)
    else:
        output.fields(
            (
                ("healthy", "yes" if found["healthy"] else "no"),
                ("version", found["version"]),
                ("in force", found.get("commit") or "nothing yet"),
                ("last reload", output.when(found["last_reload_at"]) or "never"),
                ("signatures", found.get("signatures") or "unknown"),
            )
        )
        holds.show(found.get("holds") or [])
        if found.get("unreadable"):
            output.line("\n" + output.visible(found["unreadable"]), tone="failed")
            output.line("what is in force stays; `vigo sources` says more")
        if not found["healthy"] and (found.get("failed_commit") or not found.get("unreadable")):
            failed = found.get("failed_commit")
            output.line(f"\n{output.visible(failed)} is not in force:" if failed else "", tone="failed")
            if not found.get("diagnostics"):  # else they say it, each with its hint
                output.line(output.visible(found["last_error"], lines=True))
        for item in found.get("diagnostics") or ():
            output.complaint(item)
    if not found["healthy"]:
        failed = found.get("failed_commit") or not found.get("unreadable")
        raise typer.Exit(Exit.INVALID if failed else Exit.ERROR)


@app.command()
@connected
def accept(
    client: Client,
    commit: Annotated[str, typer.Argument(metavar="COMMIT", help="All 40 digits.", callback=whole_commit)],
    *,
    reason: Annotated[str, typer.Option("--reason", help="Why; it stands in the audit log.")],
) -> None:
    """Take a commit that the tracked ref names although it does not descend from the one in force.

    It has to satisfy the policy for signatures all the same. Where two people are needed, another confirms it.
    """
    found = client.post("/api/v1/config/accept", {"commit": commit, "reason": reason})
    if found["status"] == "proposed":
        output.line(f"proposed: another person confirms it with `vigo signers confirm {found['proposal']['id']}`")
    else:
        output.line(f"{output.visible(commit[:12])} is accepted and comes into force if nothing else is wrong with it")


@app.command()
@connected
def reload(client: Client, *, json_: Json = False) -> None:
    """Make the server look at its repository now.

    Ends 2 when what it finds is not valid; the last good commit then stays in force.
    """
    found = client.post("/api/v1/config/reload", {})
    if json_:
        output.emit_json(found)
    else:
        output.line(f"{found['status']}: version {found['version']}, commit {found.get('commit') or 'none'}")
    if not found["healthy"]:
        raise Problem(found.get("last_error") or "not valid", hint="`vigo config status` has it all", exit=Exit.INVALID)


@app.command()
@connected
def tree(
    client: Client,
    *,
    under: Annotated[str, typer.Option(metavar="DIR", help="Start at this directory, not at the root.")] = "",
    repo: Repo = None,
    rev: Rev = None,
    as_of: AsOf = None,
    json_: Json = False,
) -> None:
    """Show what each directory hands on, and the match blocks in it, each with the crates in force there.

    Answers for what the server has in force, or with --repo for a repository as it stands here.
    """

    def here(graph: Graph) -> BaseModel:
        from reconciler import graph as graphs

        try:
            return graphs.tree(graph, under.strip("/"))
        except KeyError:
            raise Problem(f"there is no directory {under} with match blocks or a common.vgo") from None

    found = _answer(repo, rev, as_of, here) or client.get("/api/v1/config/tree", under=under or None, asOf=as_of)
    if json_:
        output.emit_json(found)
    else:
        _draw(found, "")


@app.command()
@connected
def search(
    client: Client,
    *,
    match: Annotated[str | None, typer.Option(metavar="GLOB", help="Of match patterns, as they are written.")] = None,
    configcrate: Annotated[
        str | None, typer.Option(metavar="NAME", help="Blocks whose hosts have this crate, wherever it comes from.")
    ] = None,
    var: Annotated[str | None, typer.Option(metavar="NAME", help="Blocks that define this var themselves.")] = None,
    repo: Repo = None,
    rev: Rev = None,
    as_of: AsOf = None,
    json_: Json = False,
) -> None:
    """Find match blocks by pattern, crate or var; of several, all must fit.

    Answers for what the server has in force, or with --repo for a repository as it stands here.
    """
    if not (match or configcrate or var):
        raise typer.BadParameter("give --match, --configcrate or --var")

    def here(graph: Graph) -> BaseModel:
        from reconciler import graph as graphs

        entries = graphs.search(graph, match=match or None, configcrate=configcrate or None, var=var or None)
        if configcrate:
            crates.note_unless_known(configcrate, graph.crates)
        return entries

    found = _answer(repo, rev, as_of, here)
    if found is None:
        found = client.get(
            "/api/v1/config/search", match=match or None, configcrate=configcrate or None, var=var or None, asOf=as_of
        )
        if configcrate and not found["entries"]:
            crates.note_unless_served(client, configcrate, as_of)
    if json_:
        output.emit_json(found)
        return
    output.table(
        ("match", "dir", "crates", "own vars"),
        [
            (entry["match"], entry["dir"] or ".", ", ".join(entry["total"]), ", ".join(entry["vars"]))
            for entry in found["entries"]
        ],
        empty="no match block fits",
    )
    _note_left_out(found, "match blocks")


@app.command()
@connected
def dedup(client: Client, *, repo: Repo = None, rev: Rev = None, as_of: AsOf = None, json_: Json = False) -> None:
    """List files that say the same as others of their kind, byte by byte or in meaning.

    Answers for what the server has in force, or with --repo for a repository as it stands here.
    """

    def here(graph: Graph) -> BaseModel:
        from reconciler import graph as graphs

        return graphs.dedup(graph)

    found = _answer(repo, rev, as_of, here) or client.get("/api/v1/config/dedup", asOf=as_of)
    if json_:
        output.emit_json(found)
        return
    if not found["groups"]:
        output.note("no two files say the same")
    for group in found["groups"]:
        output.line(f"{group['kind']}: {group['count']} files, the same {group['same']}", tone="bold")
        for path in group["paths"]:
            output.line(output.visible(f"  {path}"))
        if group["count"] > len(group["paths"]):
            output.line(f"  and {group['count'] - len(group['paths'])} more")
    _note_left_out(found, "groups")


def _answer(
    repo: Path | None, rev: str | None, as_of: str | None, ask: Callable[[Graph], BaseModel]
) -> dict[str, Any] | None:
    """What a repository here answers; None when the server is to be asked."""
    one_source(repo, rev, as_of)
    if repo is None:
        return None
    return ask(local.compiled(local.open_tree(repo, rev=rev))).model_dump(mode="json")


def _draw(node: dict[str, Any], indent: str) -> None:
    crates = ", ".join(node["total"]) or "no crates"
    less = f"; less {', '.join(node['excluded'])}" if node["excluded"] else ""
    name = f"{node['match']}  ({node['file']})" if node["match"] else f"{node['dir'] or '.'}/"
    output.line(output.visible(f"{indent}{name}: {crates}{less}"), tone=None if node["match"] else "bold")
    for child in node["children"]:
        _draw(child, indent + "  ")
    if node.get("left_out"):
        output.line(f"{indent}  and {node['left_out']} more; --under shows them")


def _note_left_out(found: dict[str, Any], what: str) -> None:
    if found.get("left_out"):
        output.note(f"{found['left_out']} more {what} are not listed")
