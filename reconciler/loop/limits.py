"""How much, how long, how often. Every queue and every wait of the loop is bounded by one of these."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from reconciler.rollout.terms import Patience
from schema.errors import Next

MAX_DOUBLINGS: Final = 30


@dataclass(frozen=True, slots=True)
class Limits:
    """Seconds and counts of one loop."""

    compile_s: float = 120.0
    """A commit that takes longer is a failed one; the next has its turn."""
    record_s: float = 30.0
    """How long putting in force and recording may take before they are tried again."""
    assign_s: float = 30.0
    push_s: float = 30.0
    acknowledge_s: float = 600.0
    """An envoy that has been handed an assignment and says nothing for this long is handed it again; then after twice
    as long, and so on. A first run may install packages for a quarter of an hour."""
    assigning: int = 512
    """So many are made in one transaction: of four times fewer, each takes a quarter more of the processor, and the
    disk is waited for four times as often."""
    pushing: int = 256
    retry_share: int = 4
    """One in so many places is for envoys that failed before; the others wait behind healthy ones."""
    back_off_s: float = 1.0
    back_off_cap_s: float = 60.0
    envoy_back_off_cap_s: float = 600.0
    rollouts: Patience = field(default_factory=Patience)
    pin_plan: bool = False
    """Whether an envoy also gets a new assignment when only the plan of the whole fleet has changed. Without it, a
    commit concerns those alone whose catalog it changes; a pinned host needs no more, since the proof is for the plan
    of its own assignment."""


def back_off_s(attempts: int, *, base_s: float, cap_s: float, random: Callable[[], float]) -> float:
    """How long to wait after so many failures in a row (from 1): full jitter, U(0, min(cap, base·2^(attempts-1))).

    Full jitter spreads a herd best of the usual forms (Brooker, "Exponential Backoff and Jitter", AWS, 2015).
    """
    return min(cap_s, base_s * 2.0 ** min(attempts - 1, MAX_DOUBLINGS)) * random()


def wait_s(
    kind: Next, retry_after_s: float | None, attempts: int, *, base_s: float, cap_s: float, random: Callable[[], float]
) -> float | None:
    """How long to wait after a fault of this kind; None until something else changes."""
    match kind:
        case Next.NEVER | Next.ON_COMMIT:
            return None
        case Next.AFTER:
            return max(0.0, retry_after_s or base_s) * (1.0 + 0.1 * random())
        case Next.BACK_OFF:
            return back_off_s(attempts, base_s=base_s, cap_s=cap_s, random=random)
