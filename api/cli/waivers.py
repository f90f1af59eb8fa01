"""`vigo waivers`: exceptions to controls, added to the config repository."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli import publishes
from api.cli.client import Client, connected
from api.cli.options import Json

app = typer.Typer(no_args_is_help=True, help="Exceptions to controls, recorded in the config repository.")


@app.callback()
def _group() -> None:
    """Keep `add` a command of its own."""


@app.command()
@connected
def add(
    client: Client,
    *,
    framework: Annotated[str, typer.Option(metavar="NAME", help="The framework, as compliance.vgo spells it.")],
    control: Annotated[str, typer.Option(metavar="ID", help="The control that is waived.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why.")],
    approved_by: Annotated[str, typer.Option(metavar="WHO", help="Who approved it.")],
    expires: Annotated[str, typer.Option(metavar="DAY", help="When it ends: 2026-12-31, or an RFC 3339 time.")],
    starts: Annotated[str | None, typer.Option(metavar="DAY", help="When it begins; now when not said.")] = None,
    risk: Annotated[str | None, typer.Option(metavar="WORD", help="low, medium or high.")] = None,
    match: Annotated[
        str | None, typer.Option(metavar="PATTERN", help="Hosts it holds for, as in a match block.")
    ] = None,
    evidence: Annotated[list[str] | None, typer.Option(metavar="URL", help="What shows it; may be repeated.")] = None,
    dir_: Annotated[str, typer.Option("--dir", metavar="DIR", help="The directory it holds for; by default all.")] = "",
    propose: publishes.Propose = False,
    json_: Json = False,
) -> None:
    """Waive a control until a day, by a signed commit that adds it to waivers.vgo.

    Ends 1 when that commit is not in force within 30 s.
    """
    given = {"starts": starts, "risk": risk, "match": match, "evidence": evidence or None}
    body = {
        "framework": framework,
        "control": control,
        "reason": reason,
        "approved_by": approved_by,
        "expires": expires,
        "dir": dir_,
        "propose": propose,
    } | {word: value for word, value in given.items() if value is not None}
    publishes.show(client.post("/api/v1/waivers", body), json_=json_)
