"""Writes over HTTP: the status of an answer to a change of configuration, and the header that lets one be retried."""

from __future__ import annotations

from typing import Final

from api.http.areas import Call
from api.services.changes import NotInForce
from schema.changes import WriteStatus, Written

KEY: Final = "idempotency-key"
"""Whoever asks again under the same one gets the outcome of the first time."""


def answered(call: Call, written: Written) -> Written:
    """The same, with 202 where it goes on or waits for a review.

    Raises:
        NotInForce: it is committed, and does not come into force.
    """
    if written.status is WriteStatus.FAILED:
        raise NotInForce(
            f"commit {(written.commit or '')[:12]} does not come into force: {written.message}",
            commit=written.commit,
            branch=written.branch,
            change_id=written.change_id,
        )
    if written.status in {WriteStatus.ACCEPTED, WriteStatus.PROPOSED}:
        call.status = 202
    return written
