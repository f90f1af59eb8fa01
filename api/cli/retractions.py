"""`vigo config retract`: the crate that takes back what a crate did."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from api.cli import output
from api.cli.client import Client, connected
from api.cli.exits import Problem
from api.cli.options import Json


@connected
def retract(
    client: Client,
    crates: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="Files of crates, as they are or were: `git show` has them.")
    ],
    *,
    json_: Json = False,
) -> None:
    """Write the crate that takes back what a crate did to its hosts, with how sure each reversal is.

    Prints it to standard output and what there is to know to standard error; nothing is committed.
    """
    asked = [{"name": path.stem, "content": _read(path)} for path in crates]
    found = client.post("/api/v1/config/retract", {"configcrates": asked})
    if json_:
        output.emit_json(found)
        return
    for result in found["results"]:
        output.note(f"{result['name']}: {len(result['envoys']) + (result.get('left_out') or 0)} hosts have or had it")
        for each in result["warnings"]:
            called = " ".join(word for word in (each["type"], each["resource"]) if word)
            output.note(output.visible(f"  {each['confidence']:>6}  {called}: {each['message']}"))
        if result["retract_yaml"]:
            output.line(output.visible(result["retract_yaml"].rstrip("\n"), lines=True))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise Problem(f"{path} cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise Problem(f"{path} is not UTF-8: {error}") from error
