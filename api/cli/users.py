"""`vigo users`: accounts and their roles."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli import output, typed
from api.cli.client import Client, connected
from api.cli.options import Json
from schema.access import Role

app = typer.Typer(no_args_is_help=True, help="Accounts and their roles.")


@app.command("list")
@connected
def list_(client: Client, *, json_: Json = False) -> None:
    """List accounts."""
    found = client.get("/api/v1/users")
    if json_:
        output.emit_json(found)
        return
    output.table(
        ("username", "role", "name", "disabled", "made"),
        [
            (
                user["username"],
                user["role"],
                user.get("display_name"),
                user.get("disabled"),
                output.when(user["created_at"]),
            )
            for user in found["users"]
        ],
    )


@app.command()
@connected
def create(
    client: Client,
    username: Annotated[str, typer.Argument(metavar="NAME", help="Its user name.")],
    *,
    role: Annotated[Role, typer.Option(help="What it may do: docs/permissions.md.")] = Role.VIEWER,
    display_name: Annotated[str, typer.Option("--name", metavar="TEXT", help="The person's name.")] = "",
    email: Annotated[str, typer.Option(metavar="ADDRESS", help="The person's address.")] = "",
    json_: Json = False,
) -> None:
    """Make an account. The password is asked for, or read from standard input in a pipe.

    Ends 3 when the name is taken.
    """
    body = {
        "username": username,
        "password": typed.secret("password", confirm=True),
        "role": role.value,
        "display_name": display_name,
        "email": email,
    }
    found = client.post("/api/v1/users", body)
    if json_:
        output.emit_json(found)
    else:
        output.line(output.visible(f"{found['username']} is {found['role']}"))
