"""`vigo receipts`: what a host vouched for, checked here with its key."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from api.cli import output
from api.cli.client import Client, connected
from api.cli.exits import Exit
from api.cli.options import Json


@connected
def receipts(
    client: Client,
    host: Annotated[str, typer.Argument(metavar="HOST", help="Hostname or id of the envoy.")],
    *,
    limit: Annotated[int, typer.Option(min=1, max=200, help="How many.")] = 50,
    json_: Json = False,
) -> None:
    """What a host vouched for, newest first: each receipt's signature and link are checked here, not by the server."""
    found = client.get("/api/v1/receipts", hostname=host, limit=limit)
    verdicts = _checked(found)
    if json_:
        rows = zip(found["receipts"], verdicts, strict=True)
        output.emit_json({**found, "receipts": [{**each, "checked": verdict or "ok"} for each, verdict in rows]})
    else:
        output.table(
            ("number", "received", "status", "commit", "standing", "checked"),
            [_row(each, verdict) for each, verdict in zip(found["receipts"], verdicts, strict=True)],
            empty="no receipts yet",
        )
    if any(verdicts):
        raise typer.Exit(Exit.ERROR)


def _checked(found: dict[str, Any]) -> list[str]:
    """What is wrong with each receipt; empty where nothing is."""
    from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

    from schema.protocol.signed import Signed
    from schema.protocol.signing import BadSignature, Domain, verify

    key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(found["key"]))
    said = []
    for each in found["receipts"]:
        signed = Signed.model_validate(each["receipt"])
        try:
            verify(key, Domain.RECEIPT, signed)
            said.append("" if signed.sha256 == each["sha256"] else "its digest is another")
        except BadSignature as error:
            said.append(str(error))
    return said


def _row(each: dict[str, Any], verdict: str) -> tuple[object, ...]:
    import json

    body = json.loads(each["receipt"]["body"])
    return (
        each["number"],
        output.when(each["received_at"]),
        body["status"],
        body["commit"][:12],
        each["standing"],
        verdict or "ok",
    )
