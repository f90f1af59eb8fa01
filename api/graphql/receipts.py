"""Receipts: what hosts vouched for under their own keys."""

from __future__ import annotations

from typing import Annotated

import strawberry

from api.graphql.context import Info, guarded
from api.graphql.paging import After, BadPage, First, cursor, page_size, position
from api.graphql.scalars import Long, Time
from api.graphql.shown import shown
from api.services import receipts
from schema.access import Permission
from schema.receipts import KeptReceipt, ReceiptStanding

strawberry.enum(ReceiptStanding)


Key = Annotated[str, strawberry.argument(description="An envoy's hostname, or its id.")]


@shown(KeptReceipt, name="Receipt")
class ReceiptType:
    number: Long
    sha256: str
    standing: ReceiptStanding
    received_at: Time
    body: str = strawberry.field(description="Canonical JSON, as it was signed.")
    signature: str = strawberry.field(description="Ed25519 over `vigo-receipt-v1`, a newline and the body; base64.")


@strawberry.type(name="ReceiptPage", description="Receipts of one host, the last that came first.")
class ReceiptPageType:
    hostname: str = strawberry.field(description="The host's name, as its enrolment token gave it.")
    key: str = strawberry.field(description="Hex of the host's Ed25519 key.")
    nodes: list[ReceiptType] = strawberry.field(description="Of this page.")
    end_cursor: str | None = strawberry.field(description="Give it as `after` for older ones; null at the end.")


@strawberry.type
class ReceiptQueries:
    """Root fields of receipts."""

    @guarded(Permission.FLEET_READ)
    def receipts(self, info: Info, envoy: Key, first: First = 50, after: After = None) -> ReceiptPageType:
        """What a host (hostname or id) vouched for: its receipts, each naming the one before it."""
        mark = position(after)
        if mark is not None and not mark.isdecimal():
            raise BadPage("`after` is no cursor of receipts")
        before = None if mark is None else int(mark)
        found = receipts.page(info.context.work, envoy, before=before, limit=page_size(first))
        nodes = [
            ReceiptType(
                number=each.number,
                sha256=each.sha256,
                standing=each.standing,
                received_at=each.received_at,
                body=each.receipt.body,
                signature=each.receipt.signature,
            )
            for each in found.receipts
        ]
        end = None if found.next_before is None else cursor(str(found.next_before))
        return ReceiptPageType(hostname=found.hostname, key=found.key, nodes=nodes, end_cursor=end)
