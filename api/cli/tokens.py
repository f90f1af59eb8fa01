"""`vigo tokens`: API tokens, each owned by a user."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli import output
from api.cli.client import Client, connected, segment
from api.cli.options import Json

app = typer.Typer(no_args_is_help=True, help="API tokens, each owned by a user.")


@app.command()
@connected
def create(
    client: Client,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What it is for.")],
    *,
    expires_in: Annotated[
        str | None, typer.Option(metavar="DURATION", help="How long it lives: 720h, 90d; at most 365d.")
    ] = None,
    user: Annotated[
        str | None, typer.Option(metavar="USERNAME", help="As local administrator: whose it is to be.")
    ] = None,
    json_: Json = False,
) -> None:
    """Make a token for the API. Its text is printed once and kept nowhere."""
    optional = {"expires_in": expires_in, "user": user}
    body = {"name": name} | {key: value for key, value in optional.items() if value is not None}
    found = client.post("/api/v1/auth/tokens", body)
    if json_:
        output.emit_json(found)
        return
    output.line(found["token"])
    output.note(f"{found['id']}, expires {found['expires_at']}; it is not shown again")


@app.command("list")
@connected
def list_(client: Client, *, json_: Json = False) -> None:
    """List your tokens, newest first; never their text."""
    found = client.get("/api/v1/auth/tokens")
    if json_:
        output.emit_json(found)
        return
    output.table(
        ("id", "name", "user", "made", "expires", "revoked"),
        [
            (
                item["id"],
                item["name"],
                item["user"],
                output.when(item["created_at"]),
                output.when(item["expires_at"]),
                item["revoked"],
            )
            for item in found["tokens"]
        ],
        empty="no tokens",
    )


@app.command()
@connected
def revoke(client: Client, token: Annotated[str, typer.Argument(metavar="ID", help="The token's id.")]) -> None:
    """Revoke a token: its next use is refused."""
    client.delete(f"/api/v1/auth/tokens/{segment(token)}")
    output.line(f"{output.visible(token)} is revoked")
