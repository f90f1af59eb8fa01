"""Faults: their kind says what happens next, their details are kept, their message holds no secret by itself."""

from __future__ import annotations

import pytest

from schema.errors import (
    Conflict,
    Exhausted,
    Fault,
    Forbidden,
    Invalid,
    Next,
    NotFound,
    Stalled,
    Unauthenticated,
    Unavailable,
)


@pytest.mark.parametrize(
    ("kind", "status", "code", "following"),
    [
        (Invalid, 400, "invalid", Next.NEVER),
        (Unauthenticated, 401, "unauthenticated", Next.NEVER),
        (Forbidden, 403, "forbidden", Next.NEVER),
        (NotFound, 404, "not_found", Next.NEVER),
        (Conflict, 409, "conflict", Next.NEVER),
        (Stalled, 409, "stalled", Next.ON_COMMIT),
        (Exhausted, 429, "exhausted", Next.AFTER),
        (Unavailable, 503, "unavailable", Next.BACK_OFF),
    ],
)
def test_a_kind_of_fault_says_what_went_wrong_and_what_happens_next(
    kind: type[Fault], status: int, code: str, following: Next
) -> None:
    fault = kind("It is so.", resource="x", count=3)
    assert (fault.status, fault.code, fault.next) == (status, code, following)
    assert (fault.message, str(fault)) == ("It is so.", "It is so.")
    assert dict(fault.details) == {"resource": "x", "count": 3}
    assert isinstance(fault, Fault)


def test_an_exhausted_limit_says_when_to_come_back() -> None:
    assert Exhausted("Too many.", retry_after_s=7.5).retry_after_s == 7.5
    assert Exhausted("Too many.").retry_after_s == 1.0


def test_a_concrete_fault_is_a_fact_with_a_code_of_its_own() -> None:
    class AlertClosed(Conflict):
        """The alert was closed already."""

        code = "alerts.closed"

    fault = AlertClosed("Closed.")
    assert (fault.code, fault.status, fault.next) == ("alerts.closed", 409, Next.NEVER)
