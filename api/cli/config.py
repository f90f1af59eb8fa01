"""`vigo config`: what the server has in force."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli import output
from api.cli.client import Client, connected
from api.cli.exits import Exit, Problem

app = typer.Typer(no_args_is_help=True, help="What the server has in force, and why a newer commit is not.")

Json = Annotated[bool, typer.Option("--json", help="Print the API's JSON.")]


@app.command()
@connected
def status(client: Client, *, json_: Json = False) -> None:
    """Show which commit is in force, and what is wrong with a newer one.

    Ends 2 when the newest commit is not valid.
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
                ("since", found["last_reload_at"] or "never"),
            )
        )
        if not found["healthy"]:
            output.line(
                f"\n{output.visible(found.get('failed_commit') or 'no commit')} is not in force:", tone="failed"
            )
            if not found.get("diagnostics"):  # else they say it, each with its hint
                output.line(output.visible(found["last_error"], lines=True))
        for item in found.get("diagnostics") or ():
            place = f"{item['file']}:{item['line']}:{item['column']}: {item['severity']}[{item['code']}]"
            output.line(output.visible(f"{place}: {item['message']}"))
            if item.get("hint"):
                output.line(output.visible(f"     = hint: {item['hint']}"))
    if not found["healthy"]:
        raise typer.Exit(Exit.INVALID)


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
