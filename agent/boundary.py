"""The boundary between the network and the hand that changes the host: calls that take bytes and answer bytes.

The link (network, no rights) holds an `Executor`; the executor (root, no network) verifies all that it is handed and
owns target, objects, spool, journal and keys. They are two processes (`agent.supervisor`, `agent.crossing`), or threads
of one. What a compromised link can do is withhold, repeat and reorder; the executor accepts only what is signed. Of the
keys it sees the one that it shows to the server, and no other.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, Protocol

from pydantic import Field

from schema.ids import Sha256
from schema.protocol.artifacts import AgentBuild
from schema.protocol.reports import Wire
from schema.protocol.targets import Applied
from schema.time import Instant

CONNECTED: Final = "connected"
"""Behind the trigger of a run: the server is reached as it begins."""


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
        """`Ran`: make the host what is in force says, for this `Trigger`; the report is in the spool.

        A space and `CONNECTED` may stand behind the trigger.
        """
        ...

    def confirm(self, nothing: bytes) -> bytes:
        """The server was reached after the last run: what it changed stands. Answers `Standing`."""
        ...

    def put_back(self, nothing: bytes) -> bytes:
        """`Ran`: put back what was changed, could cut the host off, and was not confirmed, and report on that."""
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

    def present(self, nothing: bytes) -> bytes:
        """`Presented`: what this envoy shows to its server."""
        ...

    def request(self, nothing: bytes) -> bytes:
        """A certificate request (PEM) for a TLS key made just now; nothing where that failed."""
        ...

    def install(self, certificate: bytes) -> bytes:
        """`Installed`: whether this certificate (PEM) is the one that was asked for, and is durable now."""
        ...

    def update(self, manifest: bytes) -> bytes:
        """`Updated`: become the agent that this signed manifest names. Never while a run is under way."""
        ...

    def probe(self, probe: bytes, /) -> bytes:
        """`Probed`: what came of the command of a health check, for a `Probe` as the server sent it. Run once for each
        id; never two at once."""
        ...

    def remember(self, remembered: bytes) -> bytes:
        """Keep a `Remembered`, for people to look at and for the link's next life. Answers nothing."""
        ...


class Notice(StrEnum):
    """What the executor says unasked."""

    DRIFTED = "drifted"  # the kernel saw a managed path change


class KeptTraits(Wire):
    """Which traits the server acknowledged last."""

    sha256: Sha256
    stable_sha256: Sha256


class LinkStatus(Wire):
    """How the connection stands, for `status`."""

    connected: bool
    since: Instant
    server: str = Field(max_length=2_048)
    reason: str = Field(default="", max_length=500)
    """Why it is not connected."""
    skew_s: float = 0.0
    """The server's clock less ours, when it greeted us last."""


class Remembered(Wire):
    """What the link would have kept."""

    link: LinkStatus | None = None
    traits: KeptTraits | None = None


class Standing(Wire):
    """How the executor stands."""

    applied: Applied | None = None
    dropped_reports: int = 0
    problem: str = ""
    """What a person should look at: damaged state, a full disk."""
    traits: KeptTraits | None = None
    """Of the link's last life."""
    build: AgentBuild | None = None
    """What is installed, where that can be replaced."""
    unconfirmed: Literal["", "connected", "alone"] = ""
    """Whether a change that could cut the host off waits to be confirmed, and how it was with the server before it."""
    pinned: bool = False
    """Whether approved plans alone are taken."""


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
    unconfirmed: Literal["", "connected", "alone"] = ""
    """See `Standing`."""
    again_s: float | None = Field(default=None, ge=0)
    """When to look again at what stood back in a fight."""


class Collected(Wire):
    """The traits: a `Traits` message as JSON, its digest, and the digest of what in it is not volatile."""

    sha256: Sha256
    stable_sha256: Sha256
    message: str
    collected_at: Instant = 0
    digests: dict[str, Sha256] = {}
    """Trait → digest of its canonical JSON."""
    errors: dict[str, str] = {}


class Presented(Wire):
    """What the envoy shows to its server, and whom it takes for that: all PEM."""

    gateway_url: str
    ca: str
    certificate: str
    key: str = Field(repr=False)


class Installed(Wire):
    """What became of a certificate."""

    ok: bool
    message: str = ""


class Updated(Wire):
    """What became of an update. `incomplete`: good, but its bytes are not at hand; ask again when they are. `switched`:
    it is in force, and the agent begins anew."""

    outcome: Literal["refused", "incomplete", "switched"]
    version: str = ""
    sha256: str = ""
    """Of what is lacking."""
    code: str = ""
    message: str = ""


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
