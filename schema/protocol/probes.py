"""The command of a health check, as it travels to one host: what to run, for whom, until when.

An order is signed as an assignment is, for one envoy and one catalog, and lives for minutes. `created` grows from one
to the next of an envoy, so that none is carried out after a newer one; the id tells a repetition of the newest apart.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Annotated, Final, Literal

from pydantic import Field

from schema import canonical
from schema.ids import Commit, EnvoyId, Sha256, sha256
from schema.protocol.desired import SignedShape
from schema.protocol.messages import MAX_PROBE_ID_CHARS
from schema.shapes import CommandWords
from schema.time import MINUTE, SECOND, Instant

ORDER_FORMAT: Final = 1
MAX_TIMEOUT_S: Final = 300
LIFE: Final = 15 * MINUTE
"""Beyond its command's time: for clocks that differ, and for a host that comes back."""


class ProbeOrder(SignedShape):
    """Run this once."""

    format: Literal[1] = ORDER_FORMAT
    project: str
    envoy_id: EnvoyId
    id: str = Field(min_length=1, max_length=MAX_PROBE_ID_CHARS)
    """Of one attempt of one check on one host."""
    commit: Commit
    """That is rolled out, and says what to run."""
    catalog_sha256: Sha256
    """What the host is by then: on one that is anything else the answer would say nothing."""
    command: CommandWords
    returns: list[Annotated[int, Field(ge=0, le=255)]] = Field(min_length=1, max_length=256)
    timeout_s: int = Field(ge=1, le=MAX_TIMEOUT_S)
    created: Instant
    expires: Instant

    @property
    def digest(self) -> str:
        """By which an approval names what it runs."""
        return digest_of(self.command, self.returns, self.timeout_s)


def digest_of(command: Sequence[str], returns: Iterable[int], timeout_s: int) -> str:
    """SHA-256 of what a host is asked to run: all that people approve of it."""
    return sha256(canonical.dumps([list(command), sorted(set(returns)), timeout_s]))


def expiry(created: int, timeout_s: int) -> int:
    """Until when an order is carried out, microseconds."""
    return created + timeout_s * SECOND + LIFE
