"""Frames of `wss://server:1530/agent/v1`: JSON text, one message each.

The handshake is `hello` → `welcome`; then both sides send as they need. The sender's identity is its client certificate
and is never read from a message. Objects over `INLINE_OBJECT_BYTES` are not sent in frames: the agent gets them with
`GET /agent/v1/objects/{sha256}` on the same port and certificate.
"""

from __future__ import annotations

from typing import Annotated, Any, Final, Literal

from pydantic import ConfigDict, Field, TypeAdapter

from schema.ids import Sha256
from schema.protocol.artifacts import AgentBuild
from schema.protocol.reports import Report, ShortText, Wire
from schema.protocol.signed import Signed
from schema.protocol.targets import MAX_ALONG as MAX_ALONG
from schema.protocol.targets import MAX_FRAME_BYTES as MAX_FRAME_BYTES
from schema.protocol.targets import Applied as Applied
from schema.protocol.targets import ObjectData as ObjectData
from schema.protocol.targets import Target as Target
from schema.time import Instant

PROTOCOL: Final = 1
MIN_PROTOCOL: Final = 1
PATH: Final = "/agent/v1"
INLINE_OBJECT_BYTES: Final = 256 * 1024
MAX_NEED: Final = 1_000
DEFAULT_PORT: Final = 1530
RENEW: Final = "renew"
"""Capability of a server: it answers `renew`."""
MAX_PEM_CHARS: Final = 16 * 1024
TRAITS_DELTA: Final = "traits-delta"
"""Capability of a server: it takes `traits_digests` and `traits_delta`; to any other, `traits` is sent whole. Of an
agent: it may be told `traits_need`."""
MAX_TRAITS: Final = 256
UPDATE: Final = "update"
"""Capability of an agent: it takes `update`."""
CHECK: Final = "check"
"""Capability of an agent: it takes `check`."""
MAX_CHECK_SPREAD_S: Final = 3_600.0
APPROVAL: Final = "approval"
"""Capability of an agent: it is pinned to approved plans, and wants each target with the approval of its plan."""
PROBE: Final = "probe"
"""Capability of an agent: it takes `probe`."""
MAX_PROBE_ID_CHARS: Final = 128
MAX_OUTPUT_CHARS: Final = 2_000
ProbeOutcome = Literal["passed", "failed", "timed_out", "interrupted", "refused"]
"""`failed`: another exit code, or it could not be run; `interrupted`: the agent ended while it ran; `refused`: the
agent does not carry such an order out."""


# agent → server


class Hello(Wire):
    """First frame of an agent."""

    type: Literal["hello"] = "hello"
    protocols: list[int] = Field(max_length=16)
    capabilities: list[str] = Field(default=[], max_length=64)
    agent_version: str = Field(max_length=64)
    applied: Applied | None = None
    traits_sha256: Sha256 | None = None
    """Of the traits last acknowledged."""
    dropped_reports: int = Field(default=0, ge=0)
    """How many reports the agent has had to drop since it was enrolled, its spool being full."""
    build: AgentBuild | None = None
    """What is installed, where that can be replaced by `update`."""


class Need(Wire):
    """Digests the agent lacks for the target it was given."""

    type: Literal["need"] = "need"
    sha256: list[Sha256] = Field(max_length=MAX_NEED)


class ReportMessage(Wire):
    """A run's report; kept in the agent's spool until acknowledged."""

    type: Literal["report"] = "report"
    report: Report


class Traits(Wire):
    """What the host says it is, whole. Sent when a trait that is not volatile differs from what was acknowledged last,
    and with each full check; to a server that takes less (`TRAITS_DELTA`), only when less does not do."""

    type: Literal["traits"] = "traits"
    sha256: Sha256
    """Of the canonical JSON of `traits`; what `Ack` and `Hello` name."""
    collected_at: Instant
    traits: dict[str, Any]
    errors: dict[str, ShortText] = {}
    """Trait → why it, or a part of it, could not be told."""


TraitName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,63}$")]


class TraitsDigests(Wire):
    """What the host says it is, by digest. Answered by `traits_need`, or by `ack` when the server has it all."""

    type: Literal["traits_digests"] = "traits_digests"
    sha256: Sha256
    """Of the whole, as in `Traits`."""
    collected_at: Instant
    digests: dict[TraitName, Sha256] = Field(max_length=MAX_TRAITS)
    """Trait → SHA-256 of its canonical JSON; what is not named is no more."""
    errors: dict[TraitName, ShortText] = Field(default={}, max_length=MAX_TRAITS)


class TraitsDelta(Wire):
    """Those traits that the server lacks, whole. Answered as `traits_digests` is."""

    type: Literal["traits_delta"] = "traits_delta"
    sha256: Sha256
    """Of the whole that comes of it."""
    collected_at: Instant
    traits: dict[TraitName, Any] = Field(max_length=MAX_TRAITS)
    kept: list[TraitName] = Field(max_length=MAX_TRAITS)
    """Traits that the server has as they are; all that are named neither here nor in `traits` are no more."""
    errors: dict[TraitName, ShortText] = Field(default={}, max_length=MAX_TRAITS)


class Refused(Wire):
    """The target was not accepted; the agent keeps what it has."""

    type: Literal["refused"] = "refused"
    assignment_sha256: Sha256
    code: str = Field(max_length=64)
    """rollback, foreign, signature, expired, mixed, format, size, unapproved"""
    message: ShortText


class Probed(Wire):
    """What came of the command of a health check."""

    type: Literal["probed"] = "probed"
    id: str = Field(max_length=MAX_PROBE_ID_CHARS)
    outcome: ProbeOutcome
    code: int | None = Field(default=None, ge=-255, le=255)
    """The exit code, where it ended by itself; negative for a signal."""
    output: str = Field(default="", max_length=MAX_OUTPUT_CHARS)
    """The last lines of what it said, secrets masked; why, where it was not run."""


class Renew(Wire):
    """A certificate for a new TLS key, please. Sent only to a server that has the capability."""

    type: Literal["renew"] = "renew"
    csr: str = Field(max_length=MAX_PEM_CHARS)
    """PEM, as at enrolment: P-256, with both key attributes as they were then."""


# server → agent


class Welcome(Wire):
    """First frame of the server."""

    type: Literal["welcome"] = "welcome"
    protocol: int
    time: Instant
    interval_s: float = 1800.0
    """How often the agent makes a full check, before jitter."""
    heartbeat_s: float = 60.0
    return_s: float = 0.0
    """What the server takes to let its whole fleet in. When it says goodbye (close codes 1001, 1011, 1012, 1013), or an
    attempt after a connection that broke comes to nothing, come back at a moment in so many seconds that the agent
    chooses. 0: not named, as after any failure."""
    capabilities: list[str] = Field(default=[], max_length=64)
    target: Target | None = None


class Apply(Wire):
    """A new target."""

    type: Literal["apply"] = "apply"
    target: Target


class Objects(Wire):
    """Answer to `need`: those known, in any order; `unknown` are not to be had."""

    type: Literal["objects"] = "objects"
    objects: list[ObjectData]
    unknown: list[Sha256] = []


class Ack(Wire):
    """A report or traits message is durable on the server: the agent may forget it."""

    type: Literal["ack"] = "ack"
    report_id: str | None = None
    traits_sha256: Sha256 | None = None


class TraitsNeed(Wire):
    """Traits that the server lacks, or has otherwise, of those that the message of this digest told of. Unasked, behind
    `welcome`: it does not have what `hello` says it acknowledged."""

    type: Literal["traits_need"] = "traits_need"
    sha256: Sha256
    names: list[TraitName] = Field(max_length=MAX_TRAITS)


class Renewed(Wire):
    """The certificate that was asked for. The one before it counts until this one is shown."""

    type: Literal["renewed"] = "renewed"
    certificate: str = Field(max_length=MAX_PEM_CHARS)
    """PEM: the agent's certificate, then any intermediates."""


class Update(Wire):
    """An agent to become, if it is one for this host and newer. Its bytes are an object of the manifest's digest, to be
    fetched by HTTPS. Sent only to an agent that has the capability."""

    type: Literal["update"] = "update"
    manifest: Signed
    """A `schema.protocol.artifacts.Manifest`, signed for `vigo-agent-artifact-v1`."""


class Check(Wire):
    """Somebody wants a full check, now or so. Sent only to an agent that has the capability."""

    type: Literal["check"] = "check"
    within_s: float = Field(default=0.0, ge=0, le=MAX_CHECK_SPREAD_S)
    """It begins at a moment in this time that the agent chooses, so that a fleet does not begin all at once."""


class Probe(Wire):
    """Run the command of a health check, once for each id, and say what came of it: `probed`. Asked again for the same
    id, the agent says it again. Sent only to an agent that has the capability."""

    type: Literal["probe"] = "probe"
    id: str = Field(max_length=MAX_PROBE_ID_CHARS)
    """As in the order: by which to answer, also where that cannot be read."""
    order: Signed
    """A `schema.protocol.probes.ProbeOrder`, signed for `vigo-probe-v1`."""
    approval: Signed | None = None
    """The `PlanApproval` that names the command, for a host that takes approved plans alone."""


class ErrorMessage(Wire):
    """Something the receiver did wrong; `fatal` means that the connection closes."""

    type: Literal["error"] = "error"
    code: str
    message: ShortText
    fatal: bool = False


AgentMessage = Annotated[
    Hello | Need | ReportMessage | Traits | TraitsDigests | TraitsDelta | Refused | Probed | Renew,
    Field(discriminator="type"),
]
ServerMessage = Annotated[
    Welcome | Apply | Objects | Ack | TraitsNeed | Renewed | Update | Check | Probe | ErrorMessage,
    Field(discriminator="type"),
]

# Made when the first message comes: not every process speaks, and an agent that runs once does not.
_LATE: Final = ConfigDict(defer_build=True)
AGENT_MESSAGE: Final[TypeAdapter[AgentMessage]] = TypeAdapter(AgentMessage, config=_LATE)
SERVER_MESSAGE: Final[TypeAdapter[ServerMessage]] = TypeAdapter(ServerMessage, config=_LATE)
