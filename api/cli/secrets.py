"""`vigo secrets`: values that git only names."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli import output, typed
from api.cli.client import Client, connected, segment
from api.cli.options import Json

app = typer.Typer(no_args_is_help=True, help="Values that git only names, as `secret:path/name`.")

Name = Annotated[str, typer.Argument(metavar="NAME", help="As git names it, without `secret:`.")]


@app.command("set")
@connected
def set_(client: Client, name: Name) -> None:
    """Store a value: asked for, or read from standard input in a pipe. Never an argument.

    In a pipe the value is all of the input, less one newline at its end.
    """
    client.put(f"/api/v1/secrets/{_path(name)}", {"value": typed.secret(f"value of {name}", confirm=True)})
    output.line(f"{output.visible(name)} is set; the hosts whose configuration names it get it now")


@app.command("list")
@connected
def list_(client: Client, *, json_: Json = False) -> None:
    """List names, versions and times; never values."""
    found = client.get("/api/v1/secrets")
    if json_:
        output.emit_json(found)
        return
    output.table(
        ("name", "version", "set"),
        [(item["name"], item.get("version"), output.when(item.get("updated_at"))) for item in found["secrets"]],
        empty="no secrets",
    )


@app.command()
@connected
def delete(
    client: Client,
    name: Name,
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget a value. Hosts keep what they have; those that still name it get nothing new until it is set again."""
    if not yes:
        typer.confirm(f"forget {output.visible(name)}?", abort=True)
    client.delete(f"/api/v1/secrets/{_path(name)}")
    output.line(f"{output.visible(name)} is forgotten")


def _path(name: str) -> str:
    return "/".join(segment(part) for part in name.removeprefix("secret:").split("/"))
