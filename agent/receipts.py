"""Receipts: each report that is kept is vouched for under the host's own key, and names the receipt before it.

The end of the chain is written down before the report is handed on: after a crash between the two a number is missing,
which can be told from a lost report by nobody, but no number is ever given twice.
"""

from __future__ import annotations

import logging
from functools import cached_property
from typing import TYPE_CHECKING, Final

from pydantic import BaseModel, ConfigDict

from agent.state import State
from schema import canonical
from schema.protocol.receipts import FIRST, Receipt, outcomes_digest
from schema.protocol.reports import Report

if TYPE_CHECKING:
    from schema.protocol.signing import Signer

FILE: Final = "receipt.json"

_log: Final = logging.getLogger("vigo.receipts")


class Head(BaseModel):
    """The newest receipt."""

    model_config = ConfigDict(defer_build=True)

    envoy_id: str
    number: int
    sha256: str


class Receipts:
    """The chain of one envoy."""

    def __init__(self, state: State, *, project: str, envoy_id: str) -> None:
        self._state: Final = state
        self._project: Final = project
        self._envoy_id: Final = envoy_id
        head = state.read_model(FILE, Head)
        # An envoy that was enrolled anew is another one, with a chain of its own.
        self._head = (
            head if head is not None and head.envoy_id == envoy_id else Head(envoy_id=envoy_id, number=0, sha256=FIRST)
        )

    def vouch(self, report: Report) -> Report:
        """The report with its receipt; without one where that could not be written down."""
        from schema.protocol.signing import Domain

        receipt = Receipt(
            project=self._project,
            envoy_id=self._envoy_id,
            number=self._head.number + 1,
            previous=self._head.sha256,
            report_id=report.id,
            commit=report.commit,
            epoch=report.epoch,
            generation=report.generation,
            assignment_sha256=report.assignment_sha256,
            catalog_sha256=report.catalog_sha256,
            status=report.status.value,
            finished=report.finished,
            outcomes_sha256=outcomes_digest(report),
        )
        signed = self._signer.sign(Domain.RECEIPT, canonical.dumps_plain(receipt.model_dump(mode="json")))
        head = Head(envoy_id=self._envoy_id, number=receipt.number, sha256=signed.sha256)
        try:
            self._state.write_model(FILE, head)
        except OSError as error:
            _log.warning("the report goes without a receipt: %s", error.strerror or error)
            return report
        self._head = head
        return report.model_copy(update={"receipt": signed})

    @cached_property
    def _signer(self) -> Signer:
        from agent import keys
        from schema.protocol.signing import Signer

        return Signer(keys.receipts(self._state.file("ed25519.key")))
