"""`vigo changes`: what the server committed for those who asked it to."""

from __future__ import annotations

from typing import Annotated, Any
from urllib.parse import quote

import typer

from api.cli import output
from api.cli.client import Client, connected
from api.cli.options import Json

app = typer.Typer(no_args_is_help=True, help="What the server committed to the config repository, and for whom.")


@app.command("list")
@connected
def list_changes(
    client: Client,
    *,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 50,
    json_: Json = False,
) -> None:
    """List what the server was asked to commit, newest first."""
    found = client.get("/api/v1/changes", limit=limit)
    if json_:
        output.emit_json(found)
        return
    output.table(
        ("id", "when", "state", "by", "commit", "branch", "summary"),
        [
            (
                each["id"],
                output.when(each["created_at"]),
                each["state"],
                each["actor"],
                each["commit"][:12],
                each["branch"],
                each["summary"],
            )
            for each in found["changes"]
        ],
        empty="nothing was ever asked for",
    )


@app.command()
@connected
def show(
    client: Client,
    change: Annotated[str, typer.Argument(metavar="ID", help="Of the change.")],
    *,
    json_: Json = False,
) -> None:
    """Show one change: who, why, where, and whether it is in the repository."""
    found = client.get(f"/api/v1/changes/{quote(change, safe='')}")
    if json_:
        output.emit_json(found)
        return
    shown = [(word, found[word]) for word in _SHOWN if found.get(word)]
    output.fields((*shown, ("paths", ", ".join(found["paths"]) + _more(found))))


_SHOWN = ("id", "kind", "state", "summary", "reason", "actor", "author", "commit", "base", "branch", "message")


def _more(found: dict[str, Any]) -> str:
    left = found["path_count"] - len(found["paths"])
    return f" and {left} more" if left else ""
