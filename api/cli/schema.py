"""`vigo schema`: the language as JSON Schema, for editors and for whatever else writes `.vgo` files."""

from __future__ import annotations

from typing import Annotated

import typer

from api.cli import output
from api.cli.exits import Problem


def schema(
    kind: Annotated[
        str | None,
        typer.Argument(metavar="[KIND]", help="One kind of document: leaf, configcrate, roles ...", show_default=False),
    ] = None,
) -> None:
    """Print the JSON Schema (2020-12) of a kind of document, for editors.

    With no kind: of all, each with the glob of its files; a leaf is what no other glob takes.
    """
    from reconciler.documents import schemas
    from reconciler.documents.kinds import Kind

    if kind is None:
        output.emit_json({each.value: {"files": schemas.FILES[each], "schema": schemas.schema(each)} for each in Kind})
        return
    if kind not in list(Kind):
        raise Problem(f"there is no kind of document {kind}", hint=f"kinds: {', '.join(Kind)}")
    output.emit_json(schemas.schema(Kind(kind)))
