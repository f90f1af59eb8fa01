"""Receipts: checked as they come with their reports, and kept in the order they came.

A receipt that is not what it should be never keeps its report from being stored: that came over the envoy's own
certificate. It is told in the audit log, for somebody to look at that host.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from pydantic import ValidationError

from api.services import envoys, vouching
from api.services.work import Actor, Work
from api.storage import receipts as rows
from schema import canonical
from schema.protocol.receipts import FIRST, MAX_RECEIPT_BYTES, Receipt
from schema.protocol.reports import Report
from schema.protocol.signed import Signed
from schema.protocol.signing import BadSignature, Domain
from schema.receipts import MAX_PAGE, Receipts, ReceiptStanding

_FORGED: Final = "envoy.receipt_forged"
_FORKED: Final = "envoy.receipt_forked"


@dataclass(frozen=True, slots=True)
class Checked:
    """The receipt of a report, as far as it can be judged without those before it."""

    actor: Actor
    """The envoy."""
    report_id: str
    signed: Signed
    receipt: Receipt | None
    why: str
    """What is wrong with it, where there is no receipt."""


def check(actor: Actor, report: Report, key: str) -> Checked | None:
    """The receipt that came with an envoy's report, held against the report and the envoy's key; None without one.

    Args:
        key: hex of the envoy's Ed25519 key; empty when it is not known.
    """
    signed = report.receipt
    if signed is None:
        return None
    receipt, why = _read(actor, report, signed, key)
    return Checked(actor, report.id, signed, receipt, why)


def keep(work: Work, receipts: Sequence[Checked]) -> None:
    """Keep the receipts of reports that are being stored, in this order."""
    if not receipts:
        return
    known = rows.known(work.session, [(one.actor.id, one.signed.sha256) for one in receipts])
    heads = rows.heads(work.session, list({one.actor.id for one in receipts}))
    kept: list[rows.Fresh] = []
    for one in receipts:
        envoy_id, digest = one.actor.id, one.signed.sha256
        if (envoy_id, digest) in known:
            continue
        known.add((envoy_id, digest))
        if one.receipt is None:
            payload: dict[str, Any] = {"report": one.report_id, "why": one.why}
            work.acting_as(one.actor).audit(_FORGED, "envoy", envoy_id, outcome="refused", payload=payload)
            continue
        last = heads.get(envoy_id)
        standing = _standing(last, one.receipt)
        number, previous = one.receipt.number, one.receipt.previous
        if standing is ReceiptStanding.FORKED:
            payload = {"report": one.report_id, "number": number, "previous": previous}
            work.acting_as(one.actor).audit(_FORKED, "envoy", envoy_id, outcome="refused", payload=payload)
        place = 1 if last is None else last.place + 1
        heads[envoy_id] = rows.Head(place, number, digest)
        kept.append(rows.Fresh(envoy_id, place, number, digest, standing, work.now, one.signed))
    rows.add(work.session, work.project_id, kept)


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


def _read(actor: Actor, report: Report, signed: Signed, key: str) -> tuple[Receipt | None, str]:
    """The receipt, if it is this envoy's and about this report; else why it is not."""
    if len(signed.body) > MAX_RECEIPT_BYTES:
        return None, "it is too long"
    if not key:
        return None, "its envoy is not known"
    try:
        receipt = vouching.receipt(vouching.signed_body(bytes.fromhex(key), Domain.RECEIPT, signed))
    except (BadSignature, canonical.NotCanonical, ValidationError, ValueError) as error:
        return None, f"it cannot be read: {type(error).__name__}"
    said = (receipt.project, receipt.envoy_id, receipt.report_id, receipt.assignment_sha256, receipt.status)
    if said != (actor.project_id, actor.id, report.id, report.assignment_sha256, report.status.value):
        return None, "it is about something else"
    if receipt.outcomes_sha256 != vouching.outcomes(report):
        return None, "the outcomes that it vouches for are not those of the report"
    return receipt, ""


def _standing(last: rows.Head | None, receipt: Receipt) -> ReceiptStanding:
    if last is None:
        first = receipt.number == 1 and receipt.previous == FIRST
        return ReceiptStanding.LINKED if first else ReceiptStanding.GAP
    if receipt.number == last.number + 1:
        return ReceiptStanding.LINKED if receipt.previous == last.sha256 else ReceiptStanding.FORKED
    return ReceiptStanding.GAP if receipt.number > last.number else ReceiptStanding.FORKED
