"""The boundary between the network and the hand that changes the host: calls that take bytes and answer bytes.

The link (network, no rights) holds an `Executor`; the executor (root, no network) verifies all that it is handed and
owns target, objects, spool and journal. Today both are threads of one process; since nothing but bytes crosses, they
can be two. What a compromised link can do is withhold, repeat and reorder; the executor accepts only what is signed.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Literal, Protocol

from pydantic import Field

from schema.ids import Sha256
from schema.protocol.messages import Applied
from schema.protocol.reports import Wire


class Executor(Protocol):
    """What the link may ask for. No method raises for anything that its argument holds."""

    def standing(self, nothing: bytes) -> bytes:
        """`Standing`: what is in force, and how it stands with the spool."""
        ...

    def offer(self, target: bytes) -> bytes:
        """`Verdict` over a `Target`, JSON as the server sent it. `accepted` means: durable and in force."""
        ...

    def store(self, data: bytes) -> bytes:
        """`Stored`: whether these bytes are an object that a verified target lacks, and are durable now."""
        ...

    def converge(self, trigger: bytes) -> bytes:
        """`Ran`: make the host what is in force says, for this `Trigger`; the report is in the spool."""
        ...

    def collect(self, nothing: bytes) -> bytes:
        """`Collected`: the traits of the host now."""
        ...

    def reports(self, after: bytes) -> bytes:
        """`Spooled`: the oldest reports behind this place (decimal), a few at a time."""
        ...

    def forget(self, sequence: bytes) -> bytes:
        """Let go of the report at this place (decimal): it is durable on the server. Answers `Standing`."""
        ...


class Notice(StrEnum):
    """What the executor says unasked."""

    DRIFTED = "drifted"  # the kernel saw a managed path change


class Standing(Wire):
    """How the executor stands."""

    applied: Applied | None = None
    dropped_reports: int = 0
    problem: str = ""
    """What a person should look at: damaged state, a full disk."""


class Verdict(Wire):
    """What became of an offered target.

    `held`: it is in force already. `incomplete`: good, but `need` is not at hand; offer it again when it is. `failed`:
    good, but it could not be made durable; offer it again later.
    """

    outcome: Literal["accepted", "held", "incomplete", "refused", "failed"]
    assignment_sha256: Sha256
    epoch: int = 0
    generation: int = 0
    code: str = ""
    message: str = ""
    need: list[Sha256] = []
    applied: Applied | None = None
    """What is in force after it."""

    @property
    def order(self) -> tuple[int, int]:
        """Its place among this envoy's targets."""
        return self.epoch, self.generation


class Stored(Wire):
    """What became of an object."""

    sha256: Sha256
    ok: bool
    message: str = ""


class Ran(Wire):
    """What became of a convergence."""

    status: str = ""
    """`converged`, `failed`, or empty when there was nothing to converge to."""
    reported: bool = False
    """Whether a report of it is in the spool. A look that found all as the last report says leaves none."""
    changed: int = 0
    failed: int = 0
    error: str = ""
    missing: list[Sha256] = []
    """Objects that were damaged on disk and must be fetched again."""


class Collected(Wire):
    """The traits: a `Traits` message as JSON, its digest, and the digest of what in it is not volatile."""

    sha256: Sha256
    stable_sha256: Sha256
    message: str


class SpooledReport(Wire):
    """A report that waits: its place, its id, and itself as JSON."""

    sequence: int
    id: str = Field(max_length=64)
    report: str


class Spooled(Wire):
    """Reports that wait behind `after`."""

    after: int
    reports: list[SpooledReport]
    more: bool
    dropped: int = 0
