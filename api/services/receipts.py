"""Receipts: checked as they come with their reports, and kept in the order they came.

A receipt that is not what it should be never keeps its report from being stored: that came over the envoy's own
certificate. It is told in the audit log, for somebody to look at that host.
"""

from __future__ import annotations

from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from pydantic import ValidationError

from api.services import envoys
from api.services.work import Work
from api.storage import envoys as envoy_rows
from api.storage import receipts as rows
from schema import canonical
from schema.protocol.receipts import FIRST, MAX_RECEIPT_BYTES, Receipt, outcomes_digest
from schema.protocol.reports import Report
from schema.protocol.signed import Signed
from schema.protocol.signing import BadSignature, Domain, verify
from schema.receipts import MAX_PAGE, Receipts, ReceiptStanding

_FORGED: Final = "envoy.receipt_forged"
_FORKED: Final = "envoy.receipt_forked"


def keep(work: Work, envoy_id: str, report: Report) -> None:
    """Check and keep the receipt of a report that is being stored."""
    signed = report.receipt
    if signed is None or rows.is_known(work.session, envoy_id, signed.sha256):
        return
    receipt, why = _read(work, envoy_id, report, signed)
    if receipt is None:
        work.audit(_FORGED, "envoy", envoy_id, outcome="refused", payload={"report": report.id, "why": why})
        return
    last = rows.head(work.session, envoy_id)
    standing = _standing(last, receipt)
    if standing is ReceiptStanding.FORKED:
        payload = {"report": report.id, "number": receipt.number, "previous": receipt.previous}
        work.audit(_FORKED, "envoy", envoy_id, outcome="refused", payload=payload)
    rows.add(
        work.session,
        work.project_id,
        envoy_id,
        signed,
        place=1 if last is None else last.place + 1,
        number=receipt.number,
        standing=standing,
        received_at=work.now,
    )


def page(work: Work, key: str, *, before: int | None = None, limit: int = 50) -> Receipts:
    """The receipts of an envoy (id or hostname), the last that came first.

    Args:
        before: what `next_before` of a page said.

    Raises:
        envoys.EnvoyNotFound
    """
    limit = max(1, min(limit, MAX_PAGE))
    envoy = envoys.known(work, key)
    found = rows.page(work.session, work.project_id, envoy.id, before=before, limit=limit + 1)
    return Receipts(
        envoy_id=envoy.id,
        hostname=envoy.hostname,
        key=envoy.ed25519,
        receipts=[receipt for _, receipt in found[:limit]],
        next_before=found[limit - 1][0] if len(found) > limit else None,
    )


def _read(work: Work, envoy_id: str, report: Report, signed: Signed) -> tuple[Receipt | None, str]:
    """The receipt, if it is this envoy's and about this report; else why it is not."""
    if len(signed.body) > MAX_RECEIPT_BYTES:
        return None, "it is too long"
    envoy = envoy_rows.find(work.session, work.project_id, envoy_id)
    if envoy is None:
        return None, "its envoy is not known"
    try:
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(envoy.ed25519))
        receipt = Receipt.model_validate(canonical.loads(verify(key, Domain.RECEIPT, signed)))
    except (BadSignature, canonical.NotCanonical, ValidationError, ValueError) as error:
        return None, f"it cannot be read: {type(error).__name__}"
    said = (receipt.project, receipt.envoy_id, receipt.report_id, receipt.assignment_sha256, receipt.status)
    if said != (work.project_id, envoy_id, report.id, report.assignment_sha256, report.status.value):
        return None, "it is about something else"
    if receipt.outcomes_sha256 != outcomes_digest(report):
        return None, "the outcomes that it vouches for are not those of the report"
    return receipt, ""


def _standing(last: rows.Head | None, receipt: Receipt) -> ReceiptStanding:
    if last is None:
        first = receipt.number == 1 and receipt.previous == FIRST
        return ReceiptStanding.LINKED if first else ReceiptStanding.GAP
    if receipt.number == last.number + 1:
        return ReceiptStanding.LINKED if receipt.previous == last.sha256 else ReceiptStanding.FORKED
    return ReceiptStanding.GAP if receipt.number > last.number else ReceiptStanding.FORKED
