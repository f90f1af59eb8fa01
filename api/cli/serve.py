"""`vigo serve`: run the server until it is told to end."""

from __future__ import annotations

import gc
from pathlib import Path
from typing import Annotated, Any

import typer

from api.cli.exits import Problem


def serve(
    *,
    repo: Annotated[
        str | None, typer.Option(metavar="URL", help="The config repository: a path, or an https or ssh URL.")
    ] = None,
    track: Annotated[str | None, typer.Option(metavar="BRANCH", help="The branch that is desired state.")] = None,
    preview: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATTERN", help="Refs to look at beside it: pr/*, or in full refs/pull/*/head; repeatable."
        ),
    ] = None,
    data_dir: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Database, keys and certificates; made when not there.")
    ] = None,
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Where REST, GraphQL and web listen.")] = None,
    port: Annotated[int | None, typer.Option(help="Their port; 0 lets the system choose.")] = None,
    gateway_host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Where agents connect.")] = None,
    gateway_port: Annotated[int | None, typer.Option(help="The agents' port; 0 lets the system choose.")] = None,
    name: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name or address of this server, for its certificate; repeatable."),
    ] = None,
) -> None:
    """Run the server.

    An option beats its environment variable (VIGO_REPO, VIGO_DATA_DIR ...); docs/settings.md lists all settings.
    The first start makes the CA, the database and an administrator, and prints its password once.
    """
    from pydantic import ValidationError

    from api import app
    from api.settings import Settings

    given: dict[str, Any] = {
        "repo": repo,
        "track": track,
        "preview": preview or None,
        "data_dir": data_dir,
        "host": host,
        "port": port,
        "gateway_host": gateway_host,
        "gateway_port": gateway_port,
        "names": name or None,
    }
    try:
        settings = Settings(**{key: value for key, value in given.items() if value is not None})
    except ValidationError as error:
        wrong = [f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors(include_input=False)]
        raise Problem("\n".join(wrong), hint="docs/settings.md says what each setting takes") from error
    gc.enable()
    app.serve(settings)
