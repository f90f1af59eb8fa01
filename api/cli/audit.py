"""`vigo audit`: who did what, and whether the record is whole."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from api.cli import output
from api.cli.client import Client, connected
from api.cli.exits import Exit
from api.cli.options import Json

app = typer.Typer(no_args_is_help=True, help="Who did what: list it, verify it, take it along.")

PAGE: Final = 200
MAX_PDF_ENTRIES: Final = 20_000

Since = Annotated[str | None, typer.Option(metavar="WHEN", help="24h, 7d, or 2026-03-13T14:30:00Z.")]
Operator = Annotated[str | None, typer.Option(metavar="NAME", help="Only what this one did.")]
Type = Annotated[str | None, typer.Option("--type", metavar="ACTION", help="Only this action: user.create.")]


@app.command("list")
@connected
def list_(
    client: Client,
    *,
    since: Since = None,
    operator: Operator = None,
    kind: Type = None,
    limit: Annotated[int, typer.Option(min=1, max=PAGE, help="How many.")] = 50,
    json_: Json = False,
) -> None:
    """List audit entries, newest first."""
    found = client.get("/api/v1/audit", since=since, operator=operator, type=kind, limit=limit)
    if json_:
        output.emit_json(found)
        return
    output.table(
        ("#", "time", "who", "what", "outcome"),
        [
            (item["index"], output.when(item["timestamp"]), item["operator"], item["summary"], item["outcome"])
            for item in found["events"]
        ],
        empty="no entries",
    )


@app.command()
@connected
def verify(client: Client, *, json_: Json = False) -> None:
    """Verify the whole hash chain on the server. Ends 1 when it is broken."""
    found = client.get("/api/v1/audit/verify")
    if json_:
        output.emit_json(found)
    else:
        output.line(output.visible(_verdict(found)), tone="pass" if found["valid"] else "fail")
    if not found["valid"]:
        raise typer.Exit(Exit.ERROR)


@app.command()
@connected
def export(
    client: Client,
    *,
    pdf: Annotated[Path, typer.Option(metavar="FILE", help="Write a PDF here.")],
    since: Since = None,
    operator: Operator = None,
    kind: Type = None,
) -> None:
    """Write the audit entries and the verdict on their chain as a PDF, newest first."""
    from api.cli import pdf as document

    write = document.writer()
    verdict = client.get("/api/v1/audit/verify")
    entries = list(_all(client, since=since, operator=operator, type=kind))
    notes: list[tuple[str, bool | None]] = [
        (_verdict(verdict), bool(verdict["valid"])),
        (f"{client.access.server}, {datetime.now(UTC):%Y-%m-%d %H:%M:%S} UTC, {len(entries)} entries", None),
    ]
    if len(entries) == MAX_PDF_ENTRIES:
        notes.append((f"Only the newest {MAX_PDF_ENTRIES} entries are here; --since asks for fewer.", False))
    rows = [
        tuple(
            output.visible(text)
            for text in (
                item["index"],
                item["timestamp"],
                item["operator"],
                item["summary"],
                item["outcome"],
                item["hash"][:16],
            )
        )
        for item in entries
    ]
    columns = ("#", "time", "who", "what", "outcome", "hash")
    data = write(document.page("Vigo audit log", notes, columns, rows))
    pdf.write_bytes(data)
    output.line(f"{output.visible(pdf)}: {len(entries)} entries, {len(data)} bytes")


def _all(client: Client, **query: str | None) -> Iterator[dict[str, Any]]:
    before: int | None = None
    for _ in range(MAX_PDF_ENTRIES // PAGE):
        found = client.get("/api/v1/audit", **query, before=before, limit=PAGE)["events"]
        yield from found
        if len(found) < PAGE:
            return
        before = found[-1]["index"]


def _verdict(found: dict[str, Any]) -> str:
    if found["valid"]:
        return f"The chain is whole: {found['entry_count']} entries."
    return f"The chain is BROKEN at entry {found['first_broken']}: {found['error']}"
